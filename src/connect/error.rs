//! Why there is no connection.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::public_key;
use crate::aws;
use crate::aws::model::Image;
use crate::facts::GroupFacts;
use crate::find;
use crate::plan::{self, Plan, RoutePlan};
use crate::rdp::certificate;
use crate::route::{FailedRoute, RouteError};
use crate::ssh;
use crate::ssh::key_file;
use crate::trust;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// No instance was found, or it cannot be connected to.
    #[error(transparent)]
    Find(#[from] find::Error),
    /// A call to AWS failed, or no call could be made.
    #[error(transparent)]
    Aws(#[from] aws::Error),
    /// No plan can be made.
    #[error(transparent)]
    Plan(#[from] plan::Error),
    /// The key file cannot be used.
    #[error(transparent)]
    KeyFile(#[from] key_file::Error),
    /// There is no public key to push.
    #[error(transparent)]
    PublicKey(#[from] public_key::Error),
    /// No route leads to the instance.
    #[error("cannot reach {}", plan.instance.id)]
    NoRoute {
        /// The plan that was tried.
        plan: Box<RoutePlan>,
        /// The error of each route.
        failed: Arc<[FailedRoute]>,
        /// The security groups of the instance, where packets were dropped.
        groups: Option<Box<GroupFacts>>,
    },
    /// No session of Session Manager can be started on a node, or it ended.
    #[error("no session on {node_id}")]
    Session {
        /// The id of the instance or managed node.
        node_id: String,
        /// The error of the session.
        source: Box<RouteError>,
    },
    /// A request for just-in-time access was not granted.
    #[error("no access to {node_id}: the request {request_id} is {}", status.to_lowercase())]
    NoAccess {
        /// The id of the instance or managed node.
        node_id: String,
        /// The id of the request.
        request_id: String,
        /// The status of the request, in the service's word.
        status: String,
    },
    /// No way leads to the port of an RDP server.
    #[error("cannot reach the RDP server of {} on port {}", plan.instance.id, plan.port)]
    NoDesktop {
        /// The plan that was tried.
        plan: Box<RoutePlan>,
        /// The error of each way.
        failed: Vec<FailedRoute>,
    },
    /// The certificate of an RDP server cannot be read.
    #[error("no RDP server answers on port {} of {}", plan.port, plan.instance.id)]
    Certificate {
        /// The plan that was tried.
        plan: Box<RoutePlan>,
        /// The error of the connection.
        source: Box<certificate::Error>,
    },
    /// The host key is refused, or cannot be judged.
    #[error("host key verification failed for {}", plan.instance.id)]
    HostKey {
        /// The plan that was tried.
        plan: Box<RoutePlan>,
        /// The refusal, or the reason why there is no judgement.
        source: Box<trust::Error>,
        /// The errors of the other routes.
        failed: Vec<FailedRoute>,
    },
    /// The SSH layer failed.
    #[error("cannot open an SSH connection to {}", plan.instance.id)]
    Ssh {
        /// The plan that was tried.
        plan: Box<RoutePlan>,
        /// The error of the SSH layer.
        source: Box<ssh::Error>,
        /// The errors of the other routes.
        failed: Vec<FailedRoute>,
    },
    /// The instance denied the login.
    #[error("permission denied for {}@{} (publickey)", plan.login.user, plan.route.instance.id)]
    Denied {
        /// The plan that was tried.
        plan: Box<Plan>,
        /// The instance's image, if it is known.
        image: Option<Box<Image>>,
        /// The methods that the server would accept; untrusted.
        methods: Vec<String>,
        /// The time from the offer of the key to the denial, if it is known.
        took: Option<Duration>,
    },
    /// AWS is not asked, so no key can be pushed, and there is none that the instance may know.
    #[error("no key to log in with: none can be pushed without AWS")]
    NoKnownKey,
    /// AWS is not asked, and nothing proves that the address is still the instance's.
    #[error("nothing proves that {instance_id} is still at its address: {detail}")]
    NotProven {
        /// The id of the instance.
        instance_id: String,
        /// The answer at the address; untrusted.
        detail: String,
    },
    /// AWS could not be asked, and the instance is remembered.
    #[error("{source}")]
    Outage {
        /// The failure of the look-up.
        source: Box<Error>,
        /// The target as it was typed.
        target: String,
        /// The time since the instance was last found.
        age: String,
    },
    /// The agent for ssh cannot be served.
    #[error("cannot create the SSH agent socket {}", path.display())]
    Agent {
        /// The path where ssh looks for its agent.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// There is no folder for the program's files.
    #[error("there is no data directory for known_hosts: HOME is not set")]
    NoDataFolder,
}

impl Error {
    pub(super) fn ssh(plan: &RoutePlan, source: ssh::Error, failed: Vec<FailedRoute>) -> Self {
        Self::Ssh { plan: Box::new(plan.clone()), source: Box::new(source), failed }
    }

    pub(super) fn host_key(plan: &RoutePlan, source: trust::Error, failed: Vec<FailedRoute>) -> Self {
        Self::HostKey { plan: Box::new(plan.clone()), source: Box::new(source), failed }
    }
}
