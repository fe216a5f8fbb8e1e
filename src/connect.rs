//! The join: look up, plan, then (push the key || dial and exchange keys), then log in.
//!
//! ```text
//! read config -> check -i -> credentials -> DescribeInstances -> [DescribeImages, first time] -> plan
//!                               || TCP and TLS to the services             |
//!                                                       +------------------+
//!                                                       +-> SendSSHPublicKey --------------+
//!                                                       +-> reach, SSH key exchange -------+-> log in -> session
//!                                                       +-> GetConsoleOutput, first time --+
//! ```
//!
//! `reach` is the race between the routes (direct, an endpoint, Session Manager). It asks and tells by [`Event`]s; nothing
//! here prints. What is learned on the way goes into the errors, so that they can say what is in the way.
//!
//! # The critical path
//!
//! From the second time on the plan is remembered: the work begins with it (`ahead`), and the look-up runs beside it. In
//! round trips to the instance (R), calls (A, and C for TCP and TLS to a service: two round trips to it) and the instance's
//! look-ups of the keys pushed to it (L, some 0.19 s):
//!
//! ```text
//! C, A  DescribeInstances --------------------+ it is what it was
//! C, A  SendSSHPublicKey ---------------------+ it has the key
//! R     TCP                                   |
//! R     identification, KEXINIT               |
//! R     ECDH ---------------------------------+
//!                                             R      service request
//!                                             R + L  may this key log in?   (russh asks; RFC 4252 section 7 need not)
//!                                             R + L  the signature
//!                                             R      channel
//!                                             R      program
//! ```
//!
//! So calls cost nothing while they take no longer than three round trips to the instance. The first time ever
//! DescribeInstances and DescribeImages go before all that. OpenSSH's client takes one round trip more: it asks for the
//! methods of login first. To sign at once would save R + L; russh 0.65 cannot (its pull request 741 would).

mod ahead;
mod attempt;
mod identity;
mod images;
mod lookup;
#[cfg(unix)]
pub mod openssh;
pub mod reach;
mod remembered;
mod resolve;
pub mod start;
mod trust;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::oneshot;

pub use attempt::{session, stream};
pub use resolve::{Resolved, resolve};

use crate::aws::model::{Account, Image, Instance};
use crate::aws::{self, Aws};
use crate::config::expand_home;
use crate::plan::{self, Plan, Request};
use crate::secret::Secret;
use crate::select::Pick;
use crate::ssh::client::Purpose;
use crate::ssh::keys::PublicHalf;
use crate::ssh::{self, key_file, keys};
use crate::target::Selector;
use crate::transport::tcp::{self, Family};

/// What the way to a session asks or tells.
#[derive(Debug)]
pub enum Event {
    /// A line for `-v`.
    Step(String),
    /// A line for the person.
    Notice(String),
    /// Which route was taken, and why: a line for a person.
    Route(String),
    /// What is being waited for; replaces the one before.
    Progress(String),
    /// Nobody will log in, and ssh is not the one to say why.
    Refused {
        /// Why.
        error: Box<Error>,
        /// ssh is no longer there: the person has his prompt again.
        ssh_has_gone: bool,
    },
    /// From the SSH layer.
    Ssh(ssh::Event),
    /// The passphrase of a key file; dropping the reply means that there is none.
    Passphrase {
        /// The file.
        path: PathBuf,
        /// The one before was wrong.
        again: bool,
        /// The answer.
        reply: oneshot::Sender<Secret<String>>,
    },
    /// May the key file's mode be set to 0400?
    FixMode {
        /// What is wrong with it.
        problem: String,
        /// The answer.
        reply: oneshot::Sender<bool>,
    },
    /// May this stopped instance be started?
    Start {
        /// The instance.
        instance: Box<Instance>,
        /// The answer.
        reply: oneshot::Sender<bool>,
    },
    /// Which of these? The answer is an index, or none of them.
    Choose {
        /// The candidates.
        candidates: Vec<Instance>,
        /// The answer.
        reply: oneshot::Sender<Option<usize>>,
    },
}

/// Where events go.
pub type Events = Arc<dyn Fn(Event) + Send + Sync>;

/// Asks; `None` when nobody answers.
async fn ask<T>(events: &Events, event: impl FnOnce(oneshot::Sender<T>) -> Event) -> Option<T> {
    let (reply, answer) = oneshot::channel();
    events(event(reply));
    answer.await.ok()
}

/// What is asked for beside the plan's own request.
#[derive(Clone, Debug)]
pub struct Wish {
    /// What to connect to, and how.
    pub request: Request,
    /// Which of several.
    pub pick: Pick,
    /// Start it if it is stopped.
    pub start: bool,
    /// Which address family.
    pub family: Family,
    /// What the connection is for.
    pub purpose: Purpose,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// AWS could not be asked, or said no.
    #[error(transparent)]
    Aws(#[from] aws::Error),
    /// No instance matches.
    #[error("no instance matches '{typed}'")]
    NotFound {
        /// What was typed.
        typed: String,
        /// Where it was looked for.
        account: Account,
        /// Names that are near; untrusted.
        near: Vec<String>,
    },
    /// Several match.
    #[error("{} instances match '{typed}'", candidates.len())]
    Several {
        /// What was typed.
        typed: String,
        /// They.
        candidates: Vec<Instance>,
        /// A person has seen them, and chose none.
        seen: bool,
    },
    /// It is not running.
    #[error("{} is {}", instance.id, instance.state.as_str())]
    NotRunning {
        /// What was typed.
        typed: String,
        /// It.
        instance: Box<Instance>,
    },
    /// It was started and did not come up.
    #[error("{instance_id} was started, but {waited_for} did not come in {seconds} s")]
    NotUp {
        /// The instance.
        instance_id: String,
        /// What did not come.
        waited_for: &'static str,
        /// How long we waited.
        seconds: u64,
        /// Why it is in its state, in EC2's words; untrusted.
        reason: Option<String>,
    },
    /// No plan can be made.
    #[error(transparent)]
    Plan(#[from] plan::Error),
    /// The key file cannot be used.
    #[error(transparent)]
    KeyFile(#[from] key_file::Error),
    /// There is no public key to push.
    #[error(transparent)]
    PublicKey(#[from] keys::Error),
    /// No address answered.
    #[error("cannot reach {}", plan.instance.id)]
    Unreachable {
        /// What was tried.
        plan: Box<Plan>,
        /// What came of it.
        source: tcp::Error,
    },
    /// No route leads to it.
    #[error("cannot reach {}", plan.instance.id)]
    NoRoute {
        /// What was tried.
        plan: Box<Plan>,
        /// Each route, and what stood in its way.
        tried: Vec<reach::FailedRoute>,
    },
    /// The SSH layer failed.
    #[error("cannot open an SSH connection to {}", plan.instance.id)]
    Ssh {
        /// What was tried.
        plan: Box<Plan>,
        /// What came of it.
        source: Box<ssh::Error>,
        /// Other routes, and what stood in their way.
        others: Vec<reach::FailedRoute>,
    },
    /// The instance does not let us in.
    #[error("{} denied {} the login", plan.instance.id, plan.login.user)]
    Denied {
        /// What was tried.
        plan: Box<Plan>,
        /// The image, where it is known.
        image: Option<Box<Image>>,
        /// What the server would accept; untrusted.
        methods: Vec<String>,
    },
    /// ssh cannot be given an agent.
    #[error("cannot serve an agent at {}", path.display())]
    Agent {
        /// Where ssh looks for it.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// There is no folder for our files.
    #[error("this account has no data folder to keep known_hosts in")]
    NoDataFolder,
}

/// The one instance that `selector` names, whatever its state.
///
/// # Errors
/// When none or several do, or AWS cannot be asked.
pub async fn single(aws: &Aws, selector: &Selector) -> Result<Instance, Error> {
    lookup::single(aws, selector).await
}

/// The public half that `proxy` pushes: what `-i` names, else the caller's default.
///
/// # Errors
/// When there is none that can be pushed.
pub fn public_half(identity: Option<&PathBuf>) -> Result<PublicHalf, Error> {
    match identity {
        Some(path) => Ok(keys::named_public_half(&expand_home(path))?),
        None => {
            let home = dirs::home_dir().ok_or(keys::Error::Read {
                path: PathBuf::from("~/.ssh"),
                source: io::Error::from(io::ErrorKind::NotFound),
            })?;
            Ok(keys::default_public_half(&home.join(".ssh"))?)
        }
    }
}
