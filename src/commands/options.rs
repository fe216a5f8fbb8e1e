//! The options that several commands share, as they are typed; and how they become a [`Wish`].

use std::path::PathBuf;

use clap::Args;

use crate::config::{AddressKind, Config, Options, Via, parse_endpoint_id};
use crate::connect::Wish;
use crate::error::CommandError;
use crate::plan::Request;
use crate::select::Pick;
use crate::ssh::client::Purpose;
use crate::target::{self, Target};
use crate::transport::tcp::Family;
use crate::ui::Volume;

/// Which AWS account and region.
#[derive(Args, Clone, Debug, Default)]
pub struct AwsOptions {
    /// Profile of the shared AWS config
    #[arg(long, value_name = "NAME", help_heading = "AWS")]
    pub profile: Option<String>,
    /// Region to look in
    #[arg(long, value_name = "REGION", help_heading = "AWS")]
    pub region: Option<String>,
}

/// How much is said.
#[derive(Args, Clone, Copy, Debug, Default)]
pub struct OutputOptions {
    /// Tell the steps with their times; -vv adds the libraries' tracing
    #[arg(short, long, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// Say nothing but errors and warnings
    #[arg(short, long)]
    pub quiet: bool,
}

impl From<OutputOptions> for Volume {
    fn from(options: OutputOptions) -> Self {
        Self { verbose: options.verbose, quiet: options.quiet }
    }
}

/// How to get to one instance.
#[derive(Args, Clone, Debug, Default)]
#[allow(missing_docs, reason = "the help texts are the documentation")]
pub struct ConnectOptions {
    #[command(flatten)]
    pub aws: AwsOptions,
    #[command(flatten)]
    pub output: OutputOptions,
    /// Log in as this user
    #[arg(short = 'l', long, value_name = "USER")]
    pub user: Option<String>,
    /// SSH port
    #[arg(short, long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    pub port: Option<u16>,
    /// Use this key file instead of a pushed key (a .pem must have mode 0400)
    #[arg(short, long, value_name = "FILE")]
    pub identity: Option<PathBuf>,
    /// How to reach it
    #[arg(long, value_enum, value_name = "ROUTE")]
    pub via: Option<Via>,
    /// Which address to connect to
    #[arg(long, value_enum, value_name = "KIND")]
    pub address: Option<AddressKind>,
    /// The EC2 Instance Connect Endpoint to go through, instead of the nearest
    #[arg(long, value_name = "ID", value_parser = parse_endpoint_id)]
    pub eice_id: Option<String>,
    /// End a tunnel through an endpoint after so many seconds (1 to 3600), where a policy demands it
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..=3600))]
    pub max_tunnel_duration: Option<u32>,
    /// IPv4 only, for a direct connection
    #[arg(short = '4', long = "ipv4", conflicts_with = "ipv6")]
    pub ipv4: bool,
    /// IPv6 only, for a direct connection
    #[arg(short = '6', long = "ipv6")]
    pub ipv6: bool,
    /// Among several matches take the one launched last
    #[arg(long, conflicts_with = "oldest")]
    pub newest: bool,
    /// Among several matches take the one launched first
    #[arg(long)]
    pub oldest: bool,
    /// Start a stopped instance, wait for it, connect
    #[arg(long)]
    pub start: bool,
    /// Answer yes to the question whether to start
    #[arg(long)]
    pub yes: bool,
}

impl ConnectOptions {
    /// What is wished for the INSTANCE as typed, the config file's word included.
    ///
    /// # Errors
    /// When the instance or a user cannot be read, or the config file not be used.
    pub fn wish(&self, typed_instance: &str) -> Result<Wish, CommandError> {
        let target: Target = typed_instance.parse()?;
        let config = Config::load_default()?;
        let configured = config.options_for(&target.instance.to_string());
        for user in [&self.user, &configured.user].into_iter().flatten() {
            target::check_user(user)?;
        }
        let typed = self.options();
        Ok(Wish {
            request: Request { target, typed, configured },
            pick: self.pick(),
            start: self.start,
            family: self.family(),
            purpose: Purpose::default(),
        })
    }

    fn options(&self) -> Options {
        Options {
            profile: self.aws.profile.clone(),
            region: self.aws.region.clone(),
            user: self.user.clone(),
            port: self.port,
            identity: self.identity.clone(),
            address: self.address,
            // Only where we check host keys ourselves is there an option for it.
            host_keys: None,
            // Who names an endpoint wants to go through it.
            via: self.via.or(self.eice_id.as_ref().map(|_| Via::Eice)),
            eice_id: self.eice_id.clone(),
            max_tunnel_duration: self.max_tunnel_duration,
        }
    }

    fn pick(&self) -> Pick {
        match (self.newest, self.oldest) {
            (true, _) => Pick::Newest,
            (_, true) => Pick::Oldest,
            _ => Pick::Only,
        }
    }

    fn family(&self) -> Family {
        match (self.ipv4, self.ipv6) {
            (true, _) => Family::V4,
            (_, true) => Family::V6,
            _ => Family::Any,
        }
    }
}
