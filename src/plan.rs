//! From what was typed, what is configured and what AWS says to a [`Plan`]: everything resolved, printable, built by a
//! pure function. What `--dry-run` prints, and all that the rest of the way looks at.

pub mod route;

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::aws::model::{Account, Image, Instance};
use crate::config::{AddressKind, HostKeys, Options, Via};
use crate::login::{self, FALLBACK_USER};
use crate::target::Target;
use crate::text::neutralise;

/// The default SSH port.
const SSH_PORT: u16 = 22;

/// What was asked for, with the config file's word where the command line was silent.
#[derive(Clone, Debug)]
pub struct Request {
    /// What was typed as `[USER@]INSTANCE[:PORT]`.
    pub target: Target,
    /// What was typed as options.
    pub typed: Options,
    /// What the config file says for this instance.
    pub configured: Options,
}

impl Request {
    /// The options in force: typed ones first.
    pub fn options(&self) -> Options {
        self.typed.clone().or(&self.configured)
    }

    /// The user that was asked for, and by what; `None` leaves it to the image.
    pub fn user(&self) -> Option<Login> {
        let typed = self.target.user.as_ref().or(self.typed.user.as_ref());
        let login = |user: &String, source| Login { user: user.clone(), source };
        typed
            .map(|user| login(user, LoginSource::Typed))
            .or_else(|| self.configured.user.as_ref().map(|user| login(user, LoginSource::Config)))
    }
}

/// The login user and where it is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// The user.
    pub user: String,
    /// Why this one.
    pub source: LoginSource,
}

/// Where a login user is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoginSource {
    /// `USER@` or `-l`.
    Typed,
    /// The config file.
    Config,
    /// The image's default user.
    Image {
        /// The image's name; untrusted.
        image: String,
        /// Its distribution.
        distribution: &'static str,
    },
    /// Nothing else was known.
    Fallback,
}

impl fmt::Display for LoginSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Typed => f.write_str("as typed"),
            Self::Config => f.write_str("from the config file"),
            Self::Image { image, distribution } => {
                write!(f, "the default user of {distribution}, by the image {}", neutralise(image))
            }
            Self::Fallback => f.write_str("the usual user, as the image tells nothing"),
        }
    }
}

/// The user for an image, when none was asked for.
pub fn login_by_image(image: Option<&Image>) -> Login {
    match image.and_then(|image| Some((image, login::distribution(image)?))) {
        Some((image, found)) => {
            let image = if image.name.is_empty() { "(no name)".to_owned() } else { image.name.clone() };
            let source = LoginSource::Image { image, distribution: found.name };
            Login { user: found.user.to_owned(), source }
        }
        None => Login { user: FALLBACK_USER.to_owned(), source: LoginSource::Fallback },
    }
}

/// How the instance is told to let us in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Authorization {
    /// A fresh key is pushed through EC2 Instance Connect.
    Push,
    /// A key file that the instance knows already.
    KeyFile(PathBuf),
}

/// One address to dial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A DNS name, and the address to take when it does not resolve.
    Name(String, Option<IpAddr>),
    /// An address.
    Ip(IpAddr),
}

impl Address {
    /// As AWS gave it: for programs.
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
            Self::Name(name, _) => f.write_str(&neutralise(name)),
            Self::Ip(ip) => ip.fmt(f),
        }
    }
}

/// Everything that is needed to connect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The account and region it is in.
    pub account: Account,
    /// The instance.
    pub instance: Instance,
    /// Whom to log in as.
    pub login: Login,
    /// How to be let in.
    pub authorization: Authorization,
    /// How to reach it.
    pub via: Via,
    /// Where a direct connection dials; raced in this order.
    pub addresses: Vec<Address>,
    /// Which kind of address was asked for.
    pub address_kind: AddressKind,
    /// What goes for an Instance Connect Endpoint.
    pub tunnel: Tunnel,
    /// The SSH port.
    pub port: u16,
    /// How a new host key is treated.
    pub host_keys: HostKeys,
}

/// What goes for a tunnel through an Instance Connect Endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tunnel {
    /// The endpoint that was named; else the nearest.
    pub endpoint_id: Option<String>,
    /// In seconds; else the service's limit of an hour.
    pub max_duration: Option<u32>,
}

/// Why there is no plan.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The instance has no address of the kind asked for.
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

/// Makes the plan.
///
/// # Errors
/// When there is no address to dial, and nothing else is to be tried.
pub fn plan(request: &Request, account: Account, instance: Instance, login: Login) -> Result<Plan, Error> {
    let options = request.options();
    let address_kind = options.address.unwrap_or_default();
    let addresses = addresses(&instance, address_kind);
    let via = options.via.unwrap_or_default();
    // Who asks for a kind of address means the direct way, unless he says otherwise.
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
        tunnel: Tunnel { endpoint_id: options.eice_id, max_duration: options.max_tunnel_duration },
        port: request.target.port.or(options.port).unwrap_or(SSH_PORT),
        host_keys: options.host_keys.unwrap_or_default(),
    })
}

/// The addresses in the order in which they are tried. The public DNS name goes first because inside the VPC it resolves
/// to the private address.
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
            // A private address may be another machine's where we are: it is dialled only when there is no other.
            if outside.is_empty() { private().collect() } else { outside }
        }
    }
}

impl Plan {
    /// The plan for programs.
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
    /// The ways that there may be, in their order, in words.
    fn routes(&self) -> String {
        let one = |route: &route::Route| match route {
            route::Route::Direct => {
                let addresses: Vec<_> = self.addresses.iter().map(ToString::to_string).collect();
                format!("direct to {}", addresses.join(", "))
            }
            route::Route::Eice => match &self.tunnel.endpoint_id {
                Some(id) => format!("the Instance Connect Endpoint {id}"),
                None => "an Instance Connect Endpoint".to_owned(),
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
        let name = instance.name.as_deref().map_or(String::new(), |name| format!(" ({})", neutralise(name)));
        let zone = instance.zone.as_deref().unwrap_or("zone unknown");
        writeln!(f, "instance   {}{name}, {}, {}", instance.id, instance.state.word(), neutralise(zone))?;
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
