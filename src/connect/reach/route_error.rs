//! What stands in a route's way.

use tokio::net::TcpStream;

use crate::aws;
use crate::plan::route::{EndpointError, Route};
use crate::text::sanitize;
use crate::transport::link::BannerError;
use crate::transport::{ssm, tcp, websocket};

/// Why a route does not lead to the instance.
#[derive(Debug, thiserror::Error)]
pub enum RouteError {
    /// No address answers.
    #[error(transparent)]
    Tcp(#[from] tcp::Error),
    /// No endpoint serves.
    #[error(transparent)]
    EndpointError(#[from] EndpointError),
    /// Endpoints do not connect to this port.
    #[error("an endpoint connects to the ports 22 and 3389 only, not to {0}")]
    Port(u16),
    /// AWS could not be asked, or said no.
    #[error("{}", in_words(.0))]
    Aws(Box<aws::Error>),
    /// The endpoint did not open its tunnel, or closed it.
    #[error("{}: {}", sanitize(.endpoint_id), tunnel(.source))]
    Tunnel {
        /// The endpoint.
        endpoint_id: String,
        /// What came of it.
        source: Box<websocket::Error>,
        /// The limit of its duration was sent.
        has_max_duration: bool,
    },
    /// The instance's agent is not there.
    #[error("the Systems Manager agent of the instance is not connected")]
    NoAgent,
    /// The session did not come about, or ended.
    #[error(transparent)]
    Session(Box<ssm::Error>),
    /// There is a way, and no SSH server at its end.
    #[error("{why}")]
    NoIdentification {
        /// Why.
        why: BannerError,
        /// The socket, where it is one: something more can be learned of it.
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

fn in_words(error: &aws::Error) -> String {
    match error {
        aws::Error::Service { message, .. } if !message.is_empty() => format!("{error}: {}", sanitize(message)),
        aws::Error::Web { source, .. } => format!("{error}: {source}"),
        _ => error.to_string(),
    }
}

fn tunnel(error: &websocket::Error) -> String {
    match error {
        websocket::Error::Refused { refusal, .. } if !refusal.message.is_empty() => {
            format!("{refusal}: {}", sanitize(&refusal.message))
        }
        other => sanitize(&other.to_string()),
    }
}

impl RouteError {
    /// Reads what a link said before its end: the layers' own errors are inside.
    pub fn of(why: BannerError, endpoint_id: Option<&str>) -> Self {
        if let BannerError::Broken(error) = &why
            && let Some(inner) = error.get_ref()
        {
            if let (Some(source), Some(id)) = (inner.downcast_ref::<websocket::Error>(), endpoint_id) {
                let (endpoint_id, source) = (id.to_owned(), Box::new(source.clone()));
                return Self::Tunnel { endpoint_id, source, has_max_duration: false };
            }
            if let Some(source) = inner.downcast_ref::<ssm::Error>() {
                return source.clone().into();
            }
        }
        Self::NoIdentification { why, socket: None }
    }

    /// Whether it may pass while a machine boots.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Tcp(error) => matches!(error, tcp::Error::Failed(_)),
            Self::EndpointError(_) | Self::Port(_) => false,
            Self::Aws(error) => error.code() == Some("TargetNotConnected"),
            Self::Tunnel { source, .. } => matches!(**source, websocket::Error::Closed { .. }),
            Self::NoAgent | Self::Session(_) | Self::NoIdentification { .. } => true,
        }
    }
}

/// A route and what stood in its way.
#[derive(Debug)]
pub struct FailedRoute {
    /// The route.
    pub route: Route,
    /// What stood in its way.
    pub route_error: RouteError,
}
