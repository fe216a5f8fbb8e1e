//! Jump hosts (`-J`): the connection goes through other machines. An instance is one more session, with a key pushed to it and its host
//! key verified. Any other host is reached by ssh itself, which knows its name, key, user and host key from its own files.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use tokio::process::{Child, Command};

use crate::config::AddressKind;
use crate::io::{Holding, Layered};
use crate::plan::RoutePlan;
use crate::plan::address::Address;
use crate::plan::order::Route;
use crate::route::{Dialed, FailedRoute, RouteError, ssh_identification};
use crate::ssh::client::Connection;
use crate::transport::link::Link;

/// The last of the machines that a connection goes through.
pub(crate) enum Through {
    /// An instance, logged in.
    Instance {
        /// The id of the instance.
        id: String,
        /// The connection to it.
        connection: Arc<Connection>,
    },
    /// Another host, as ssh knows it.
    Host(SshHost),
}

/// A host that ssh reaches.
pub(crate) struct SshHost {
    /// The host as it was typed: `[user@]host[:port]`.
    pub typed: String,
    /// The machines before it, as they were typed.
    pub before: Vec<String>,
    /// The file that ssh reads in place of its usual ones.
    pub file: Option<PathBuf>,
    /// The options of this program for the machines before it.
    pub options: Vec<String>,
}

/// The last machine of a chain.
pub(crate) struct Jump {
    last: Through,
    /// Kept as long as this one.
    _before: Option<Arc<Jump>>,
}

impl Jump {
    /// Adds a machine behind another one.
    pub(crate) fn new(last: Through, before: Option<Arc<Self>>) -> Self {
        Self { last, _before: before }
    }

    /// Opens a link to the instance's port, which is proven to be an SSH server.
    ///
    /// # Errors
    /// The error of each address.
    pub(super) async fn dial(&self, plan: &RoutePlan) -> Result<Dialed, Vec<FailedRoute>> {
        let mut failed = Vec::new();
        for host in hosts(plan) {
            let begun = std::time::Instant::now();
            match self.open(&host, plan.port).await {
                Ok(link) => match link.probe(&ssh_identification()).await {
                    Ok(link) => {
                        let round_trip = begun.elapsed();
                        return Ok(Dialed { link, route: Route::Direct, round_trip, failed: Vec::new() });
                    }
                    Err(error) => failed.push(format!("{host}: {error}")),
                },
                Err(error) => failed.push(format!("{host}: {error}")),
            }
        }
        let name = match &self.last {
            Through::Instance { id, .. } => id.clone(),
            Through::Host(host) => host.typed.clone(),
        };
        let problem = if failed.is_empty() { "the instance has no address".to_owned() } else { failed.join("; ") };
        Err(vec![FailedRoute { route: Route::Direct, error: RouteError::Jump { name, problem } }])
    }

    async fn open(&self, host: &str, port: u16) -> Result<Link, String> {
        match &self.last {
            Through::Instance { connection, .. } => {
                let stream = connection.open_tcp(host, port, ("127.0.0.1", 0)).await;
                stream.map(Link::tunnel).map_err(|error| error.to_string())
            }
            Through::Host(jump) => by_ssh(jump, host, port).map_err(|error| format!("ssh cannot be run: {error}")),
        }
    }
}

/// Returns the addresses to try: from inside a network the private one first.
fn hosts(plan: &RoutePlan) -> Vec<String> {
    if let Some(typed) = plan.typed_address {
        return vec![typed.to_string()];
    }
    let private = match plan.address_kind {
        AddressKind::Auto | AddressKind::Private => plan.instance.private_ip.map(IpAddr::V4),
        AddressKind::Public | AddressKind::Ipv6 => None,
    };
    let mut hosts: Vec<String> = private.iter().map(ToString::to_string).collect();
    for address in &plan.addresses {
        let host = match address {
            Address::Name(name, _) => name.clone(),
            Address::Ip(ip) => ip.to_string(),
        };
        if !hosts.contains(&host) {
            hosts.push(host);
        }
    }
    hosts
}

/// Has ssh connect to the host and carry the bytes (`ssh -W`); its questions go to the terminal.
fn by_ssh(jump: &SshHost, host: &str, port: u16) -> std::io::Result<Link> {
    let SshHost { typed, before, file, .. } = jump;
    let mut command = Command::new("ssh");
    if let Some(file) = file {
        command.arg("-F").arg(file);
    }
    command.args(["-W", &format!("[{host}]:{port}")]);
    let (destination, ssh_port) = match typed.rsplit_once(':') {
        Some((destination, port)) if !destination.ends_with(':') && port.parse::<u16>().is_ok() => {
            (destination, Some(port))
        }
        _ => (typed.as_str(), None),
    };
    if let Some(port) = ssh_port {
        command.args(["-p", port]);
    }
    if let [others @ .., last] = before.as_slice() {
        command.args(["-o", &format!("ProxyCommand={}", jump.proxy_command(others, last)?)]);
    }
    command.arg("--").arg(destination).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
    let mut child: Child = command.spawn()?;
    let streams = child.stdout.take().zip(child.stdin.take());
    let (stdout, stdin) = streams.ok_or_else(|| std::io::Error::other("its streams are missing"))?;
    Ok(Link::tunnel(Layered::new(tokio::io::join(stdout, stdin), Holding(child))))
}

impl SshHost {
    /// Returns how ssh reaches this host behind an instance: by this program.
    fn proxy_command(&self, others: &[String], last: &str) -> std::io::Result<String> {
        // ssh takes a percent sign as a token.
        let quote = |word: &str| shell_words::quote(word).replace('%', "%%");
        let program = std::env::current_exe()?;
        let program = program.to_str().ok_or_else(|| std::io::Error::other("this program's path is not UTF-8"))?;
        let mut words = vec![quote(program)];
        words.extend(self.options.iter().map(|option| quote(option)));
        if let Some(file) = self.file.as_deref().and_then(Path::to_str) {
            words.extend(["-F".to_owned(), quote(file)]);
        }
        if !others.is_empty() {
            words.extend(["-J".to_owned(), quote(&others.join(","))]);
        }
        words.extend(["-W '[%h]:%p' --".to_owned(), quote(last)]);
        Ok(words.join(" "))
    }
}
