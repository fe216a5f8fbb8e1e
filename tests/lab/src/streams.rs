//! Serves all websockets on a single TLS listener: EICE tunnels and Session Manager data channels, distinguished by
//! their paths.

use std::io;
use std::sync::{Arc, Mutex};

use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::server::TlsStream;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::{WebSocketStream, accept_hdr_async};

use crate::state::State;
use crate::{agent, authority, eice};

/// A websocket of the embedded cloud.
pub(crate) type Socket = WebSocketStream<TlsStream<TcpStream>>;

/// The shared state, and the access key that signatures are checked with.
#[derive(Clone)]
pub(crate) struct Service {
    pub state: Arc<Mutex<State>>,
    pub access_key: String,
}

/// An accepted upgrade, by its kind.
enum Accepted {
    Tunnel(eice::Tunnel),
    Channel(agent::Channel),
}

/// Serves websockets on a free port of loopback and returns the port.
pub(crate) async fn serve(service: Service) -> io::Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service = service.clone();
            tokio::spawn(async move {
                let _ = stream.set_nodelay(true);
                if let Ok(stream) = authority::acceptor().accept(stream).await {
                    serve_connection(stream, service).await;
                }
            });
        }
    });
    Ok(port)
}

async fn serve_connection(stream: TlsStream<TcpStream>, service: Service) {
    let mut accepted = None;
    // tungstenite's callback is synchronous and has a large error type.
    #[allow(clippy::result_large_err, reason = "the library's own type")]
    let callback = |request: &Request, mut response: Response| -> Result<Response, ErrorResponse> {
        let found = if request.uri().path() == "/openTunnel" {
            eice::check(request, &service).map(Accepted::Tunnel)
        } else {
            agent::check(request, &service).map(Accepted::Channel)
        };
        response.headers_mut().insert("x-amzn-requestid", "lab-request-1".parse().expect("it is a header's value"));
        accepted = Some(found?);
        Ok(response)
    };
    let Ok(socket) = accept_hdr_async(stream, callback).await else { return };
    match accepted {
        Some(Accepted::Tunnel(tunnel)) => eice::relay(socket, tunnel, service).await,
        Some(Accepted::Channel(channel)) => agent::attach(socket, channel).await,
        None => {}
    }
}

/// Rejects an upgrade with an error in the service's format.
pub(crate) fn refuse(status: u16, code: &str, message: &str) -> ErrorResponse {
    let body = serde_json::json!({ "ErrorCode": code, "Message": message }).to_string();
    refuse_with_body(status, &body)
}

/// Rejects an upgrade with this status and body.
pub(crate) fn refuse_with_body(status: u16, body: &str) -> ErrorResponse {
    let mut response = ErrorResponse::new(Some(body.to_owned()));
    *response.status_mut() = status.try_into().expect("it is a status");
    let length = body.len().to_string().parse().expect("a number is a header's value");
    response.headers_mut().insert("content-length", length);
    response
}
