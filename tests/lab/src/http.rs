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

use crate::fault::{Fault, error, respond};
use crate::state::{Recorded, State};
use crate::{connect, console, ec2, lock};

#[derive(Clone)]
struct Cloud {
    state: Arc<Mutex<State>>,
    access_key: String,
}

/// An access key id that nobody can guess.
pub fn random_access_key() -> String {
    let random = crate::HostKey::fresh().fingerprint();
    let plain = random.chars().skip("SHA256:".len()).filter(char::is_ascii_alphanumeric).take(30);
    format!("AKIALAB{}", plain.collect::<String>())
}

/// Serves on a free port of loopback.
pub async fn serve(state: Arc<Mutex<State>>, access_key: String) -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let router =
        Router::new().route("/", post(call)).route("/lab/keys", get(keys)).with_state(Cloud { state, access_key });
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(address)
}

/// One call of either service.
async fn call(Shared(Cloud { state, access_key }): Shared<Cloud>, headers: HeaderMap, body: String) -> Response<Body> {
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
    match fault {
        Some(Fault::Delay(time)) => tokio::time::sleep(time).await,
        Some(fault) => return fault.answer(json).await,
        None => {}
    }
    let signed = headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !signed.contains(&format!("Credential={access_key}/")) {
        return error(403, "AuthFailure", "the embedded cloud does not know this access key", json);
    }
    let mut state = lock(&state);
    match operation.as_str() {
        "SendSSHPublicKey" => connect::send_ssh_public_key(&mut state, &body),
        "DescribeInstances" => ec2::describe_instances(&mut state, &body),
        "DescribeImages" => ec2::describe_images(&state, &body),
        "GetConsoleOutput" => console::get_console_output(&state, &body),
        "StartInstances" => ec2::start_instances(&mut state, &body),
        _ => error(400, "InvalidAction", &format!("the embedded cloud has no {operation}"), json),
    }
}

/// What an instance's metadata service would hand to sshd's AuthorizedKeysCommand.
async fn keys(
    Shared(Cloud { state, .. }): Shared<Cloud>,
    Query(query): Query<HashMap<String, String>>,
) -> Response<Body> {
    let of = |name: &str| query.get(name).map(String::as_str).unwrap_or_default();
    let keys = lock(&state).pushed_keys(of("instance"), of("user"));
    respond(200, "text/plain", keys.iter().map(|key| format!("{key}\n")).collect())
}
