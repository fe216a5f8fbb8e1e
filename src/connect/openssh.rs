//! For an `ssh` whose ProxyCommand we are: a key made for this connection, pushed, and kept for ssh's agent; and what ssh is
//! told about the host key.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use tokio::sync::{Mutex, OnceCell};

use super::ahead::find_and;
use super::attempt::STILL_FRESH;
use super::resolve::{Resolved, Search};
use super::{Error, Event, Events, Wish, images};
use crate::agent::parent::SshProcess;
pub use crate::agent::server::Drain;
use crate::agent::server::{AgentBackend, AgentExit, serve};
use crate::agent::socket::{Published, publish};
use crate::agent::wire::{HostKeysRequest, Refused, is_login};
use crate::aws::model::Image;
use crate::plan::route::Route;
use crate::ssh;
use crate::ssh::host_keys::check::HostKeyCheck;
use crate::ssh::keys::Key;
use crate::store;
use crate::transport::link::Link;

/// How ssh called us.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Where it looks for its agent.
    pub agent: PathBuf,
    /// Its process.
    pub owner: SshProcess,
    /// A known_hosts file for an ssh that knows no KnownHostsCommand, and what it calls the host.
    pub known_hosts: Option<(PathBuf, String)>,
}

/// The connection, and the agent that goes with it.
pub struct Opened {
    /// To the instance's SSH port.
    pub link: Link,
    /// The agent, not served yet.
    pub agent: Agent,
}

/// The agent of one connection: published, so that ssh finds it, and waiting to be served.
pub struct Agent {
    listener: std::os::unix::net::UnixListener,
    published: Published,
    keeper: Arc<LoginKeeper>,
    owner: SshProcess,
}

impl Agent {
    /// Serves until ssh has logged in, and tells why it could not. What is left of it is for others.
    ///
    /// # Errors
    /// When nobody can be listened to.
    pub async fn serve(self) -> std::io::Result<Drain> {
        let keeper = Arc::clone(&self.keeper);
        let (end, rest) = serve(self.listener, self.published, self.keeper, self.owner).await?;
        if end == AgentExit::Denied {
            keeper.explain_denial().await;
        }
        Ok(rest)
    }
}

/// Finds the instance, makes a key, publishes its agent, and dials while the key is being pushed.
///
/// # Errors
/// Whatever stands in the way.
pub async fn open(wish: Wish, caller: &Caller, events: &Events) -> Result<Opened, Error> {
    let search = Search::without_identity(wish).await?;
    let work = |resolved: Resolved, events| async move {
        let caller = caller.clone();
        Box::pin(resolved.open_for_openssh(caller, &events)).await
    };
    find_and(search, events, work).await
}

impl Resolved {
    /// Makes a key, publishes its agent, and dials while the key is being pushed.
    async fn open_for_openssh(self, caller: Caller, events: &Events) -> Result<Opened, Error> {
        let check = self.host_key_check()?;
        let keeper = Arc::new(LoginKeeper {
            resolved: self,
            key: Key::ephemeral(),
            check,
            pushed: Mutex::new(None),
            is_refused: AtomicBool::new(false),
            is_direct: AtomicBool::new(false),
            is_told: AtomicBool::new(false),
            image: OnceCell::new(),
            events: Arc::clone(events),
        });
        let ahead = Arc::clone(&keeper);
        tokio::spawn(async move { ahead.image().await });
        if !keeper.resolved.just_started {
            // ssh gets its connection without waiting for this; who asks for the key does.
            let keeper = Arc::clone(&keeper);
            tokio::spawn(async move { keeper.identity().await });
        }
        let (reached, ()) =
            tokio::try_join!(keeper.resolved.dial(events), keeper.write_known_hosts(caller.known_hosts.as_ref()))?;
        keeper.resolved.confirmed.wait().await;
        keeper.is_direct.store(reached.route == Route::Direct, Ordering::Relaxed);
        // Not before there is a connection: from now on other logins to the same name may be waiting for an answer here.
        let unusable = |source| Error::Agent { path: caller.agent.clone(), source };
        let (published, listener) = publish(&caller.agent, caller.owner).map_err(unusable)?;
        Ok(Opened { link: reached.link, agent: Agent { listener, published, keeper, owner: caller.owner } })
    }
}

/// Has the key of one connection, and what the host key is checked against.
struct LoginKeeper {
    resolved: Resolved,
    key: Key,
    check: HostKeyCheck,
    /// When the key was pushed last.
    pushed: Mutex<Option<Instant>>,
    /// The server is not the instance: nobody logs in.
    is_refused: AtomicBool,
    /// ssh has a direct connection.
    is_direct: AtomicBool,
    /// The person has been told why nobody logs in.
    is_told: AtomicBool,
    image: OnceCell<Option<Image>>,
    events: Events,
}

impl LoginKeeper {
    async fn push(&self) -> Result<(), Error> {
        let mut pushed = self.pushed.lock().await;
        if pushed.is_none_or(|when| when.elapsed() > STILL_FRESH) {
            let (line, name) = (self.key.public_line(), self.key.fingerprint());
            *pushed = Some(self.resolved.push_line(&line, &name, &self.events).await?);
        }
        Ok(())
    }

    /// Nobody logs in from now on. That is said whatever was said before.
    fn refuse(&self, error: Error) {
        if !self.is_refused.swap(true, Ordering::Relaxed) {
            self.is_told.store(true, Ordering::Relaxed);
            (self.events)(Event::Refused { error: Box::new(error), ssh_has_gone: false });
        }
    }

    /// Once: what comes after it is its consequence.
    fn tell(&self, error: Error, ssh_has_gone: bool) {
        if !self.is_told.swap(true, Ordering::Relaxed) {
            (self.events)(Event::Refused { error: Box::new(error), ssh_has_gone });
        }
    }

    /// What a denial is explained by; known from then on.
    async fn image(&self) -> Option<Image> {
        let image = || images::image(&self.resolved.aws, &self.resolved.plan.instance, &self.events);
        self.image.get_or_init(image).await.clone()
    }

    /// ssh was not let in, and says no more than that.
    async fn explain_denial(&self) {
        let (plan, image) = (Box::new(self.resolved.plan.clone()), self.image().await.map(Box::new));
        self.tell(Error::Denied { plan, image, methods: Vec::new() }, true);
    }

    /// For an ssh without KnownHostsCommand: the lines are in the file before it has the server's first byte.
    async fn write_known_hosts(&self, place: Option<&(PathBuf, String)>) -> Result<(), Error> {
        let Some((file, name)) = place else { return Ok(()) };
        self.resolved.confirmed.wait().await;
        let plan = || Box::new(self.resolved.plan.clone());
        let failed = |source: ssh::Error| Error::Ssh { plan: plan(), source: Box::new(source), others: Vec::new() };
        self.check.keep_printed().await.map_err(failed)?;
        let lines = self.check.lines_for_order(name).await.map_err(failed)?;
        replace_lines(file, name, &lines)
            .map_err(|source| failed(ssh::Error::KnownHosts { path: file.clone(), source }))
    }
}

impl AgentBackend for LoginKeeper {
    async fn identity(&self) -> Option<(Vec<u8>, String)> {
        if self.is_refused.load(Ordering::Relaxed) {
            return None;
        }
        match self.push().await {
            Ok(()) => Some((self.key.public_blob(), format!("ec2ssh, for {}", self.resolved.plan.instance.id))),
            Err(error) => {
                // Whoever asks again, asks AWS again.
                self.tell(error, false);
                None
            }
        }
    }

    fn sign(&self, key: &[u8], data: &[u8]) -> Option<Vec<u8>> {
        let ours = self.key.public_blob();
        let is_ours = key == ours && is_login(data, &self.resolved.plan.login.user, &ours);
        if is_ours && !self.is_refused.load(Ordering::Relaxed) { self.key.sign(data) } else { None }
    }

    async fn host_keys(&self, request: HostKeysRequest) -> Result<String, Refused> {
        let notice = |text| (self.events)(Event::Notice(text));
        let step = |text| (self.events)(Event::Step(text));
        let lines = match request.reason.as_str() {
            "ORDER" => self.check.lines_for_order(&request.name).await,
            _ => self.check.lines_for_key(&request.name, &request.key, notice, step).await,
        };
        lines.map_err(|source| {
            if let ssh::Error::HostKey(refusal) = &source
                && self.is_direct.load(Ordering::Relaxed)
                && self.resolved.may_be_anothers(refusal)
            {
                // This ssh cannot be given another connection any more; the next one goes another way.
                self.resolved.shut_direct(&self.events);
                notice(
                    "Another machine may answer at the private address: the same command again goes another way."
                        .to_owned(),
                );
            }
            let plan = Box::new(self.resolved.plan.clone());
            self.refuse(Error::Ssh { plan, source: Box::new(source), others: Vec::new() });
            Refused
        })
    }
}

/// Puts these lines in the place of those for `name`.
fn replace_lines(file: &Path, name: &str, lines: &str) -> std::io::Result<()> {
    store::under_lock(file, || {
        let old = match std::fs::read_to_string(file) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            other => other?,
        };
        let is_its = |line: &&str| {
            let mut words = line.split_whitespace();
            let first = words.next();
            let names = if first.is_some_and(|word| word.starts_with('@')) { words.next() } else { first };
            names == Some(name)
        };
        let kept: String = old.lines().filter(|line| !is_its(line)).map(|line| format!("{line}\n")).collect();
        let new = kept + lines;
        if new == old { Ok(()) } else { store::replace(file, new.as_bytes()) }
    })
}
