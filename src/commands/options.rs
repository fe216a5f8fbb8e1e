//! The command-line options that several commands share, and their conversion into what was [`Typed`].

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;

use crate::aws::model::Access;
use crate::config::{AddressKind, HostKeyPolicy, Options, Via, parse_endpoint_id};
use crate::context::Ctx;
use crate::error::{CommandError, ErrorKind};
use crate::find;
use crate::settings::{Pick, Settings, Typed};
use crate::target::{self, Target};
use crate::transport::tcp::IpFamily;
use crate::ui::Verbosity;

/// Merges what was typed with the config file into the settings of one connection.
///
/// # Errors
/// The target or a user is invalid, or the config file cannot be used.
pub(crate) fn settings(ctx: &Ctx, target: Target, typed: Typed) -> Result<Settings, CommandError> {
    let config = Arc::clone(ctx.config()?);
    if let Some(user) = &typed.options.user {
        target::check_user(user)?;
    }
    if let (true, Some(via @ (Via::Eice | Via::Ssm))) = (typed.offline, typed.options.via) {
        let error =
            CommandError::new(ErrorKind::Usage, format!("--offline asks AWS nothing, and --via {via} needs AWS"));
        return Err(error.hint("without --via, a direct connection is made"));
    }
    Ok(Settings::new(target, typed, config))
}

/// Returns the error of a command that does not connect: where several match, its TARGET is to be one of their ids.
pub(super) fn lookup_error(error: find::Error) -> CommandError {
    let is_ambiguous = matches!(error, find::Error::Ambiguous { .. });
    let mut error = CommandError::from(error);
    if is_ambiguous {
        error.hints = vec!["use the id of one of them as TARGET".to_owned()];
    }
    error
}

/// The options for the AWS account and region.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct AwsOptions {
    /// Use this profile of the shared AWS config
    #[arg(long, value_name = "NAME", help_heading = "AWS")]
    pub profile: Option<String>,
    /// Look for instances in this region
    #[arg(long, value_name = "REGION", help_heading = "AWS")]
    pub region: Option<String>,
}

impl AwsOptions {
    /// Returns the profile and region to use for a selector, with the config file's where none was typed.
    ///
    /// # Errors
    /// The config file cannot be used.
    pub(crate) fn access(self, ctx: &Ctx, selector: &str) -> Result<Access, CommandError> {
        let typed = Options { profile: self.profile, region: self.region, ..Options::default() };
        let options = typed.or(&ctx.options_for(selector)?);
        Ok(Access { profile: options.profile, region: options.region })
    }
}

/// The options for the amount of output.
#[derive(Args, Clone, Copy, Debug, Default)]
pub(crate) struct OutputOptions {
    /// Show steps with timings; -vv adds the libraries' tracing
    #[arg(short, long, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// Show nothing but errors
    #[arg(short, long)]
    pub quiet: bool,
}

impl From<OutputOptions> for Verbosity {
    fn from(options: OutputOptions) -> Self {
        Self { verbose: options.verbose, quiet: options.quiet }
    }
}

/// The options for the choice among several matches.
#[derive(Args, Clone, Copy, Debug, Default)]
pub(crate) struct PickArgs {
    /// Use the match that was launched last
    #[arg(long, overrides_with = "oldest")]
    pub newest: bool,
    /// Use the match that was launched first
    #[arg(long, overrides_with = "newest")]
    pub oldest: bool,
}

impl PickArgs {
    fn pick(self) -> Pick {
        match (self.newest, self.oldest) {
            (true, _) => Pick::Newest,
            (_, true) => Pick::Oldest,
            _ => Pick::Only,
        }
    }
}

/// The options of a command that finds one instance and needs no login.
#[derive(Args, Clone, Debug, Default)]
#[allow(missing_docs, reason = "the help texts are the documentation")]
pub(crate) struct FindArgs {
    #[command(flatten)]
    pub aws: AwsOptions,
    #[command(flatten)]
    pub output: OutputOptions,
    #[command(flatten)]
    pub pick: PickArgs,
    /// Start a stopped instance and wait for it
    #[arg(long)]
    pub start: bool,
    /// Try again for this many seconds while the instance is not ready (without a number: 300)
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, require_equals = true, default_missing_value = "300",
        value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub wait: Option<u64>,
    /// Answer questions with yes
    #[arg(long)]
    pub yes: bool,
}

impl FindArgs {
    /// Returns what was typed.
    pub(crate) fn typed(&self) -> Typed {
        let options =
            Options { profile: self.aws.profile.clone(), region: self.aws.region.clone(), ..Options::default() };
        let (start, wait) = (self.start, self.wait.map(Duration::from_secs));
        Typed { options, pick: self.pick.pick(), start, wait, ..Typed::default() }
    }
}

/// The options for connecting to one instance.
#[derive(Args, Clone, Debug, Default)]
#[allow(missing_docs, reason = "the help texts are the documentation")]
pub(crate) struct ConnectArgs {
    #[command(flatten)]
    pub aws: AwsOptions,
    #[command(flatten)]
    pub output: OutputOptions,
    /// Log in as this user
    #[arg(short = 'l', long, value_name = "USER")]
    pub user: Option<String>,
    /// Connect to this SSH port
    #[arg(short, long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    pub port: Option<u16>,
    /// Use this key file instead of a pushed key (a .pem must have mode 0400)
    #[arg(short, long, value_name = "FILE")]
    pub identity: Option<PathBuf>,
    /// Use this route to the instance
    #[arg(long, value_enum, value_name = "ROUTE")]
    pub via: Option<Via>,
    /// Connect to this kind of address
    #[arg(long, value_enum, value_name = "KIND")]
    pub address: Option<AddressKind>,
    /// Use this EC2 Instance Connect Endpoint (EICE) instead of the nearest
    #[arg(long, value_name = "ID", value_parser = parse_endpoint_id)]
    pub eice_id: Option<String>,
    /// Push a key for this connection alone, instead of sharing one with others to the instance
    #[arg(long)]
    pub no_share_key: bool,
    /// End an EICE tunnel after this many seconds (1 to 3600), if a policy requires a limit
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..=3600))]
    pub max_tunnel_duration: Option<u32>,
    /// Use IPv4 only, for a direct connection
    #[arg(short = '4', long = "ipv4", overrides_with = "ipv6")]
    pub ipv4: bool,
    /// Use IPv6 only, for a direct connection
    #[arg(short = '6', long = "ipv6", overrides_with = "ipv4")]
    pub ipv6: bool,
    #[command(flatten)]
    pub pick: PickArgs,
    /// Start a stopped instance, wait for it and connect
    #[arg(long)]
    pub start: bool,
    /// Try again until the instance accepts the login, for this many seconds
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, require_equals = true, default_missing_value = "300",
        value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub wait: Option<u64>,
    /// Ask AWS nothing: reach the instance as it was when it was last found, if its host key is known
    #[arg(long, conflicts_with_all = ["start", "wait", "eice_id"])]
    pub offline: bool,
    /// Do not ask before starting an instance (with --start)
    #[arg(long)]
    pub yes: bool,
}

impl ConnectArgs {
    /// Returns what was typed; the commands that have an option for the host key policy add it.
    pub(crate) fn typed(&self, host_keys: Option<HostKeyPolicy>) -> Typed {
        Typed {
            options: self.options(host_keys),
            pick: self.pick.pick(),
            start: self.start,
            wait: self.wait.map(Duration::from_secs),
            offline: self.offline,
            family: self.family(),
            pushed_key: false,
            ..Typed::default()
        }
    }

    fn options(&self, host_keys: Option<HostKeyPolicy>) -> Options {
        Options {
            profile: self.aws.profile.clone(),
            region: self.aws.region.clone(),
            user: self.user.clone(),
            port: self.port,
            identity: self.identity.clone(),
            address: self.address,
            host_keys,
            // --eice-id implies the route through that endpoint.
            via: self.via.or(self.eice_id.as_ref().map(|_| Via::Eice)),
            eice_id: self.eice_id.clone(),
            max_tunnel_duration: self.max_tunnel_duration,
            compress: None,
            share_key: self.no_share_key.then_some(false),
            ..Options::default()
        }
    }

    fn family(&self) -> IpFamily {
        match (self.ipv4, self.ipv6) {
            (true, _) => IpFamily::V4,
            (_, true) => IpFamily::V6,
            _ => IpFamily::Any,
        }
    }
}
