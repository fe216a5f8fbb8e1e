//! `ec2ssh doctor TARGET`: finds why an instance cannot be connected to, and says what to type. It reads only, unless `--login` or `--fix`
//! is given.

mod lookup;
mod picture;
mod remedy;
mod report;

use std::net::IpAddr;
use std::path::PathBuf;

use clap::Args;

use super::options::{AwsOptions, OutputOptions, settings};
use super::prompts::prompter;
use crate::config::{AddressKind, Options, Via, parse_endpoint_id};
use crate::connect;
use crate::context::Ctx;
use crate::diagnose::answer;
use crate::error::CommandError;
use crate::facts::{CallerQuery, KeyFile, Question, gather};
use crate::plan::plan_route;
use crate::program::Purpose;
use crate::settings::{Settings, Typed};
use crate::ssh::key_file;
use crate::text::sanitize_json;

use report::Report;

/// The arguments of `ec2ssh doctor`.
#[derive(Args, Clone, Debug)]
#[allow(missing_docs, reason = "the help texts are the documentation")]
pub(crate) struct DoctorArgs {
    #[command(flatten)]
    pub aws: AwsOptions,
    #[command(flatten)]
    pub output: OutputOptions,
    /// Look at the login of this user
    #[arg(short = 'l', long, value_name = "USER")]
    pub user: Option<String>,
    /// Look at this SSH port
    #[arg(short, long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    pub port: Option<u16>,
    /// Look at the login with this key file
    #[arg(short, long, value_name = "FILE")]
    pub identity: Option<PathBuf>,
    /// Look at this route only
    #[arg(long, value_enum, value_name = "ROUTE")]
    pub via: Option<Via>,
    /// Look at this kind of address
    #[arg(long, value_enum, value_name = "KIND")]
    pub address: Option<AddressKind>,
    /// Look at this EC2 Instance Connect Endpoint (EICE)
    #[arg(long, value_name = "ID", value_parser = parse_endpoint_id)]
    pub eice_id: Option<String>,
    /// Judge the rules for this address, instead of this machine's
    #[arg(long, value_name = "ADDRESS")]
    pub from: Option<IpAddr>,
    /// Ask no service for this machine's public address
    #[arg(long)]
    pub no_checkip: bool,
    /// Log in as well, which may push a key
    #[arg(long)]
    pub login: bool,
    /// Offer to mend what can be mended safely, one by one
    #[arg(long, conflicts_with = "json")]
    pub fix: bool,
    /// Print the report as JSON
    #[arg(long)]
    pub json: bool,
    /// Id, address, DNS name, tag:KEY=VALUE, asg:NAME, or Name tag (exact, prefix or glob)
    #[arg(value_name = "TARGET")]
    pub target: String,
}

impl DoctorArgs {
    fn typed(&self) -> Typed {
        let options = Options {
            profile: self.aws.profile.clone(),
            region: self.aws.region.clone(),
            user: self.user.clone(),
            port: self.port,
            identity: self.identity.clone(),
            address: self.address,
            via: self.via.or(self.eice_id.as_ref().map(|_| Via::Eice)),
            eice_id: self.eice_id.clone(),
            ..Options::default()
        };
        Typed { options, ..Typed::default() }
    }
}

/// Gathers the facts, judges them and reports. The exit code is 1 if anything is in the way.
///
/// # Errors
/// The arguments or the config file are invalid, the instance is not found, or standard output cannot be written.
pub(crate) async fn run(ctx: &Ctx, args: DoctorArgs) -> Result<u8, CommandError> {
    let ui = &ctx.ui;
    let settings = settings(ctx, args.target.parse()?, args.typed())?;
    ui.doing(&format!("asking AWS for {}", settings.target.selector));
    let (aws, instance) = match ui.watch(lookup::find(ctx, &settings)).await {
        Ok(found) => found,
        Err(problem) if args.json => {
            let json = report::unfound(&problem);
            ui.out(&sanitize_json(&format!("{json:#}\n")))?;
            return Ok(1);
        }
        Err(problem) => return Err(problem.error),
    };
    let settings = settings.for_instance(&instance);
    let plan = plan_route(&settings, aws.account().clone(), instance).map_err(connect::Error::from)?;
    let url = ctx.options_for(&args.target)?.checkip_url;
    let no_service = args.no_checkip || url.as_deref() == Some("");
    let caller = CallerQuery { given: args.from, url, no_service };
    let key_file = settings.identity.as_deref().map(read_key_file);
    ui.doing(&format!("looking at the way to {}", plan.instance.id));
    let facts = ui.watch(gather(&aws, Question { settings: &settings, plan, key_file, caller })).await;
    let answer = answer(&facts);
    let login = if args.login && !answer.open.is_empty() { Some(log_in(ctx, &settings).await) } else { None };
    let report = Report::new(&facts, &answer, &args.target, login);
    if args.json {
        ui.out(&sanitize_json(&format!("{:#}\n", report.json()?)))?;
    } else {
        ui.out(&(report.text(args.output.verbose > 0, ui.stdout_layout()) + "\n"))?;
    }
    if args.fix {
        remedy::offer(ctx, &aws, report.fixes()).await?;
    }
    Ok(u8::from(!report.is_well()))
}

/// Reads the caller's key file as far as it goes without a passphrase.
fn read_key_file(path: &std::path::Path) -> KeyFile {
    let path = path.to_owned();
    match key_file::KeyFile::open(&path) {
        Ok(file) => KeyFile { path, problem: None, fingerprints: file.fingerprints() },
        Err(error) => {
            let is_mode = matches!(error, key_file::Error::Mode { own: true, .. });
            KeyFile { path, problem: Some((error.to_string(), is_mode)), fingerprints: Vec::new() }
        }
    }
}

/// Logs in as a connection does, and ends it; returns who logged in.
async fn log_in(ctx: &Ctx, settings: &Settings) -> Result<String, CommandError> {
    let events = prompter(&ctx.ui, false);
    ctx.ui.doing("logging in");
    let session = connect::session(&ctx.aws, settings.clone(), Purpose::Bulk, &events);
    let session = ctx.ui.watch(session).await?;
    session.connection.close().await;
    Ok(session.plan.login.user)
}
