//! The HTTP front end: dispatches calls to the services, records them, and applies the injected faults.

use std::collections::HashMap;
use std::net::SocketAddr;

use axum::Router;
use axum::body::Body;
use axum::extract::{Query, State as Shared};
use axum::http::{HeaderMap, Response};
use axum::routing::{get, post};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::server::TlsStream;

use crate::fault::{Fault, error, respond};
use crate::state::RecordedCall;
use crate::streams::Service;
use crate::{authority, connect, console, ec2, eice, key_lookup, kms, lock, network, rdp, ssm, sts};

/// Returns a random access key id that cannot be guessed.
pub(crate) fn random_access_key() -> String {
    let random = crate::HostKey::fresh().fingerprint();
    let plain = random.chars().skip("SHA256:".len()).filter(char::is_ascii_alphanumeric).take(30);
    format!("AKIALAB{}", plain.collect::<String>())
}

/// Serves HTTP on a free port of loopback and returns the address.
pub(crate) async fn serve(service: Service) -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let router = router(service);
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(address)
}

/// Serves HTTPS as `localhost` on a free port of loopback and returns the port.
pub(crate) async fn serve_tls(service: Service) -> std::io::Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    let router = router(service);
    tokio::spawn(async move { axum::serve(TlsListener(listener), router).await });
    Ok(port)
}

fn router(service: Service) -> Router {
    let lab = get(keys).put(set_keys);
    Router::new().route("/", post(call)).route("/lab/keys", lab).with_state(service)
}

struct TlsListener(TcpListener);

impl axum::serve::Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, SocketAddr) {
        loop {
            if let Ok((stream, address)) = self.0.accept().await
                && let Ok(stream) = authority::acceptor().accept(stream).await
            {
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

/// Answers one call of a service.
async fn call(
    Shared(Service { state, access_key }): Shared<Service>,
    headers: HeaderMap,
    body: String,
) -> Response<Body> {
    let target = headers.get("x-amz-target").and_then(|value| value.to_str().ok());
    let json = target.is_some();
    let operation = match target {
        Some(target) => target.rsplit('.').next().unwrap_or_default().to_owned(),
        None => ec2::parameter(&body, "Action").unwrap_or_default(),
    };
    let [signed_by, region] = signer(&headers);
    let (fault, delay, is_known) = {
        let mut state = lock(&state);
        let (operation, body, access_key) = (operation.clone(), body.clone(), signed_by.clone());
        let fault = state.fault(&operation);
        state.calls.push(RecordedCall { operation, body, access_key });
        (fault, state.call_delay, state.access_keys.contains(&signed_by))
    };
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    match fault {
        Some(Fault::Delay(time)) => tokio::time::sleep(time).await,
        Some(fault) => return fault.answer(json).await,
        None => {}
    }
    if signed_by != access_key && !is_known {
        return error(403, "AuthFailure", "the embedded cloud does not know this access key", json);
    }
    let mut state = lock(&state);
    match operation.as_str() {
        "SendSSHPublicKey" => connect::send_ssh_public_key(&mut state, &body),
        "SendSerialConsoleSSHPublicKey" => connect::send_serial_console_key(&mut state, &body),
        "DescribeInstances" => ec2::describe_instances(&mut state, &body, &region),
        "DescribeRegions" => ec2::describe_regions(),
        "DescribeImages" => ec2::describe_images(&state, &body),
        "DescribeInstanceAttribute" => ec2::describe_attribute(&state, &body),
        "GetConsoleScreenshot" => ec2::screenshot(&state, &body),
        "DescribeInstanceInformation" => ssm::describe_instance_information(&state, &body),
        "GetPasswordData" => rdp::get_password_data(&state, &body),
        "GetConsoleOutput" => console::get_console_output(&state, &body),
        "DescribeInstanceConnectEndpoints" => eice::describe(&state, &body),
        "GetConnectionStatus" => ssm::get_connection_status(&state, &body),
        "StartSession" => ssm::start_session(&mut state, &body),
        "ResumeSession" => ssm::resume_session(&mut state, &body),
        "TerminateSession" => ssm::terminate_session(&mut state, &body),
        "StartAccessRequest" => ssm::start_access_request(&mut state, &body),
        "GetAccessToken" => ssm::get_access_token(&mut state, &body),
        "GenerateDataKey" => kms::generate_data_key(&state, &body),
        "AssumeRole" => sts::assume_role(&state, &body),
        "GetCallerIdentity" => sts::identity(),
        "DescribeSecurityGroupRules" => network::describe_rules(&state, &body),
        "AuthorizeSecurityGroupIngress" => network::authorize_ingress(&mut state, &body),
        "GetManagedPrefixListEntries" => network::prefix_list_entries(&state, &body),
        "DescribeSubnets" => network::describe_subnets(&state, &body),
        "DescribeRouteTables" => network::describe_route_tables(&state, &body),
        "DescribeNetworkAcls" => network::describe_acls(&state, &body),
        "DescribeVpcBlockPublicAccessOptions" => network::block_public_access(&state),
        "DescribeVpcBlockPublicAccessExclusions" => network::exclusions(&state),
        "DescribeInstanceStatus" => network::instance_status(&state, &body),
        "DescribeKeyPairs" => network::describe_key_pairs(&state, &body),
        "StartInstances" => ec2::start_instances(&mut state, &body),
        _ => error(400, "InvalidAction", &format!("the embedded cloud has no {operation}"), json),
    }
}

/// Returns the id of the access key that signed the request, and the region that it was signed for.
fn signer(headers: &HeaderMap) -> [String; 2] {
    let signed = headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let credential = signed.split("Credential=").nth(1).unwrap_or_default();
    let part = |at: usize| credential.split('/').nth(at).unwrap_or_default().to_owned();
    [part(0), part(2)]
}

/// Returns the pushed keys as an instance's metadata service does for sshd's AuthorizedKeysCommand.
async fn keys(
    Shared(Service { state, .. }): Shared<Service>,
    Query(query): Query<HashMap<String, String>>,
) -> Response<Body> {
    let of = |name: &str| query.get(name).map(String::as_str).unwrap_or_default();
    let keys = key_lookup::look_up(&state, of("instance"), of("user")).await;
    respond(200, "text/plain", keys.iter().map(|key| format!("{key}\n")).collect())
}

/// Replaces all pushed keys with these, one per line. Each key slows the next lookup, and all runs of a benchmark have
/// to start from the same state. Requires the access key.
async fn set_keys(
    Shared(Service { state, access_key }): Shared<Service>,
    Query(query): Query<HashMap<String, String>>,
    body: String,
) -> Response<Body> {
    let of = |name: &str| query.get(name).cloned().unwrap_or_default();
    if of("access_key") != access_key {
        return respond(403, "text/plain", String::new());
    }
    lock(&state).set_keys(&of("instance"), &of("user"), &body);
    respond(200, "text/plain", String::new())
}

/// Answers every request on a free port of loopback with this text, and returns the port.
pub(crate) async fn serve_text(text: String) -> std::io::Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    let app = Router::new().fallback(move || std::future::ready(text.clone()));
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok(port)
}
