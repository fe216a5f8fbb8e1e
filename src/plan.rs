//! The plans: everything that a connection needs, resolved by pure functions from the [`Settings`] and the instance found.
//! [`RoutePlan`] says how to reach a port of the instance, and is known as soon as the instance is; [`Plan`] adds the login.
//! `--dry-run` prints them, and the later steps read nothing else.

pub(crate) mod address;
pub(crate) mod endpoint;
pub(crate) mod order;

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::aws::model::{Account, Instance, State};
use crate::config::{AddressKind, HostKeyPolicy, Via};
use crate::login::LoginUser;
use crate::settings::{SessionSettings, Settings};
use crate::target::Selector;
use crate::text::sanitize;
use crate::transport::tcp::IpFamily;

use address::{Address, addresses};
use order::{Route, order};

/// The means by which the instance admits the login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Authorization {
    /// A fresh key, pushed through EC2 Instance Connect.
    Push,
    /// A key file whose public half the instance knows already.
    KeyFile(PathBuf),
}

/// Everything needed to reach a port of the instance, whatever is spoken there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RoutePlan {
    /// The account and region of the instance.
    pub account: Account,
    /// The instance to reach.
    pub instance: Instance,
    /// The route that was requested.
    pub via: Via,
    /// The addresses that a direct connection dials, in the order in which they are raced.
    pub addresses: Vec<Address>,
    /// The address that was typed as the target: only it is dialed directly.
    pub typed_address: Option<IpAddr>,
    /// The requested kind of address.
    pub address_kind: AddressKind,
    /// The address family for a direct connection.
    pub family: IpFamily,
    /// The options for an EC2 Instance Connect Endpoint.
    pub tunnel: EiceOptions,
    /// The port on the instance.
    pub port: u16,
}

/// Options for a tunnel through an EC2 Instance Connect Endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct EiceOptions {
    /// The endpoint that was requested; `None` selects the nearest.
    pub endpoint_id: Option<String>,
    /// The maximum duration in seconds; `None` leaves it to the service, which allows an hour.
    pub max_duration: Option<u32>,
}

/// Everything needed to log in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    /// How the SSH port is reached.
    pub route: RoutePlan,
    /// The user to log in as.
    pub login: LoginUser,
    /// How the instance admits the login.
    pub authorization: Authorization,
    /// How a new host key is treated.
    pub host_keys: HostKeyPolicy,
    /// The part of the local environment that the remote program learns.
    pub session: SessionSettings,
}

/// Why there is no plan.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Error {
    /// The instance has no address of the requested kind.
    #[error("{} has no {}", .0.id, address_kind_name(*.1))]
    NoAddress(Box<Instance>, AddressKind),
}

fn address_kind_name(kind: AddressKind) -> &'static str {
    match kind {
        AddressKind::Auto => "address",
        AddressKind::Public => "public address",
        AddressKind::Private => "private address",
        AddressKind::Ipv6 => "IPv6 address",
    }
}

/// Plans how to reach the instance.
///
/// # Errors
/// Fails if a direct connection is the only route and the instance has no address of the requested kind.
pub(crate) fn plan_route(settings: &Settings, account: Account, instance: Instance) -> Result<RoutePlan, Error> {
    let typed_address =
        typed_address(&settings.target.selector, &instance).filter(|_| settings.address == AddressKind::Auto);
    let addresses = match typed_address {
        Some(typed) => vec![Address::Ip(typed)],
        None => addresses(&instance, settings.address),
    };
    // An address kind implies a direct connection, unless another route was requested as well.
    let is_direct = settings.via == Via::Direct || (settings.via == Via::Auto && settings.address != AddressKind::Auto);
    if addresses.is_empty() && is_direct {
        return Err(Error::NoAddress(Box::new(instance), settings.address));
    }
    let port = settings.port_of(&instance);
    Ok(RoutePlan {
        account,
        instance,
        via: settings.via,
        addresses,
        address_kind: settings.address,
        family: settings.family,
        tunnel: EiceOptions { endpoint_id: settings.eice_id.clone(), max_duration: settings.max_tunnel_duration },
        port,
        typed_address,
    })
}

/// Returns the address that the selector names: an IP address, or the one that a private DNS name stands for. A public DNS name is
/// dialed as it is.
fn typed_address(selector: &Selector, instance: &Instance) -> Option<IpAddr> {
    match selector {
        Selector::Address(address) => Some(*address),
        Selector::PrivateDns(_) => instance.private_ip.map(IpAddr::V4),
        _ => None,
    }
}

/// Adds the login to a route plan.
pub(crate) fn plan(settings: &Settings, route: RoutePlan, login: LoginUser) -> Plan {
    let authorization = settings.identity.clone().map_or(Authorization::Push, Authorization::KeyFile);
    Plan { route, login, authorization, host_keys: settings.host_keys, session: settings.session.clone() }
}

impl RoutePlan {
    /// Whether a direct connection dials a private address, at which another machine may answer here.
    pub(crate) fn dials_private(&self) -> bool {
        match self.typed_address {
            Some(IpAddr::V4(address)) => Selector::is_private(address),
            Some(IpAddr::V6(_)) => false,
            None => !self.instance.has_public_address(),
        }
    }

    /// Whether neither an address nor a kind of address was requested.
    pub(crate) fn is_typical(&self) -> bool {
        self.address_kind == AddressKind::Auto && self.typed_address.is_none()
    }

    /// Returns the possible routes in their order, for the user.
    fn routes(&self) -> String {
        let describe = |route: &Route| match route {
            Route::Direct => {
                let addresses: Vec<_> = self.addresses.iter().map(ToString::to_string).collect();
                let typed = if self.typed_address.is_some() { " (the address that was typed)" } else { "" };
                format!("direct to {}{typed}", addresses.join(", "))
            }
            Route::Eice => match &self.tunnel.endpoint_id {
                Some(id) => format!("EC2 Instance Connect Endpoint (EICE) {id}"),
                None => "EC2 Instance Connect Endpoint (EICE)".to_owned(),
            },
            Route::Ssm => "Session Manager".to_owned(),
        };
        let all: Vec<_> = order(self.via, &self.addresses, None).iter().map(describe).collect();
        format!("{}, port {}", all.join(", else "), self.port)
    }
}

impl Plan {
    /// Returns the plan as JSON, for programs.
    pub(crate) fn to_json(&self) -> Value {
        let route = &self.route;
        json!({
            "instance": route.instance,
            "region": route.account.region,
            "profile": route.account.profile,
            "user": self.login.user,
            "userSource": self.login.source.to_string(),
            "key": match &self.authorization {
                Authorization::Push => json!({ "kind": "pushed", "algorithm": "ssh-ed25519" }),
                Authorization::KeyFile(path) => json!({ "kind": "file", "path": path.display().to_string() }),
            },
            "via": route.via.to_string(),
            "typedAddress": route.typed_address,
            "addresses": route.addresses.iter().map(Address::raw).collect::<Vec<_>>(),
            "port": route.port,
            "hostKeys": self.host_keys.to_string(),
        })
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (instance, account) = (&self.route.instance, &self.route.account);
        let name = instance.name.as_deref().map_or(String::new(), |name| format!(" ({})", sanitize(name)));
        let zone = instance.zone.as_deref().unwrap_or("zone unknown");
        writeln!(f, "instance   {}{name}, {}, {}", instance.id, instance.state.as_str(), sanitize(zone))?;
        let profile = account.profile.as_deref().map_or(String::new(), |name| format!(", profile {name}"));
        if instance.state != State::Running {
            writeln!(
                f,
                "start      it is {} and would be started; a public address is known only then",
                instance.state.as_str()
            )?;
        }
        writeln!(f, "account    region {}{profile}", account.region)?;
        writeln!(f, "user       {} ({})", self.login.user, self.login.source)?;
        match &self.authorization {
            Authorization::Push => writeln!(f, "key        a fresh ed25519 key, pushed through EC2 Instance Connect")?,
            Authorization::KeyFile(path) => writeln!(f, "key        {}", path.display())?,
        }
        writeln!(f, "route      {}", self.route.routes())?;
        write!(f, "host key   {}", self.host_keys)
    }
}

#[cfg(test)]
mod tests;
