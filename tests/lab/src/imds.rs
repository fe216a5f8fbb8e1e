//! The instance metadata service, version 2 only, on a port of loopback.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Response};
use axum::routing::{get, put};
use tokio::net::TcpListener;

use crate::fault::respond;

/// The state of a metadata service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metadata {
    /// The service answers those who have a token.
    On,
    /// The service is off: everything is refused.
    Off,
    /// No token arrives: the hop limit is too low.
    NoToken,
    /// The service answers nothing.
    Mute,
}

const TOKEN: &str = "AQAEAtoken-of-the-lab==";

/// The documents by path; a path that ends with a slash is a listing.
const DOCUMENTS: &[(&str, &str)] = &[
    ("", "dynamic\nmeta-data\nuser-data"),
    ("meta-data/", "instance-id\nplacement/\ntags/"),
    ("meta-data/instance-id", "i-0123456789abcde01"),
    ("meta-data/placement/", "availability-zone\nregion"),
    ("meta-data/placement/availability-zone", "eu-west-1a"),
    ("meta-data/placement/region", "eu-west-1"),
];

/// Serves the metadata on a free port of loopback, and returns the port.
pub(crate) async fn serve(state: Metadata) -> std::io::Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    let router = Router::new()
        .route("/latest/api/token", put(token))
        .route("/latest/", get(|state, headers| document(state, Path(String::new()), headers)))
        .route("/latest/{*path}", get(document))
        .with_state(state);
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(port)
}

async fn token(State(state): State<Metadata>, headers: HeaderMap) -> Response<Body> {
    match state {
        Metadata::On if headers.contains_key("x-aws-ec2-metadata-token-ttl-seconds") => {
            respond(200, "text/plain", TOKEN.to_owned())
        }
        Metadata::On => respond(400, "text/plain", "no lifetime".to_owned()),
        Metadata::Off => respond(403, "text/plain", "forbidden".to_owned()),
        Metadata::NoToken | Metadata::Mute => never().await,
    }
}

async fn document(State(state): State<Metadata>, Path(path): Path<String>, headers: HeaderMap) -> Response<Body> {
    let has_token = headers.get("x-aws-ec2-metadata-token").is_some_and(|token| token == TOKEN);
    let found = DOCUMENTS.iter().find(|(name, _)| *name == path);
    match (state, found) {
        (Metadata::Off, _) => respond(403, "text/plain", "forbidden".to_owned()),
        (Metadata::Mute, _) => never().await,
        _ if !has_token => respond(401, "text/plain", "unauthorized".to_owned()),
        (_, Some((_, content))) => respond(200, "text/plain", (*content).to_owned()),
        (_, None) => respond(404, "text/plain", "not found".to_owned()),
    }
}

async fn never() -> Response<Body> {
    tokio::time::sleep(Duration::from_secs(3600)).await;
    respond(500, "text/plain", String::new())
}
