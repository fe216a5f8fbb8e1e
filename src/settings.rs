//! [`Settings`]: what was typed and what the config file says, merged once. Nobody asks afterwards whether a flag was given.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::aws::model::{Access, Instance};
use crate::config::{AddressKind, Config, Escape, HostKeyPolicy, Options, RequestTty, Via, expand_home};
use crate::forward_spec::{Forward, Forwards};
use crate::login::{LoginSource, LoginUser};
use crate::target::{Selector, Target};
use crate::transport::tcp::IpFamily;

/// The default SSH port.
pub(crate) const DEFAULT_SSH_PORT: u16 = 22;

/// How one of several matching instances is chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Pick {
    /// None is chosen: the selector must match exactly one.
    #[default]
    Only,
    /// The instance that was launched last.
    Newest,
    /// The instance that was launched first.
    Oldest,
}

/// The options of the command line, beside the target.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Typed {
    /// The options that the config file has, too.
    pub options: Options,
    /// How one of several is chosen.
    pub pick: Pick,
    /// Start the instance if it is stopped.
    pub start: bool,
    /// The time for which a login is tried again.
    pub wait: Option<Duration>,
    /// Ask AWS nothing, and use what is remembered.
    pub offline: bool,
    /// The address family for a direct connection.
    pub family: IpFamily,
    /// The key is always a pushed one, whatever key file the config file names.
    pub pushed_key: bool,
    /// The options of ssh_config for the target, behind our own config file.
    pub ssh_config: Options,
    /// Nothing is forwarded by listeners (ClearAllForwardings).
    pub clear_forwards: bool,
}

/// The session beside its program: what the remote program learns of this side, and what is forwarded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SessionSettings {
    /// The patterns of variables that are sent beside the usual ones.
    pub send_env: Vec<String>,
    /// Variables with their values.
    pub set_env: Vec<(String, String)>,
    /// The terminal's type, in place of the local one.
    pub term: Option<String>,
    /// Whether there is a pty, unless `-t` or `-T` says so.
    pub request_tty: Option<RequestTty>,
    /// The command where none was typed.
    pub remote_command: Option<String>,
    /// The escape character of the terminal.
    pub escape: Escape,
    /// The forwards beside the session.
    pub forwards: Forwards,
}

/// How a connection that hangs is noticed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Patience {
    /// The seconds of silence after which a keepalive is sent; 0 sends none.
    pub server_alive_interval: Option<u32>,
    /// The number of unanswered keepalives that end the connection.
    pub server_alive_count_max: Option<u32>,
    /// The time limit of a direct connection and of the handshake, in seconds.
    pub connect_timeout: Option<u32>,
}

/// The resolved settings of one connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    /// The target as it was typed.
    pub target: Target,
    /// The AWS profile and region.
    pub access: Access,
    /// The login user if one was typed or configured; `None` leaves it to the image.
    pub user: Option<LoginUser>,
    /// The port on the instance.
    pub port: u16,
    /// The port where what was read as one is a part of the instance's name.
    pub configured_port: u16,
    /// The key file that `-i` or the config file names.
    pub identity: Option<PathBuf>,
    /// The kind of address that a direct connection dials.
    pub address: AddressKind,
    /// The route that was asked for.
    pub via: Via,
    /// How a new host key is treated.
    pub host_keys: HostKeyPolicy,
    /// The EC2 Instance Connect Endpoint to use, instead of the nearest.
    pub eice_id: Option<String>,
    /// The maximum duration of a tunnel through an endpoint, in seconds.
    pub max_tunnel_duration: Option<u32>,
    /// Whether SSH compresses, on any route.
    pub compress: bool,
    /// Whether connections to one instance share a pushed key for as long as it is good.
    pub share_key: bool,
    /// The service that says what the caller's address is, in place of AWS's; empty for none.
    pub checkip_url: Option<String>,
    /// The session beside its program.
    pub session: SessionSettings,
    /// How a connection that hangs is noticed.
    pub patience: Patience,
    /// The hosts that the connection goes through, as typed (`-J`).
    pub jump: Option<String>,
    /// How one of several is chosen.
    pub pick: Pick,
    /// Start the instance if it is stopped.
    pub start: bool,
    /// The time for which a login is tried again.
    pub wait: Option<Duration>,
    /// Ask AWS nothing: the instance is as it was when it was last found.
    pub offline: bool,
    /// The address family for a direct connection.
    pub family: IpFamily,
    typed: Typed,
    config: Arc<Config>,
}

impl Settings {
    /// Merges what was typed with the config file's tables for the selector.
    pub(crate) fn new(target: Target, typed: Typed, config: Arc<Config>) -> Self {
        let configured = config.options_for(&[&target.selector.to_string()]);
        Self::merge(target, typed, &configured, config)
    }

    /// Returns these settings for a connection without AWS.
    pub(crate) fn without_aws(&self) -> Self {
        let typed = Typed { offline: true, start: false, wait: None, ..self.typed.clone() };
        Self::new(self.target.clone(), typed, Arc::clone(&self.config))
    }

    /// Returns these settings for the same instance once more, whose host key is known by now.
    pub(crate) fn again(&self, instance: &Instance) -> Self {
        let mut typed = self.typed.clone();
        typed.options = Options {
            host_keys: Some(HostKeyPolicy::Strict),
            user: self.user.as_ref().map(|login| login.user.clone()),
            ..typed.options
        };
        (typed.pick, typed.start) = (Pick::Only, false);
        let target = Target { selector: Selector::Id(instance.id.clone()), ..self.target.clone() };
        let configured = Options { port: Some(self.port), ..self.configured(instance) };
        let merged = Self::merge(target, typed, &configured, Arc::clone(&self.config));
        Self { access: self.access.clone(), ..merged }
    }

    fn configured(&self, instance: &Instance) -> Options {
        let typed = self.target.selector.to_string();
        let names = [Some(typed.as_str()), instance.name.as_deref(), Some(instance.id.as_str())];
        self.config.options_for(&names.into_iter().flatten().collect::<Vec<_>>())
    }

    /// Merges again for the instance that was found: the tables that match its Name tag or its id count as well. Profile and region,
    /// by which it was found, stay.
    pub(crate) fn for_instance(&self, instance: &Instance) -> Self {
        let configured = self.configured(instance);
        let merged = Self::merge(self.target.clone(), self.typed.clone(), &configured, Arc::clone(&self.config));
        Self { access: self.access.clone(), ..merged }
    }

    /// Returns the port to reach on this instance.
    pub(crate) fn port_of(&self, instance: &Instance) -> u16 {
        let is_name = instance.name.is_some() && instance.name == self.target.whole_name();
        if is_name { self.configured_port } else { self.port }
    }

    /// Merges: the target's own user and port first, then the options typed, then the config file's.
    fn merge(target: Target, typed: Typed, configured: &Options, config: Arc<Config>) -> Self {
        let configured = configured.clone().or(&typed.ssh_config);
        let user = user(&target, &typed.options, &configured);
        let options = typed.options.clone().or(&configured);
        let session = session(&typed, &configured, &options);
        let jump = options.proxy_jump.filter(|jump| !jump.eq_ignore_ascii_case("none"));
        Self {
            access: Access { profile: options.profile, region: options.region },
            user,
            port: target.port.or(options.port).unwrap_or(DEFAULT_SSH_PORT),
            configured_port: options.port.unwrap_or(DEFAULT_SSH_PORT),
            identity: options.identity.filter(|_| !typed.pushed_key).map(|path| expand_home(&path)),
            address: options.address.unwrap_or_default(),
            // Without AWS there is no other route, and nothing but a known host key shows that the address is still the instance's.
            via: if typed.offline { Via::Direct } else { options.via.unwrap_or_default() },
            host_keys: if typed.offline { HostKeyPolicy::Strict } else { options.host_keys.unwrap_or_default() },
            eice_id: options.eice_id,
            max_tunnel_duration: options.max_tunnel_duration,
            compress: options.compress.unwrap_or_default(),
            share_key: options.share_key.unwrap_or(true),
            checkip_url: options.checkip_url,
            session,
            patience: Patience {
                server_alive_interval: options.server_alive_interval,
                server_alive_count_max: options.server_alive_count_max,
                connect_timeout: options.connect_timeout,
            },
            jump,
            pick: typed.pick,
            start: typed.start,
            wait: typed.wait,
            offline: typed.offline,
            family: typed.family,
            target,
            typed,
            config,
        }
    }
}

fn session(typed: &Typed, configured: &Options, options: &Options) -> SessionSettings {
    let set_env = options.set_env.iter().flatten();
    let set_env = set_env.filter_map(|pair| pair.split_once('='));
    SessionSettings {
        send_env: options.send_env.clone().unwrap_or_default(),
        set_env: set_env.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        term: options.term.clone(),
        request_tty: options.request_tty,
        remote_command: options.remote_command.clone().filter(|command| command != "none"),
        escape: options.escape_char.unwrap_or_default(),
        forwards: forwards(typed, configured, options),
    }
}

/// As in ssh, the forwards that were typed are added to those of the files.
fn forwards(typed: &Typed, configured: &Options, options: &Options) -> Forwards {
    let sources: &[&Options] = if typed.clear_forwards { &[] } else { &[&typed.options, configured] };
    let all = |of: fn(&Options) -> &Option<Vec<Forward>>| {
        sources.iter().flat_map(move |options| of(options).iter().flatten()).cloned()
    };
    Forwards {
        local: all(|options| &options.local_forward).chain(all(|options| &options.dynamic_forward)).collect(),
        remote: all(|options| &options.remote_forward).collect(),
        agent: options.forward_agent.unwrap_or_default(),
        exit_on_failure: options.exit_on_forward_failure.unwrap_or_default(),
        gateway: options.gateway_ports.unwrap_or_default(),
        unlink: options.stream_local_bind_unlink.unwrap_or_default(),
    }
}

fn user(target: &Target, typed: &Options, configured: &Options) -> Option<LoginUser> {
    let login = |source| move |user: &String| LoginUser { user: user.clone(), source };
    let typed = target.user.as_ref().or(typed.user.as_ref()).map(login(LoginSource::Typed));
    typed.or_else(|| configured.user.as_ref().map(login(LoginSource::Config)))
}

#[cfg(test)]
mod tests;
