//! The HTTP client that the SDK is given: hyper over the one way to web services ([`crate::transport::web`]), so that
//! proxies and certificate authorities are the same for calls and for websockets.

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
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::client::legacy::{self, Client};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::task::JoinHandle;

use crate::transport::web::{self, Dialler, Stream};

/// How long an answer's head may take where the SDK sets no limit.
const READ_PATIENCE: Duration = Duration::from_secs(20);

/// The client. One pool of connections for all services.
#[derive(Clone)]
pub struct Http {
    connector: Connector,
    client: Arc<OnceLock<Client<Connector, SdkBody>>>,
}

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Http")
    }
}

impl Http {
    /// A client that connects so.
    pub fn new(dialler: Dialler) -> Self {
        Self { connector: Connector { dialler, early: Early::default() }, client: Arc::default() }
    }

    /// Opens a connection to this service now; the first call there takes it.
    pub fn connect_early(&self, url: &str) {
        let Ok(uri) = url.parse::<Uri>() else { return };
        let Connector { dialler, early } = self.connector.clone();
        let connection = tokio::spawn({
            let uri = uri.clone();
            async move { dialler.dial(&uri).await }
        });
        early
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry(place(&uri))
            .or_default()
            .push_back((Instant::now(), connection));
    }
}

impl HttpClient for Http {
    fn http_connector(&self, settings: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        let make = || Client::builder(TokioExecutor::new()).build(self.connector.clone());
        let client = self.client.get_or_init(make).clone();
        SharedHttpConnector::new(Caller { client, patience: settings.read_timeout().unwrap_or(READ_PATIENCE) })
    }
}

#[derive(Debug)]
struct Caller {
    client: Client<Connector, SdkBody>,
    patience: Duration,
}

impl HttpConnector for Caller {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let request = match request.try_into_http1x() {
            Ok(request) => request,
            Err(error) => return HttpConnectorFuture::ready(Err(ConnectorError::user(error.into()))),
        };
        let (answer, patience) = (self.client.request(request), self.patience);
        HttpConnectorFuture::new(async move {
            match tokio::time::timeout(patience, answer).await {
                Ok(Ok(response)) => HttpResponse::try_from(response.map(SdkBody::from_body_1_x))
                    .map_err(|error| ConnectorError::other(error.into(), None)),
                Ok(Err(error)) => Err(sort(error)),
                Err(late) => Err(ConnectorError::timeout(late.into())),
            }
        })
    }
}

/// What the SDK tries again is for it to decide; it goes by the kind.
fn sort(error: legacy::Error) -> ConnectorError {
    match find(&error) {
        // Whom we do not trust now, we do not trust a second later.
        Some(web::Error::Connect { .. } | web::Error::Broken { .. }) => ConnectorError::io(error.into()),
        Some(web::Error::Silent(_)) => ConnectorError::timeout(error.into()),
        Some(_) => ConnectorError::other(error.into(), None),
        None => ConnectorError::other(error.into(), Some(ErrorKind::TransientError)),
    }
}

/// Our own word among the causes of an error.
pub fn find<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a web::Error> {
    std::iter::successors(Some(error), |error| error.source()).find_map(|error| error.downcast_ref())
}

/// Connections that were opened before they were asked for, and when, by their place.
type Early = Arc<Mutex<HashMap<String, VecDeque<(Instant, JoinHandle<Dialled>)>>>>;
type Dialled = Result<Box<dyn Stream>, web::Error>;

/// An older one may have been closed by whoever waits for a request on it.
const EARLY_FOR: Duration = Duration::from_secs(10);

#[derive(Clone)]
struct Connector {
    dialler: Dialler,
    early: Early,
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.dialler.fmt(f)
    }
}

fn place(uri: &Uri) -> String {
    format!("{}://{}", uri.scheme_str().unwrap_or_default(), uri.authority().map_or("", |place| place.as_str()))
}

impl tower_service::Service<Uri> for Connector {
    type Response = Io;
    type Error = web::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Io, web::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), web::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let dialler = self.dialler.clone();
        let early = self
            .early
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get_mut(&place(&uri))
            .and_then(VecDeque::pop_front);
        Box::pin(async move {
            let stream = match early {
                Some((since, early)) if !early.is_finished() || since.elapsed() < EARLY_FOR => {
                    match (early.is_finished(), early.await) {
                        (_, Ok(Ok(stream))) => Ok(stream),
                        // The call was waiting for it: that is its answer.
                        (false, Ok(failed)) => failed,
                        (true, _) | (_, Err(_)) => dialler.dial(&uri).await,
                    }
                }
                _ => dialler.dial(&uri).await,
            };
            Ok(Io(TokioIo::new(stream?)))
        })
    }
}

/// A connection in the pool.
struct Io(TokioIo<Box<dyn Stream>>);

impl Connection for Io {
    fn connected(&self) -> Connected {
        // Requests name the path alone, also behind a proxy: what the proxy gave us is a tunnel.
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
