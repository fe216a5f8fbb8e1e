//! Opens a tunnel through a proxy with CONNECT (RFC 9110, section 9.3.6) and reports the proxy's status if it refuses.

use std::sync::Arc;
use std::time::Duration;

use http::header::{HOST, PROXY_AUTHORIZATION, USER_AGENT};
use http::{HeaderValue, Request, StatusCode, Uri};
use tokio::time::timeout;

use super::endpoint::Endpoint;
use super::error::Error;
use super::upgrade::{self, UpgradeResponse};
use crate::io::Stream;

/// The time limit for the TCP connection, and again for each step after it (proxy tunnel, TLS handshake).
pub(super) const STEP_TIMEOUT: Duration = Duration::from_secs(5);

/// Asks the proxy at the other end of `stream` for a tunnel to `endpoint`.
pub(super) async fn tunnel(
    stream: Box<dyn Stream>,
    proxy: &Endpoint,
    endpoint: &Endpoint,
    authorization: Option<HeaderValue>,
) -> Result<Box<dyn Stream>, Error> {
    let target: Uri = endpoint.to_string().parse().map_err(|_| Error::Address(endpoint.to_string()))?;
    let mut request = Request::connect(target).header(HOST, endpoint.to_string()).header(USER_AGENT, "ec2ssh");
    if let Some(mut authorization) = authorization {
        authorization.set_sensitive(true);
        request = request.header(PROXY_AUTHORIZATION, authorization);
    }
    let request = request.body(String::new()).map_err(|_| Error::Address(endpoint.to_string()))?;
    let answer = timeout(STEP_TIMEOUT, upgrade::send(stream, request)).await;
    match answer.map_err(|_| Error::Silent(proxy.to_string()))? {
        Ok(UpgradeResponse::Upgraded { stream, .. }) => Ok(stream),
        // Tinyproxy answers a wrong password with 401 instead of 407.
        Ok(UpgradeResponse::Refused {
            status: StatusCode::PROXY_AUTHENTICATION_REQUIRED | StatusCode::UNAUTHORIZED,
            ..
        }) => Err(Error::ProxyAuthentication(proxy.to_string())),
        Ok(UpgradeResponse::Refused { status, .. }) => Err(Error::ProxyRefused {
            proxy: proxy.to_string(),
            host: endpoint.to_string(),
            status: status.to_string(),
        }),
        Err(source) => Err(Error::Broken { host: proxy.to_string(), source: Arc::new(source) }),
    }
}
