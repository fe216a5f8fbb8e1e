//! A small GET of text: the body's beginning, where the status is 200.

use std::io;
use std::sync::Arc;

use http::{Request, Uri, header};
use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;

use super::connector::Connector;
use super::endpoint::Endpoint;
use super::error::Error;

/// The limit of the body, in bytes.
const MAX_BODY: usize = 1024;

/// Returns the text at `url`, by the caller's proxy. It is untrusted.
///
/// # Errors
/// The URL is none, the service cannot be reached, or it answers with another status or with too much.
pub(crate) async fn get(connector: &Connector, url: &str) -> Result<String, Error> {
    let uri: Uri = url.parse().map_err(|_| Error::Address(url.to_owned()))?;
    let endpoint = Endpoint::of(&uri)?;
    let failed = |source: io::Error| Error::Broken { host: endpoint.to_string(), source: Arc::new(source) };
    let stream = connector.dial(&uri).await?;
    let exchange = async {
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let request = Request::get(path)
            .header(header::HOST, endpoint.to_string())
            .header(header::USER_AGENT, concat!("ec2ssh/", env!("CARGO_PKG_VERSION")))
            .body(Empty::<Bytes>::new())
            .map_err(io::Error::other)?;
        let answer = async {
            let response = sender.send_request(request).await.map_err(io::Error::other)?;
            let status = response.status();
            if !status.is_success() {
                return Err(io::Error::other(format!("HTTP {status}")));
            }
            let body = http_body_util::Limited::new(response.into_body(), MAX_BODY);
            let bytes = body.collect().await.map_err(io::Error::other)?.to_bytes();
            Ok(String::from_utf8_lossy(&bytes).into_owned())
        };
        tokio::pin!(connection, answer);
        tokio::select! {
            biased;
            answer = &mut answer => answer,
            ended = &mut connection => match ended {
                Ok(()) => answer.await,
                Err(error) => Err(io::Error::other(error)),
            },
        }
    };
    exchange.await.map_err(failed)
}
