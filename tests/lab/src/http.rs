//! The HTTP front: tells the two services apart, records the calls, and lets faults have their turn.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::{Query, State as Shared};
use axum::http::{HeaderMap, Response};
use axum::routing::{get, post};
use tokio::net::TcpListener;

use crate::fault::{error, respond};
use crate::state::{Recorded, State};
use crate::{connect, ec2, lock};

type Cloud = Arc<Mutex<State>>;

/// Serves on a free port of loopback.
pub async fn serve(state: Cloud) -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let router = Router::new().route("/", post(call)).route("/lab/keys", get(keys)).with_state(state);
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(address)
}

/// One call of either service.
async fn call(Shared(state): Shared<Cloud>, headers: HeaderMap, body: String) -> Response<Body> {
    let target = headers.get("x-amz-target").and_then(|value| value.to_str().ok());
    let json = target.is_some();
    let operation = match target {
        Some(target) => target.rsplit('.').next().unwrap_or_default().to_owned(),
        None => ec2::parameter(&body, "Action").unwrap_or_default(),
    };
    let fault = {
        let mut state = lock(&state);
        state.calls.push(Recorded { operation: operation.clone(), body: body.clone() });
        state.fault(&operation)
    };
    if let Some(fault) = fault {
        return fault.answer(json).await;
    }
    if !headers.contains_key("authorization") {
        return error(403, "MissingAuthenticationToken", "the request is not signed", json);
    }
    let mut state = lock(&state);
    match operation.as_str() {
        "SendSSHPublicKey" => connect::send_ssh_public_key(&mut state, &body),
        "DescribeInstances" => ec2::describe_instances(&mut state, &body),
        "DescribeImages" => ec2::describe_images(&state, &body),
        "StartInstances" => ec2::start_instances(&mut state, &body),
        _ => error(400, "InvalidAction", &format!("the embedded cloud has no {operation}"), json),
    }
}

/// What an instance's metadata service would hand to sshd's AuthorizedKeysCommand.
async fn keys(Shared(state): Shared<Cloud>, Query(query): Query<HashMap<String, String>>) -> Response<Body> {
    let of = |name: &str| query.get(name).map(String::as_str).unwrap_or_default();
    let keys = lock(&state).pushed_keys(of("instance"), of("user"));
    respond(200, "text/plain", keys.iter().map(|key| format!("{key}\n")).collect())
}
