//! `ec2ssh list [PATTERN]`: lists instances as a table or as JSON.

use clap::Args;

use super::options::{AwsOptions, OutputOptions};
use crate::aws::instances::Query;
use crate::aws::model::Instance;
use crate::aws::{Aws, Settings};
use crate::config::{Config, Options};
use crate::error::CommandError;
use crate::names::{self, CachedNames};
use crate::target::Selector;
use crate::terminal::raw;
use crate::text::sanitize_json;
use crate::ui::Ui;
use crate::ui::table::Table;
use crate::when::{age, now};

/// The arguments of `ec2ssh list`.
#[derive(Args, Clone, Debug)]
#[allow(missing_docs, reason = "the help texts are the documentation")]
pub struct ListArgs {
    #[command(flatten)]
    pub aws: AwsOptions,
    #[command(flatten)]
    pub output: OutputOptions,
    /// Print JSON with every field
    #[arg(long)]
    pub json: bool,
    /// List only the instances that match; same syntax as TARGET
    #[arg(value_name = "PATTERN")]
    pub pattern: Option<String>,
}

/// Lists the instances, and updates the completion cache if there is no pattern.
///
/// # Errors
/// Fails if the pattern or the config file is invalid, if the request to AWS fails, or if standard output cannot be
/// written.
pub async fn run(ui: &Ui, args: ListArgs) -> Result<u8, CommandError> {
    let selector: Option<Selector> = args.pattern.as_deref().map(str::parse).transpose()?;
    let config = Config::load_default()?;
    let typed = Options { profile: args.aws.profile, region: args.aws.region, ..Options::default() };
    let options = typed.or(&config.options_for(args.pattern.as_deref().unwrap_or_default()));
    let (profile, region) = (options.profile, options.region);
    let aws = Aws::load(Settings { profile: profile.clone(), region: region.clone(), ..Settings::default() }).await?;
    let found = match &selector {
        Some(selector) => aws.search(selector).await?,
        None => aws.instances(&Query::all()).await?,
    };
    if selector.is_none() {
        // This saves the completions a request of their own. They refresh the cache themselves if it fails.
        let _ = names::save(&names::key(profile.as_deref(), region.as_deref()), CachedNames::of(&found, now()));
    }
    if args.json {
        let text = serde_json::to_string_pretty(&found).map_err(std::io::Error::other)?;
        ui.out(&(sanitize_json(&text) + "\n"))?;
        return Ok(0);
    }
    if found.is_empty() {
        let account = aws.account();
        let profile = account.profile.as_deref().map_or(String::new(), |name| format!(" with profile {name}"));
        ui.notice(&format!("No instances found in region {}{profile}.", account.region));
        return Ok(0);
    }
    let width = raw::stdout_is_terminal().then(raw::size).flatten().map(|size| size.columns.into());
    ui.out(&table(&found, now()).render(width))?;
    Ok(0)
}

/// Returns the table of instances, with ages relative to `now` (seconds since the Unix epoch).
pub fn table(instances: &[Instance], now: i64) -> Table {
    let mut table = Table::new(&["NAME", "ID", "STATE", "TYPE", "ZONE", "PUBLIC", "PRIVATE", "AGE"]);
    let text = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
    for instance in instances {
        let public = instance.public_ip.map(|ip| ip.to_string()).or(instance.ipv6.first().map(ToString::to_string));
        table.push(vec![
            text(instance.name.clone()),
            instance.id.clone(),
            instance.state.as_str().to_owned(),
            instance.instance_type.clone(),
            text(instance.zone.clone()),
            text(public),
            text(instance.private_ip.map(|ip| ip.to_string())),
            text(instance.launched.map(|then| age(now, then))),
        ]);
    }
    table
}
