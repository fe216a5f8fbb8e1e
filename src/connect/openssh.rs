//! The connection of an `ssh` that runs this program as its ProxyCommand: a key made for it, pushed, and kept for ssh's
//! agent; and the answers to ssh's questions about the host key.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use tokio::sync::OnceCell;
use tokio::time::Instant;

use super::connector::dial;
use super::ephemeral_keys::{EphemeralKey, EphemeralKeys};
use super::error::Error;
use super::login::LoginLookup;
use super::outage;
use super::speculative::Attempt;

use crate::agent::parent::SshProcess;
pub(crate) use crate::agent::server::Drain;
use crate::agent::server::{AgentBackend, AgentExit, serve};
use crate::agent::socket::{Published, publish};
use crate::agent::wire::{HostKeysRequest, Refused, login_algorithm};
use crate::aws::AwsPool;
use crate::event::{Event, Events};
use crate::login::is_key_lookup_timeout;
use crate::plan::order::Route;
use crate::plan::{self, Plan};
use crate::route::RouteDialer;
use crate::settings::Settings;
use crate::ssh::agent_keys::{AgentKey, agent_keys};
use crate::ssh::host_key::PublicKey;
use crate::ssh::keys::RemoteKey;
use crate::store;
use crate::transport::link::Link;
use crate::trust::{self, InstanceVerifier};

/// The ssh process that called.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    /// Where ssh looks for its agent.
    pub agent: PathBuf,
    /// The process id of the calling ssh.
    pub owner: SshProcess,
    /// A known_hosts file for an ssh without KnownHostsCommand, and the name by which it looks for the host.
    pub known_hosts: Option<(PathBuf, String)>,
}

/// A failure that ssh itself does not explain.
pub(crate) struct Report {
    /// The error to show.
    pub error: Error,
    /// Set when ssh has exited: the shell's prompt may be back already.
    pub ssh_exited: bool,
}

/// The receiver of failures that ssh does not explain.
pub(crate) type Reporter = Arc<dyn Fn(Report) + Send + Sync>;

/// The connection, and the agent that goes with it.
pub(crate) struct Opened {
    /// The link to the instance's SSH port.
    pub link: Link,
    /// The agent, which is not served yet.
    pub agent: Agent,
}

/// The agent of one connection: published, so that ssh finds it, and waiting to be served.
pub(crate) struct Agent {
    listener: std::os::unix::net::UnixListener,
    published: Published,
    backend: Arc<ConnectionAgent>,
    owner: SshProcess,
}

impl Agent {
    /// Serves until ssh has logged in or exited, and reports why it could not log in. The returned drain serves the last clients
    /// of other connections.
    ///
    /// # Errors
    /// The listener fails.
    pub(crate) async fn serve(self) -> io::Result<Drain> {
        let backend = Arc::clone(&self.backend);
        let (exit, drain) = serve(self.listener, self.published, self.backend, self.owner).await?;
        if exit == AgentExit::Denied {
            backend.explain_denial().await;
        }
        Ok(drain)
    }
}

/// Finds the instance, makes a key, publishes its agent, and dials while the key is being pushed.
///
/// # Errors
/// Any error that prevents the connection.
pub(crate) async fn open(
    pool: &AwsPool,
    settings: Settings,
    caller: &Caller,
    events: &Events,
    reporter: &Reporter,
) -> Result<Opened, Error> {
    let work = |attempt: Attempt, events: Events| {
        let (caller, reporter) = (caller.clone(), Arc::clone(reporter));
        async move { Box::pin(open_attempt(attempt, caller, &events, reporter)).await }
    };
    Box::pin(outage::connect(pool, settings, true, events, work)).await
}

async fn open_attempt(attempt: Attempt, caller: Caller, events: &Events, reporter: Reporter) -> Result<Opened, Error> {
    if attempt.search.settings.offline && caller.known_hosts.is_some() {
        // An ssh before 8.5 judges host keys by its own rules.
        outage::verify(&attempt, events).await?;
    }
    let confirmed = attempt.confirmed.clone();
    let agent = Arc::new(ConnectionAgent::new(attempt, events, reporter));
    let early = Arc::clone(&agent);
    tokio::spawn(async move { early.login.image(&early.events).await });
    if agent.dialer.booting.is_none() {
        // ssh gets its connection without waiting for the push; a request for the key does wait.
        let early = Arc::clone(&agent);
        tokio::spawn(async move { early.authorized_key().await });
    }
    let (dialed, ()) =
        tokio::try_join!(dial(&agent.dialer, events), agent.write_known_hosts(caller.known_hosts.as_ref()))?;
    confirmed.wait().await;
    let _ = agent.route.set(dialed.route);
    // Not before there is a connection: from now on other logins to the same name may be waiting for an answer here.
    let unusable = |source| Error::Agent { path: caller.agent.clone(), source };
    let public_key = agent.key().await.public_line();
    let (published, listener) = publish(&caller.agent, caller.owner, &public_key).map_err(unusable)?;
    Ok(Opened { link: dialed.link, agent: Agent { listener, published, backend: agent, owner: caller.owner } })
}

/// Whether the login can still succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nothing has been reported.
    Open,
    /// A failure was reported; later ones are follow-on errors. A retry of ssh may still succeed.
    Reported,
    /// The host key was refused, and that was reported: nothing is signed any more.
    Refused,
}

/// Holds the key of one connection, and what the host key is verified against.
struct ConnectionAgent {
    settings: Arc<Settings>,
    dialer: RouteDialer,
    login: LoginLookup,
    keys: EphemeralKeys,
    verifier: InstanceVerifier,
    state: Mutex<State>,
    /// The route of ssh's connection, once there is one.
    route: OnceLock<Route>,
    /// When ssh was last given the public key.
    offered: Mutex<Option<Instant>>,
    /// The keys of the caller's own agent, once they were asked for.
    caller_keys: OnceCell<Vec<AgentKey>>,
    events: Events,
    reporter: Reporter,
}

impl ConnectionAgent {
    fn new(attempt: Attempt, events: &Events, reporter: Reporter) -> Self {
        let Attempt { search, located, plan, confirmed } = attempt;
        let (aws, settings) = (search.aws, search.settings);
        let verifier = trust::verifier(&aws, &plan, &settings, &confirmed, events);
        Self {
            login: LoginLookup::new(aws.clone(), located.clone(), settings.user.clone()),
            keys: EphemeralKeys::new(aws.clone(), &plan.account, &plan.instance.id, settings.share_key),
            dialer: RouteDialer::new(aws, plan, located.booting, confirmed),
            settings,
            verifier,
            state: Mutex::new(State::Open),
            route: OnceLock::new(),
            offered: Mutex::new(None),
            caller_keys: OnceCell::new(),
            events: Arc::clone(events),
            reporter,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_refused(&self) -> bool {
        *self.state() == State::Refused
    }

    async fn user(&self) -> &str {
        &self.login.get(&self.events).await.login.user
    }

    /// Returns the key to use now.
    async fn key(&self) -> Arc<EphemeralKey> {
        self.keys.current(self.user().await, &self.events).await
    }

    /// Returns the key once the instance admits it.
    async fn authorized_key(&self) -> Option<Arc<EphemeralKey>> {
        if self.settings.offline {
            // Nothing can be pushed; ssh has keys of its own.
            return self.keys.still_good(self.user().await).await;
        }
        match self.keys.authorized(self.user().await, &self.events).await {
            Ok(key) => Some(key),
            Err(error) => {
                // The next request pushes again. An error about an instance that AWS has not confirmed may be about the wrong one.
                if self.dialer.confirmed.decided().await {
                    self.report(error, false);
                }
                None
            }
        }
    }

    /// Returns the keys of the caller's own agent, which the block keeps from ssh: without AWS one of them has to do.
    async fn caller_keys(&self) -> &[AgentKey] {
        if !self.settings.offline {
            return &[];
        }
        self.caller_keys.get_or_init(agent_keys).await
    }

    async fn plan(&self) -> Plan {
        let login = self.login.get(&self.events).await.login.clone();
        plan::plan(&self.settings, self.dialer.plan.clone(), login)
    }

    /// Refuses every login from now on; reported whatever was reported before.
    fn refuse(&self, error: Error) {
        if std::mem::replace(&mut *self.state(), State::Refused) != State::Refused {
            (self.reporter)(Report { error, ssh_exited: false });
        }
    }

    /// Reports the first failure only; later ones are follow-on errors.
    fn report(&self, error: Error, ssh_exited: bool) {
        {
            let mut state = self.state();
            if *state != State::Open {
                return;
            }
            *state = State::Reported;
        }
        (self.reporter)(Report { error, ssh_exited });
    }

    /// Explains that ssh was denied: ssh says no more than that.
    async fn explain_denial(&self) {
        let took = self.offered.lock().unwrap_or_else(PoisonError::into_inner).map(|offered| offered.elapsed());
        if !took.is_some_and(is_key_lookup_timeout) {
            self.key().await.denied().await;
            self.prefer_rsa_next_time().await;
        }
        let (plan, image) = (Box::new(self.plan().await), self.login.image(&self.events).await.map(Box::new));
        self.report(Error::Denied { plan, image, methods: Vec::new(), took }, true);
    }

    async fn prefer_rsa_next_time(&self) {
        if self.keys.prefer_rsa() {
            self.keys.suggest_rsa(self.user().await, &self.events);
            let id = &self.dialer.plan.instance.id;
            (self.events)(Event::Notice(format!(
                "The next connection to {id} offers an RSA key, in case its sshd takes no ed25519."
            )));
        }
    }

    fn host_key_error(&self, source: trust::Error) -> Error {
        Error::host_key(&self.dialer.plan, source, Vec::new())
    }

    /// Writes the lines for an ssh without KnownHostsCommand before it has the server's first byte.
    async fn write_known_hosts(&self, place: Option<&(PathBuf, String)>) -> Result<(), Error> {
        let Some((file, name)) = place else { return Ok(()) };
        self.dialer.confirmed.wait().await;
        self.verifier.keep_printed().await.map_err(|source| self.host_key_error(source))?;
        let lines = self.verifier.lines_for_order(name).await.map_err(|source| self.host_key_error(source))?;
        if let Err(error) = replace_lines(file, name, &lines) {
            // ssh then knows no key, and asks or refuses by its own rules.
            (self.events)(Event::Notice(format!("Warning: cannot write the host keys to {}: {error}", file.display())));
        }
        Ok(())
    }
}

impl AgentBackend for ConnectionAgent {
    async fn identities(&self) -> Vec<(Vec<u8>, String)> {
        if self.is_refused() {
            return Vec::new();
        }
        let comment = format!("ec2ssh, for {}", self.dialer.plan.instance.id);
        let pushed = self.authorized_key().await.map(|key| (key.public_blob(), comment));
        let callers =
            self.caller_keys().await.iter().filter_map(|key| Some((key.public_blob()?, "your agent's".to_owned())));
        let all: Vec<_> = pushed.into_iter().chain(callers).collect();
        if all.is_empty() && self.settings.offline {
            self.report(Error::NoKnownKey, false);
        }
        if !all.is_empty() {
            *self.offered.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        }
        all
    }

    async fn sign(&self, key: &[u8], data: &[u8]) -> Option<Vec<u8>> {
        if self.settings.offline
            && let Some(own) = self.caller_keys().await.iter().find(|own| own.public_blob().as_deref() == Some(key))
        {
            login_algorithm(data, self.user().await, key).filter(|_| !self.is_refused())?;
            return own.sign(data.to_vec()).await;
        }
        let (current, user) = (self.key().await, self.user().await);
        let ours = current.public_blob();
        let algorithm = login_algorithm(data, user, &ours).filter(|_| key == ours && !self.is_refused())?;
        let signature = current.sign(data, algorithm).await;
        if signature.is_some() {
            self.keys.remember(&self.events);
        }
        signature
    }

    async fn host_keys(&self, request: HostKeysRequest) -> Result<String, Refused> {
        let lines = match request.reason.as_str() {
            "ORDER" => self.verifier.lines_for_order(&request.name).await,
            _ => {
                if !is_ed25519(&request.key) {
                    // A server without an ed25519 host key takes no ed25519 user key either (FIPS mode).
                    self.keys.prefer_rsa();
                }
                self.verifier.lines_for_key(&request.name, &request.key).await
            }
        };
        lines.map_err(|source| {
            let is_direct = self.route.get() == Some(&Route::Direct);
            if source.is_contradiction() && is_direct && self.dialer.may_be_foreign() {
                // This ssh cannot be given another connection any more; the next one uses another route.
                self.dialer.disable_direct(&self.events);
                let text = "Another machine may answer at the private address: the next connection uses another route.";
                (self.events)(Event::Notice(text.to_owned()));
            }
            self.refuse(self.host_key_error(source));
            Refused
        })
    }
}

/// Whether a public key in base64 is an ed25519 key.
fn is_ed25519(base64: &str) -> bool {
    PublicKey::from_openssh(&format!("ssh-ed25519 {base64}")).is_ok()
}

/// Replaces the lines for `name` by these.
fn replace_lines(file: &Path, name: &str, lines: &str) -> io::Result<()> {
    store::under_lock(file, || {
        let old = match std::fs::read_to_string(file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            other => other?,
        };
        let is_for_name = |line: &&str| {
            let mut words = line.split_whitespace();
            let first = words.next();
            let names = if first.is_some_and(|word| word.starts_with('@')) { words.next() } else { first };
            names == Some(name)
        };
        let kept: String = old.lines().filter(|line| !is_for_name(line)).map(|line| format!("{line}\n")).collect();
        let new = kept + lines;
        if new == old { Ok(()) } else { store::replace(file, new.as_bytes()) }
    })
}
