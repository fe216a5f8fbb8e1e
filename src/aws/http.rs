//! The HTTP client for the SDK: hyper over the same transport as websockets ([`crate::web`]), so that
//! proxies and certificate authorities apply to both.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::retries::ErrorKind;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use http::Uri;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::client::legacy::{self, Client};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::task::JoinHandle;

use super::clock::Clock;
use crate::io::Stream;
use crate::web::{self, Connector};

/// The timeout for a response's head if the SDK sets none.
const READ_TIMEOUT: Duration = Duration::from_secs(20);
/// The limit of a response's body in bytes. A page of 1,000 instances with all their tags and interfaces has about 10 MB.
const MAX_BODY_SIZE: usize = 32 << 20;

/// The SDK's HTTP client, with one connection pool for all services.
#[derive(Clone)]
pub(super) struct Http {
    connector: SdkConnector,
    client: Arc<OnceLock<Client<SdkConnector, SdkBody>>>,
    clock: Clock,
}

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Http")
    }
}

impl Http {
    /// Creates a client that connects with this connector.
    pub(super) fn new(connector: Connector) -> Self {
        let connector = SdkConnector { connector, preconnected: Preconnected::default() };
        Self { connector, client: Arc::default(), clock: Clock::default() }
    }

    /// Returns the services' clock, which every response sets.
    pub(super) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Opens a connection to the service at `url` now; the first call to that service uses it.
    pub(super) fn preconnect(&self, url: &str) {
        let Ok(uri) = url.parse::<Uri>() else { return };
        let SdkConnector { connector, preconnected } = self.connector.clone();
        let connection = tokio::spawn({
            let uri = uri.clone();
            async move { connector.dial(&uri).await }
        });
        preconnected
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry(origin(&uri))
            .or_default()
            .push_back((Instant::now(), connection));
    }
}

impl HttpClient for Http {
    fn http_connector(&self, settings: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        let make = || Client::builder(TokioExecutor::new()).build(self.connector.clone());
        let client = self.client.get_or_init(make).clone();
        let read_timeout = settings.read_timeout().unwrap_or(READ_TIMEOUT);
        SharedHttpConnector::new(PooledClient { client, read_timeout, clock: self.clock.clone() })
    }
}

#[derive(Debug)]
struct PooledClient {
    client: Client<SdkConnector, SdkBody>,
    read_timeout: Duration,
    clock: Clock,
}

impl HttpConnector for PooledClient {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let request = match request.try_into_http1x() {
            Ok(request) => request,
            Err(error) => return HttpConnectorFuture::ready(Err(ConnectorError::user(error.into()))),
        };
        let (answer, read_timeout, clock) = (self.client.request(request), self.read_timeout, self.clock.clone());
        HttpConnectorFuture::new(async move {
            match tokio::time::timeout(read_timeout, answer).await {
                Ok(Ok(response)) => {
                    clock.note(response.headers().get(http::header::DATE).and_then(|date| date.to_str().ok()));
                    let limited = |body| Limited::new(body, MAX_BODY_SIZE).map_err(explain_limit);
                    HttpResponse::try_from(response.map(|body| SdkBody::from_body_1_x(limited(body))))
                        .map_err(|error| ConnectorError::other(error.into(), None))
                }
                Ok(Err(error)) => Err(classify(error)),
                Err(late) => Err(ConnectorError::timeout(late.into())),
            }
        })
    }
}

/// Says of a body that is too long how long it may be.
fn explain_limit(error: Box<dyn std::error::Error + Send + Sync>) -> Box<dyn std::error::Error + Send + Sync> {
    if error.is::<LengthLimitError>() {
        return format!("the response is longer than {} MiB", MAX_BODY_SIZE >> 20).into();
    }
    error
}

/// Classifies a request's error: the SDK decides by its kind whether to retry.
fn classify(error: legacy::Error) -> ConnectorError {
    match find_web_error(&error) {
        // I/O errors and timeouts are retryable; certificate errors and a proxy's refusal are not.
        Some(web::Error::Connect { .. } | web::Error::Broken { .. }) => ConnectorError::io(error.into()),
        Some(web::Error::Silent(_)) => ConnectorError::timeout(error.into()),
        Some(_) => ConnectorError::other(error.into(), None),
        None => ConnectorError::other(error.into(), Some(ErrorKind::TransientError)),
    }
}

/// Returns the [`web::Error`] among the causes of an error.
pub(super) fn find_web_error<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a web::Error> {
    std::iter::successors(Some(error), |error| error.source()).find_map(|error| error.downcast_ref())
}

/// Connections that were opened ahead of the first call, with the time of the dial, keyed by scheme and authority.
type Preconnected = Arc<Mutex<HashMap<String, VecDeque<(Instant, JoinHandle<DialResult>)>>>>;
type DialResult = Result<Box<dyn Stream>, web::Error>;

/// The age above which a connection is not used: the server may have closed it while it was idle.
const PRECONNECT_MAX_AGE: Duration = Duration::from_secs(10);

#[derive(Clone)]
struct SdkConnector {
    connector: Connector,
    preconnected: Preconnected,
}

impl fmt::Debug for SdkConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.connector.fmt(f)
    }
}

fn origin(uri: &Uri) -> String {
    format!("{}://{}", uri.scheme_str().unwrap_or_default(), uri.authority().map_or("", |origin| origin.as_str()))
}

impl tower_service::Service<Uri> for SdkConnector {
    type Response = Io;
    type Error = web::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Io, web::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), web::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connector = self.connector.clone();
        let preconnected = self
            .preconnected
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get_mut(&origin(&uri))
            .and_then(VecDeque::pop_front);
        Box::pin(async move {
            let stream = match preconnected {
                Some((since, preconnected)) if !preconnected.is_finished() || since.elapsed() < PRECONNECT_MAX_AGE => {
                    match (preconnected.is_finished(), preconnected.await) {
                        (_, Ok(Ok(stream))) => Ok(stream),
                        // The call was already waiting for this dial, so it gets the error instead of dialing again.
                        (false, Ok(failed)) => failed,
                        (true, _) | (_, Err(_)) => connector.dial(&uri).await,
                    }
                }
                _ => connector.dial(&uri).await,
            };
            Ok(Io(TokioIo::new(stream?)))
        })
    }
}

/// A connection in hyper's pool.
struct Io(TokioIo<Box<dyn Stream>>);

impl Connection for Io {
    fn connected(&self) -> Connected {
        // Requests use only the path (origin form), even through a proxy, because the proxy connection is a tunnel.
        Connected::new()
    }
}

impl Read for Io {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, into)
    }
}

impl Write for Io {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
