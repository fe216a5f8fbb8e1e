//! CONNECT (RFC 9110, 9.3.6): a proxy is asked for a tunnel, and its no is told in its own words.

use std::sync::Arc;

use http::header::{HOST, PROXY_AUTHORIZATION, USER_AGENT};
use http::{HeaderValue, Request, StatusCode, Uri};
use tokio::time::timeout;

use super::super::upgrade::{self, Answer};
use super::{Error, PATIENCE, Place, Stream};

/// Asks the proxy at the other end of `stream` for a tunnel to `place`.
pub async fn tunnel(
    stream: Box<dyn Stream>,
    proxy: &Place,
    place: &Place,
    authorization: Option<HeaderValue>,
) -> Result<Box<dyn Stream>, Error> {
    let target: Uri = place.to_string().parse().map_err(|_| Error::Address(place.to_string()))?;
    let mut request = Request::connect(target).header(HOST, place.to_string()).header(USER_AGENT, "ec2ssh");
    if let Some(mut authorization) = authorization {
        authorization.set_sensitive(true);
        request = request.header(PROXY_AUTHORIZATION, authorization);
    }
    let request = request.body(String::new()).map_err(|_| Error::Address(place.to_string()))?;
    let answer = timeout(PATIENCE, upgrade::ask(stream, request)).await;
    match answer.map_err(|_| Error::Silent(proxy.to_string()))? {
        Ok(Answer::Yes { stream, .. }) => Ok(stream),
        // 407; tinyproxy says 401 to a wrong password.
        Ok(Answer::No { status: StatusCode::PROXY_AUTHENTICATION_REQUIRED | StatusCode::UNAUTHORIZED, .. }) => {
            Err(Error::ProxyAuthentication(proxy.to_string()))
        }
        Ok(Answer::No { status, .. }) => {
            Err(Error::ProxyRefused { proxy: proxy.to_string(), host: place.to_string(), status: status.to_string() })
        }
        Err(source) => Err(Error::Broken { host: proxy.to_string(), source: Arc::new(source) }),
    }
}
