//! Why a route failed, as data.

use tokio::net::TcpStream;

use crate::aws;
use crate::plan::endpoint::EndpointError;
use crate::plan::order::Route;
use crate::ssm;
use crate::text::sanitize;
use crate::transport::probe::ProbeError;
use crate::transport::tcp;
use crate::web::websocket;

/// Why a route does not lead to the instance.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RouteError {
    /// No address of the instance answers.
    #[error(transparent)]
    Tcp(#[from] tcp::Error),
    /// No endpoint can be used.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// Endpoints do not connect to this port.
    #[error("an EC2 Instance Connect Endpoint connects to ports 22 and 3389 only, not to {0}")]
    Port(u16),
    /// A call to AWS failed.
    #[error("{}", describe_aws(.0))]
    Aws(Box<aws::Error>),
    /// The endpoint did not open its tunnel, or closed it.
    #[error("{}: {}", sanitize(.endpoint_id), describe_tunnel(.source))]
    Tunnel {
        /// The id of the endpoint.
        endpoint_id: String,
        /// The error of the websocket.
        source: Box<websocket::Error>,
        /// Set when a maximum duration was sent.
        has_max_duration: bool,
    },
    /// The last of the jump hosts cannot reach the instance.
    #[error("{} cannot reach it: {}", sanitize(.name), sanitize(.problem))]
    Jump {
        /// The name of the jump host.
        name: String,
        /// The failure of each address; untrusted.
        problem: String,
    },
    /// The instance's agent is not online.
    #[error("the SSM Agent of the instance is not connected")]
    AgentOffline,
    /// The session could not be opened, or ended.
    #[error(transparent)]
    Session(Box<ssm::Error>),
    /// The port was reached, and the server did not show the probe's proof.
    #[error("{source}")]
    Unproven {
        /// The error of the probe.
        source: ProbeError,
        /// The socket of a direct connection: the protocol spoken over it may find out more.
        socket: Option<TcpStream>,
    },
}

impl From<aws::Error> for RouteError {
    fn from(error: aws::Error) -> Self {
        Self::Aws(Box::new(error))
    }
}

impl From<ssm::Error> for RouteError {
    fn from(error: ssm::Error) -> Self {
        Self::Session(Box::new(error))
    }
}

/// Returns the error with the words of the service.
pub(super) fn describe_aws(error: &aws::Error) -> String {
    match error {
        aws::Error::Service { message, .. } if !message.is_empty() => format!("{error}: {}", sanitize(message)),
        aws::Error::Web { source, .. } => format!("{error}: {source}"),
        _ => error.to_string(),
    }
}

fn describe_tunnel(error: &websocket::Error) -> String {
    match error {
        websocket::Error::Refused { refusal, .. } if !refusal.message.is_empty() => {
            format!("{refusal}: {}", sanitize(&refusal.message))
        }
        other => sanitize(&other.to_string()),
    }
}

impl RouteError {
    /// Returns the error of the layer that broke the link during the probe, if it was one of ours: they travel inside
    /// `io::Error`, which is all that a byte stream can return.
    pub(crate) fn of_probe(error: ProbeError, endpoint_id: Option<&str>) -> Self {
        if let ProbeError::Broken(broken) = &error
            && let Some(inner) = broken.get_ref()
        {
            if let (Some(source), Some(id)) = (inner.downcast_ref::<websocket::Error>(), endpoint_id) {
                let (endpoint_id, source) = (id.to_owned(), Box::new(source.clone()));
                return Self::Tunnel { endpoint_id, source, has_max_duration: false };
            }
            if let Some(source) = inner.downcast_ref::<ssm::Error>() {
                return source.clone().into();
            }
        }
        Self::Unproven { source: error, socket: None }
    }

    /// Whether the route may work once the instance has booted.
    pub(crate) fn is_transient(&self) -> bool {
        match self {
            Self::Tcp(error) => matches!(error, tcp::Error::Failed(_)),
            Self::Endpoint(_) | Self::Port(_) => false,
            Self::Aws(error) => error.code() == Some("TargetNotConnected"),
            Self::Tunnel { source, .. } => matches!(**source, websocket::Error::Closed { .. }),
            Self::AgentOffline | Self::Session(_) | Self::Unproven { .. } | Self::Jump { .. } => true,
        }
    }
}

/// A route and why it failed.
#[derive(Debug)]
pub(crate) struct FailedRoute {
    /// The route that was tried.
    pub route: Route,
    /// The error of the route.
    pub error: RouteError,
}
