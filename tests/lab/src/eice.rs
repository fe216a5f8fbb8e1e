//! EC2 Instance Connect Endpoints (EICE): DescribeInstanceConnectEndpoints, and the tunnels with the service's checks.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body;
use axum::http::Response;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::Notify;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

use crate::ec2::{filters, numbered, parameters, xml};
use crate::fault::{error, escape};
use crate::lock;
use crate::sigv4::{self, Expected};
use crate::state::State;
use crate::streams::{Service, Socket, refuse, refuse_with_body};

/// The largest accepted frame in bytes.
const MAX_FRAME: usize = 65_000;
/// The payload of a ping.
const PING: &[u8] = b"are you there";
/// The service's limit of open tunnels per endpoint.
const MAX_TUNNELS: usize = 20;

/// An EC2 Instance Connect Endpoint.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "the names are EC2's own")]
pub struct Endpoint {
    pub id: String,
    pub state: &'static str,
    pub vpc_id: String,
    pub subnet_id: String,
    pub zone: String,
    pub address_type: &'static str,
    /// The DNS name and port, in place of the embedded cloud's own.
    pub host: Option<String>,
    pub fips_host: Option<String>,
    /// The dual-stack names (IPv4 and IPv6), plain and FIPS.
    pub dual_hosts: Option<(String, String)>,
    pub groups: Vec<String>,
    pub preserve_client_ip: bool,
}

impl Endpoint {
    /// Returns an endpoint that is ready, in the VPC and subnet of the default instances.
    pub fn new(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            state: "create-complete",
            vpc_id: "vpc-0123456789abcdef0".to_owned(),
            subnet_id: "subnet-0123456789abcdef0".to_owned(),
            zone: "eu-west-1a".to_owned(),
            address_type: "ipv4",
            host: None,
            fips_host: None,
            dual_hosts: None,
            groups: Vec::new(),
            preserve_client_ip: false,
        }
    }
}

/// A fault of all tunnels.
#[derive(Clone, Debug)]
pub enum TunnelFault {
    /// The upgrade is rejected with this status and body.
    Refuse(u16, String),
    /// The upgrade succeeds, followed by a close with this code and reason.
    Close(u16, String),
    /// The upgrade succeeds, and then no data comes.
    Mute,
    /// The signature is rejected with a message that quotes the signed request.
    Quote,
    /// A policy requires `maxTunnelDuration`, and rejects tunnels without it.
    DemandDuration,
}

/// Answers DescribeInstanceConnectEndpoints, with filters and paging.
pub(crate) fn describe(state: &State, body: &str) -> Response<Body> {
    let parameters = parameters(body);
    let ids = numbered(&parameters, "InstanceConnectEndpointId");
    if let Some(unknown) = ids.iter().find(|id| !state.endpoints.iter().any(|endpoint| endpoint.id == **id)) {
        let words = format!("The InstanceConnectEndpoint ID '{unknown}' does not exist");
        return error(400, "InvalidInstanceConnectEndpointId.NotFound", &words, false);
    }
    let filters = filters(&parameters);
    let wanted = |endpoint: &&Endpoint| {
        (ids.is_empty() || ids.contains(&endpoint.id))
            && filters.iter().all(|(name, values)| match name.as_str() {
                "vpc-id" => values.contains(&endpoint.vpc_id),
                "state" => values.iter().any(|value| value == endpoint.state),
                _ => false,
            })
    };
    let found: Vec<_> = state.endpoints.iter().filter(wanted).collect();
    let of = |name: &str| parameters.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let size = if state.page_limit == 0 { usize::MAX } else { state.page_limit };
    let start: usize = of("NextToken").and_then(|token| token.strip_prefix("page-")?.parse().ok()).unwrap_or(0);
    let end = start.saturating_add(size);
    let page: String = found.iter().skip(start).take(size).map(|endpoint| item(endpoint, state.streams)).collect();
    let next = if end < found.len() { format!("<nextToken>page-{end}</nextToken>") } else { String::new() };
    xml(
        "DescribeInstanceConnectEndpoints",
        &format!("<instanceConnectEndpointSet>{page}</instanceConnectEndpointSet>{next}"),
    )
}

fn item(endpoint: &Endpoint, port: u16) -> String {
    let host = endpoint.host.clone().unwrap_or_else(|| format!("localhost:{port}"));
    let fips = endpoint.fips_host.as_ref().map_or(String::new(), |host| format!("<fipsDnsName>{host}</fipsDnsName>"));
    let dual = endpoint.dual_hosts.as_ref().map_or(String::new(), |(host, fips)| {
        format!(
            "<publicDnsNames><dualstack><dnsName>{host}</dnsName><fipsDnsName>{fips}</fipsDnsName></dualstack></publicDnsNames>"
        )
    });
    let groups: String = endpoint.groups.iter().map(|id| format!("<item>{}</item>", escape(id))).collect();
    format!(
        "<item><instanceConnectEndpointId>{}</instanceConnectEndpointId><state>{}</state><dnsName>{}</dnsName>{fips}{dual}\
         <vpcId>{}</vpcId><subnetId>{}</subnetId><availabilityZone>{}</availabilityZone>\
         <ipAddressType>{}</ipAddressType><preserveClientIp>{}</preserveClientIp>\
         <securityGroupIdSet>{groups}</securityGroupIdSet></item>",
        escape(&endpoint.id),
        endpoint.state,
        escape(&host),
        endpoint.vpc_id,
        endpoint.subnet_id,
        endpoint.zone,
        endpoint.address_type,
        endpoint.preserve_client_ip,
    )
}

/// A tunnel whose upgrade request was accepted.
pub(crate) struct Tunnel {
    endpoint: String,
    /// The port on loopback that stands for the instance's.
    port: Option<u16>,
    duration: Duration,
}

/// Checks the upgrade request of a tunnel as the service does.
#[allow(clippy::result_large_err, reason = "the library's own type")]
pub(crate) fn check(request: &Request, service: &Service) -> Result<Tunnel, ErrorResponse> {
    let query = request.uri().query().unwrap_or_default();
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let signed = sigv4::Request { path: request.uri().path(), query, header: &header };
    let mut state = lock(&service.state);
    let expected = Expected {
        access_key: &service.access_key,
        secret: crate::SECRET,
        service: "ec2-instance-connect",
        region: "eu-west-1",
        age: 60,
    };
    sigv4::check_query(&signed, &expected)
        .map_err(|why| refuse(403, "AccessDenied", &format!("The request signature is not valid: {why}")))?;
    let parameters = sigv4::parameters(query);
    let of = |name: &str| parameters.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
    state.tunnels.push(parameters.iter().filter(|(name, _)| !name.starts_with("X-Amz-")).cloned().collect());
    let duration: Option<u64> = of("maxTunnelDuration").and_then(|seconds| seconds.parse().ok());
    match &state.tunnel_fault {
        Some(TunnelFault::Refuse(status, body)) => return Err(refuse_with_body(*status, body)),
        Some(TunnelFault::Quote) => {
            let words = format!(
                "The signature does not match. The request was {query} with the token {:?}",
                of("X-Amz-Security-Token")
            );
            return Err(refuse(403, "SignatureDoesNotMatch", &words));
        }
        Some(TunnelFault::DemandDuration) if duration.is_none() => {
            let words = "Explicit deny: ec2-instance-connect:maxTunnelDuration must be given.";
            return Err(refuse(403, "AccessDenied", words));
        }
        _ => {}
    }
    let id = of("instanceConnectEndpointId").unwrap_or_default();
    let known = state.endpoints.iter().find(|endpoint| endpoint.id == id);
    let known = known.ok_or_else(|| refuse(400, "InvalidParameter", "The specified endpoint does not exist."))?.clone();
    let remote: u16 = of("remotePort").and_then(|port| port.parse().ok()).unwrap_or_default();
    if !matches!(remote, 22 | 3389) {
        let words = "The specified RemotePort is not valid. Specify either 22 or 3389 as the RemotePort and retry your request.";
        return Err(refuse(400, "InvalidParameter", words));
    }
    if state.open_tunnels.iter().filter(|open| **open == id).count() >= MAX_TUNNELS {
        return Err(refuse(429, "TooManyRequests", "The maximum number of connections of this endpoint is reached."));
    }
    let address = of("privateIpAddress").unwrap_or_default();
    let instance = state.instances.iter().find(|instance| {
        instance.vpc_id == known.vpc_id
            && [&instance.private_ip, &instance.ipv6].into_iter().flatten().any(|ip| *ip == address)
    });
    let instance = instance.ok_or_else(|| refuse(400, "InvalidParameter", "The address is not in the VPC."))?;
    let port = state.port_of(&instance.id, remote);
    state.open_tunnels.push(id.clone());
    Ok(Tunnel { endpoint: id, port, duration: Duration::from_secs(duration.unwrap_or(3600).min(3600)) })
}

/// Carries the data of a tunnel until it is closed or expires, or injects the fault.
pub(crate) async fn relay(mut socket: Socket, tunnel: Tunnel, service: Service) {
    let fault = lock(&service.state).tunnel_fault.clone();
    match (fault, tunnel.port) {
        (Some(TunnelFault::Close(code, reason)), _) => close(&mut socket, code, &reason).await,
        (Some(TunnelFault::Mute), _) => while let Some(Ok(_)) = socket.next().await {},
        (_, port) => match TcpStream::connect(("127.0.0.1", port.unwrap_or(1))).await {
            Ok(target) => {
                if tokio::time::timeout(tunnel.duration, pump(&mut socket, target, &service.state)).await.is_err() {
                    close(&mut socket, 1000, "Max tunnel duration reached").await;
                }
            }
            Err(_) => close(&mut socket, 1011, "Unable to connect to target").await,
        },
    }
    let state: &Arc<_> = &service.state;
    let mut state = lock(state);
    if let Some(place) = state.open_tunnels.iter().position(|open| *open == tunnel.endpoint) {
        state.open_tunnels.swap_remove(place);
    }
}

/// Why a tunnel's data ended, as its close frame says it; `None` where the client is gone.
type End = Option<(u16, &'static str)>;

/// Carries the data both ways. One way never waits for the other: a client that takes nothing can still send.
async fn pump(socket: &mut Socket, target: TcpStream, state: &Mutex<State>) {
    let _ = target.set_nodelay(true);
    let (from, to) = target.into_split();
    let (sink, stream) = socket.split();
    let closing = Notify::new();
    let end = tokio::select! {
        end = to_target(stream, to, state, &closing) => end,
        end = to_client(sink, from, &closing) => end,
    };
    if let Some((code, reason)) = end {
        close(socket, code, reason).await;
    }
}

async fn to_target(
    mut stream: SplitStream<&mut Socket>,
    mut to: OwnedWriteHalf,
    state: &Mutex<State>,
    closing: &Notify,
) -> End {
    loop {
        match stream.next().await {
            Some(Ok(Message::Binary(bytes))) if bytes.len() <= MAX_FRAME => {
                if to.write_all(&bytes).await.is_err() {
                    return Some((1000, ""));
                }
            }
            Some(Ok(Message::Binary(_))) => return Some((1009, "Frame too large")),
            Some(Ok(Message::Pong(bytes))) if bytes[..] == *PING => lock(state).pongs += 1,
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
            // The client closed the tunnel: the target gets EOF, and only the close is still answered.
            Some(Ok(Message::Close(_))) => {
                let _ = to.shutdown().await;
                closing.notify_one();
            }
            _ => return None,
        }
    }
}

async fn to_client(mut sink: SplitSink<&mut Socket, Message>, mut from: OwnedReadHalf, closing: &Notify) -> End {
    let mut chunk = vec![0; 32 * 1024];
    // The client has to answer the pings and keep them out of the data.
    let mut ping = tokio::time::interval(Duration::from_millis(50));
    loop {
        let message = tokio::select! {
            () = closing.notified() => std::future::pending().await,
            _ = ping.tick() => Message::Ping(PING.to_vec().into()),
            read = from.read(&mut chunk) => match read {
                Ok(0) | Err(_) => return Some((1000, "")),
                Ok(count) => Message::Binary(chunk[..count].to_vec().into()),
            },
        };
        if sink.send(message).await.is_err() {
            return None;
        }
    }
}

async fn close(socket: &mut Socket, code: u16, reason: &str) {
    let frame = CloseFrame { code: code.into(), reason: reason.to_owned().into() };
    let _ = socket.close(Some(frame)).await;
    let drained = async { while let Some(Ok(_)) = socket.next().await {} };
    let _ = tokio::time::timeout(Duration::from_secs(1), drained).await;
}
