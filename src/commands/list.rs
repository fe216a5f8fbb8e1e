//! `ec2ssh list [PATTERN]`: lists instances as a table or as JSON.

use clap::Args;

use super::options::{AwsOptions, OutputOptions};
use crate::aws::instances::Query;
use crate::aws::model::Instance;
use crate::aws::{self, Aws};
use crate::context::Ctx;
use crate::error::CommandError;
use crate::find::completion_cache::{self, CachedNames};
use crate::table::{Column, Table, state_style};
use crate::target::Selector;
use crate::text::sanitize_json;
use crate::ui::Ui;
use crate::ui::progress::Unit;
use crate::when::{age, now};

/// The arguments of `ec2ssh list`.
#[derive(Args, Clone, Debug)]
#[allow(missing_docs, reason = "the help texts are the documentation")]
pub(crate) struct ListArgs {
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
pub(crate) async fn run(ctx: &Ctx, args: ListArgs) -> Result<u8, CommandError> {
    let ui = &ctx.ui;
    let selector: Option<Selector> = args.pattern.as_deref().map(str::parse).transpose()?;
    let access = args.aws.access(ctx, args.pattern.as_deref().unwrap_or_default())?;
    ui.doing("loading the AWS credentials");
    let aws = ui.watch(ctx.aws.get(&access, false)).await?;
    let found = read(ui, &aws, selector.as_ref()).await?;
    if selector.is_none() {
        // This saves the completions a request of their own. They refresh the cache themselves if it fails.
        let key = completion_cache::key(access.profile.as_deref(), access.region.as_deref());
        let _ = completion_cache::save(&key, CachedNames::of(&found, now()));
    }
    if args.json {
        let text = serde_json::to_string_pretty(&found).map_err(std::io::Error::other)?;
        ui.out(&(sanitize_json(&text) + "\n"))?;
        return Ok(0);
    }
    if found.is_empty() {
        let account = aws.account();
        let profile = account.profile.as_deref().map_or(String::new(), |name| format!(" with profile {name}"));
        let what = args
            .pattern
            .as_deref()
            .map_or("No instances found".to_owned(), |pattern| format!("No instance matches '{pattern}'"));
        ui.notice(&format!("{what} in region {}{profile}.", account.region));
        return Ok(0);
    }
    ui.out(&table(&found, now()).render(ui.stdout_layout()))?;
    Ok(0)
}

/// Returns the instances that match. An account with thousands takes seconds, page by page.
async fn read(ui: &Ui, aws: &Aws, selector: Option<&Selector>) -> Result<Vec<Instance>, aws::Error> {
    let progress = ui.progress_bar("reading instances", Unit::Count, None);
    let on_page = |count| progress.set(u64::try_from(count).unwrap_or(u64::MAX));
    match selector {
        Some(selector) => progress.watch(aws.search(selector, on_page)).await,
        None => progress.watch(aws.instances_by_page(&Query::all(), on_page)).await,
    }
}

/// Returns the table of instances, with ages relative to `now` (seconds since the Unix epoch).
pub(crate) fn table(instances: &[Instance], now: i64) -> Table {
    let mut table = Table::new(&[
        Column::cut("NAME"),
        Column::keep("ID"),
        Column::keep("STATE").styled(state_style),
        Column::drop("TYPE", 2),
        Column::drop("ZONE", 1),
        Column::drop("PUBLIC", 5),
        Column::drop("PRIVATE", 4),
        Column::drop("AGE", 3),
    ]);
    let text = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
    for instance in instances {
        let public: Vec<String> =
            instance.public_ip.iter().chain(&instance.other_public_ips).map(ToString::to_string).collect();
        let public = (!public.is_empty()).then(|| public.join(" ")).or(instance.ipv6.first().map(ToString::to_string));
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

#[cfg(test)]
mod tests;
