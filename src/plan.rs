//! Builds the [`Plan`] from the command line, the config file and AWS's responses with a pure function. The plan is
//! fully resolved and printable: `--dry-run` prints it, and the later steps read only it.

pub mod route;

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::aws::model::{Account, Image, Instance};
use crate::config::{AddressKind, HostKeyPolicy, Options, Via};
use crate::login::{self, FALLBACK_USER};
use crate::target::Target;
use crate::text::sanitize;

/// The default port of SSH.
const DEFAULT_SSH_PORT: u16 = 22;

/// The user's request: the command line, and the config file for what it leaves open.
#[derive(Clone, Debug)]
pub struct Request {
    /// The target as typed, `[USER@]TARGET[:PORT]`.
    pub target: Target,
    /// The options from the command line.
    pub typed: Options,
    /// The options from the config file for this instance.
    pub configured: Options,
}

impl Request {
    /// Returns the effective options: typed ones take precedence over configured ones.
    pub fn options(&self) -> Options {
        self.typed.clone().or(&self.configured)
    }

    /// Returns the requested user and its source; `None` leaves the choice to the image.
    pub fn user(&self) -> Option<LoginUser> {
        let typed = self.target.user.as_ref().or(self.typed.user.as_ref());
        let login = |user: &String, source| LoginUser { user: user.clone(), source };
        typed
            .map(|user| login(user, LoginSource::Typed))
            .or_else(|| self.configured.user.as_ref().map(|user| login(user, LoginSource::Config)))
    }
}

/// The login user and its source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginUser {
    /// The name of the user.
    pub user: String,
    /// The source of the name.
    pub source: LoginSource,
}

/// The source of a login user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoginSource {
    /// Typed as `USER@` or `-l`.
    Typed,
    /// Set in the config file.
    Config,
    /// The default user of the image.
    Image {
        /// The image's name; untrusted text.
        image: String,
        /// The distribution of the image.
        distribution: &'static str,
    },
    /// The fallback user, because nothing else was known.
    Fallback,
}

impl fmt::Display for LoginSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Typed => f.write_str("as typed"),
            Self::Config => f.write_str("from the config file"),
            Self::Image { image, distribution } => {
                write!(f, "default user of {distribution}, from the image {}", sanitize(image))
            }
            Self::Fallback => f.write_str("fallback user: the AMI's distribution is unknown"),
        }
    }
}

/// Returns the login user for an image if no user was requested.
pub fn default_login_user(image: Option<&Image>) -> LoginUser {
    match image.and_then(|image| Some((image, login::distribution(image)?))) {
        Some((image, found)) => {
            let image = if image.name.is_empty() { "(no name)".to_owned() } else { image.name.clone() };
            let source = LoginSource::Image { image, distribution: found.name };
            LoginUser { user: found.user.to_owned(), source }
        }
        None => LoginUser { user: FALLBACK_USER.to_owned(), source: LoginSource::Fallback },
    }
}

/// The way in which the instance authorizes the login key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Authorization {
    /// A new key is pushed through EC2 Instance Connect.
    Push,
    /// A key file that the instance already accepts.
    KeyFile(PathBuf),
}

/// An address for a direct connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A DNS name, and the address to use if it does not resolve.
    Name(String, Option<IpAddr>),
    /// An IPv4 or IPv6 address.
    Ip(IpAddr),
}

impl Address {
    /// Returns the address as AWS returned it, unescaped, for JSON output.
    fn raw(&self) -> String {
        match self {
            Self::Name(name, _) => name.clone(),
            Self::Ip(ip) => ip.to_string(),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name, _) => f.write_str(&sanitize(name)),
            Self::Ip(ip) => ip.fmt(f),
        }
    }
}

/// A fully resolved connection: everything that is needed to connect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The account and region of the instance.
    pub account: Account,
    /// The instance to connect to.
    pub instance: Instance,
    /// The login user and its source.
    pub login: LoginUser,
    /// The way in which the key is authorized.
    pub authorization: Authorization,
    /// The requested route, or automatic choice.
    pub via: Via,
    /// The addresses that a direct connection dials, raced in this order.
    pub addresses: Vec<Address>,
    /// The kind of address that was requested.
    pub address_kind: AddressKind,
    /// The options for an EC2 Instance Connect Endpoint.
    pub tunnel: EiceOptions,
    /// The port of the SSH server.
    pub port: u16,
    /// The policy for a new host key.
    pub host_keys: HostKeyPolicy,
}

/// The options of a tunnel through an EC2 Instance Connect Endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EiceOptions {
    /// The id of the requested endpoint; `None` chooses the nearest.
    pub endpoint_id: Option<String>,
    /// The maximum duration in seconds; `None` uses the service's limit of one hour.
    pub max_duration: Option<u32>,
}

/// The error of a plan that cannot be made.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The instance has no address of the requested kind.
    #[error("{} has no {}", .0.id, kind(*.1))]
    NoAddress(Box<Instance>, AddressKind),
}

fn kind(kind: AddressKind) -> &'static str {
    match kind {
        AddressKind::Auto => "address",
        AddressKind::Public => "public address",
        AddressKind::Private => "private address",
        AddressKind::Ipv6 => "IPv6 address",
    }
}

/// Makes the plan for one connection.
///
/// # Errors
/// [`Error::NoAddress`] if there is no address to dial, and the direct route or a kind of address was requested.
pub fn plan(request: &Request, account: Account, instance: Instance, login: LoginUser) -> Result<Plan, Error> {
    let options = request.options();
    let address_kind = options.address.unwrap_or_default();
    let addresses = addresses(&instance, address_kind);
    let via = options.via.unwrap_or_default();
    // A requested address kind asks for a direct connection unless a route is named, so a missing address is an error
    // rather than a reason to try other routes.
    let is_direct = via == Via::Direct || (via == Via::Auto && address_kind != AddressKind::Auto);
    if addresses.is_empty() && is_direct {
        return Err(Error::NoAddress(Box::new(instance), address_kind));
    }
    let authorization = options.identity.map_or(Authorization::Push, Authorization::KeyFile);
    Ok(Plan {
        account,
        instance,
        login,
        authorization,
        via,
        addresses,
        address_kind,
        tunnel: EiceOptions { endpoint_id: options.eice_id, max_duration: options.max_tunnel_duration },
        port: request.target.port.or(options.port).unwrap_or(DEFAULT_SSH_PORT),
        host_keys: options.host_keys.unwrap_or_default(),
    })
}

/// Returns the addresses in the order in which they are tried. The public DNS name goes first because it resolves to
/// the private address inside the VPC.
pub fn addresses(instance: &Instance, kind: AddressKind) -> Vec<Address> {
    let public_ip = instance.public_ip.map(IpAddr::V4);
    let name = instance.public_dns.clone().map(|name| Address::Name(name, public_ip));
    let public = || name.clone().or(public_ip.map(Address::Ip)).into_iter();
    let ipv6 = || instance.ipv6.iter().map(|ip| Address::Ip(IpAddr::V6(*ip)));
    let private = || instance.private_ip.map(|ip| Address::Ip(IpAddr::V4(ip))).into_iter();
    match kind {
        AddressKind::Public => public().collect(),
        AddressKind::Private => private().collect(),
        AddressKind::Ipv6 => ipv6().collect(),
        AddressKind::Auto => {
            let outside: Vec<_> = public().chain(ipv6()).collect();
            // In the local network, a private address may belong to another machine, so it is dialed only if there is
            // no other.
            if outside.is_empty() { private().collect() } else { outside }
        }
    }
}

impl Plan {
    /// Returns the plan as JSON.
    pub fn to_json(&self) -> Value {
        json!({
            "instance": self.instance,
            "region": self.account.region,
            "profile": self.account.profile,
            "user": self.login.user,
            "userSource": self.login.source.to_string(),
            "key": match &self.authorization {
                Authorization::Push => json!({ "kind": "pushed", "algorithm": "ssh-ed25519" }),
                Authorization::KeyFile(path) => json!({ "kind": "file", "path": path.display().to_string() }),
            },
            "via": self.via.to_string(),
            "addresses": self.addresses.iter().map(Address::raw).collect::<Vec<_>>(),
            "port": self.port,
            "hostKeys": self.host_keys.to_string(),
        })
    }
}

impl Plan {
    /// Describes the possible routes in the order in which they are tried.
    fn routes(&self) -> String {
        let one = |route: &route::Route| match route {
            route::Route::Direct => {
                let addresses: Vec<_> = self.addresses.iter().map(ToString::to_string).collect();
                format!("direct to {}", addresses.join(", "))
            }
            route::Route::Eice => match &self.tunnel.endpoint_id {
                Some(id) => format!("EC2 Instance Connect Endpoint (EICE) {id}"),
                None => "EC2 Instance Connect Endpoint (EICE)".to_owned(),
            },
            route::Route::Ssm => "Session Manager".to_owned(),
        };
        let order = route::order(self.via, &self.addresses, None);
        let all: Vec<_> = order.iter().map(one).collect();
        format!("{}, port {}", all.join(", else "), self.port)
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let instance = &self.instance;
        let name = instance.name.as_deref().map_or(String::new(), |name| format!(" ({})", sanitize(name)));
        let zone = instance.zone.as_deref().unwrap_or("zone unknown");
        writeln!(f, "instance   {}{name}, {}, {}", instance.id, instance.state.as_str(), sanitize(zone))?;
        let profile = self.account.profile.as_deref().map_or(String::new(), |name| format!(", profile {name}"));
        writeln!(f, "account    region {}{profile}", self.account.region)?;
        writeln!(f, "user       {} ({})", self.login.user, self.login.source)?;
        match &self.authorization {
            Authorization::Push => writeln!(f, "key        a fresh ed25519 key, pushed through EC2 Instance Connect")?,
            Authorization::KeyFile(path) => writeln!(f, "key        {}", path.display())?,
        }
        writeln!(f, "route      {}", self.routes())?;
        write!(f, "host key   {}", self.host_keys)
    }
}
