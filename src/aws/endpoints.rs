//! EC2 Instance Connect Endpoints: which there are, and the signed address of a tunnel through one
//! (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstanceConnectEndpoints.html>).

use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use aws_sdk_ec2::types::{self, Filter};

use super::model::{AddressType, Endpoint};
use super::sign::encode;
use super::{Aws, Call, Error};
use crate::secret::Secret;

/// The largest page the service gives.
const PAGE: i32 = 50;
const MAX_PAGES: usize = 200;
/// How long a signed address may wait for its use.
const SIGNED_FOR: Duration = Duration::from_secs(60);
const SERVICE: &str = "ec2-instance-connect";
/// What the endpoints' hosts are called.
const HOSTS: &[&str] = &["ec2-instance-connect-endpoint"];

/// Which endpoints are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// The one with this id.
    Id(String),
    /// Those in this VPC.
    Vpc(String),
}

/// What a tunnel leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tunnel {
    /// A private address of the instance.
    pub address: IpAddr,
    /// 22 or 3389.
    pub port: u16,
    /// For so many seconds at most; the service's own limit is 3600.
    pub max_duration: Option<u32>,
}

impl Aws {
    /// The endpoints that can be used now. Their states are judged here: a filter of the service's might leave out what we
    /// could tell about.
    ///
    /// # Errors
    /// As the service says.
    pub async fn endpoints(&self, which: &Which) -> Result<Vec<Endpoint>, Error> {
        let call = Call::DescribeInstanceConnectEndpoints;
        let mut found = Vec::new();
        let mut token = None;
        for _ in 0..MAX_PAGES {
            let request = self.ec2.describe_instance_connect_endpoints();
            let (request, resource) = match which {
                Which::Id(id) => (request.instance_connect_endpoint_ids(id), id),
                Which::Vpc(vpc) => {
                    let filter = Filter::builder().name("vpc-id").values(vpc).build();
                    (request.filters(filter).max_results(PAGE).set_next_token(token), vpc)
                }
            };
            let page = request.send().await.map_err(|error| self.sort(call, resource, error))?;
            found.extend(page.instance_connect_endpoints().iter().map(|endpoint| self.plain(endpoint)));
            token = page.next_token().filter(|token| !token.is_empty()).map(str::to_owned);
            if token.is_none() {
                return Ok(found);
            }
        }
        Err(Error::BadAnswer { call, detail: format!("its list has not ended after {MAX_PAGES} pages") })
    }

    /// The name to dial goes by what the configuration asks for: FIPS, and IPv6 beside IPv4 (dual-stack).
    fn plain(&self, from: &types::Ec2InstanceConnectEndpoint) -> Endpoint {
        let text = |value: Option<&str>| value.filter(|text| !text.is_empty()).map(str::to_owned);
        let dual = from.public_dns_names().and_then(|names| names.dualstack());
        let host = match (self.dual_stack, self.fips) {
            (true, true) => text(dual.and_then(|names| names.fips_dns_name())).or(text(from.fips_dns_name())),
            (true, false) => text(dual.and_then(|names| names.dns_name())).or(text(from.dns_name())),
            (false, true) => text(from.fips_dns_name()),
            (false, false) => text(from.dns_name()),
        };
        Endpoint {
            id: from.instance_connect_endpoint_id().unwrap_or_default().to_owned(),
            state: from.state().map(|state| state.as_str().to_owned()).unwrap_or_default(),
            host,
            vpc_id: text(from.vpc_id()),
            subnet_id: text(from.subnet_id()),
            zone: text(from.availability_zone()),
            address_type: match from.ip_address_type().map(types::IpAddressType::as_str) {
                Some("dualstack") => AddressType::DualStack,
                Some("ipv6") => AddressType::Ipv6,
                // Endpoints from before there was a choice say nothing.
                _ => AddressType::Ipv4,
            },
        }
    }

    /// The address at which the endpoint opens a tunnel; a secret, and good for a minute.
    ///
    /// # Errors
    /// When there are no credentials, or the endpoint's name is not one of AWS's.
    pub async fn tunnel_url(&self, endpoint: &Endpoint, tunnel: &Tunnel) -> Result<Secret<String>, Error> {
        let call = Call::OpenTunnel;
        let host = endpoint.host.clone().ok_or_else(|| Error::NoFipsName(endpoint.id.clone()))?;
        let url = tunnel_url(&host, &endpoint.id, tunnel);
        let uri: http::Uri =
            url.parse().map_err(|_| Error::BadAnswer { call, detail: "its name is none".to_owned() })?;
        let is_elsewhere = uri.port().is_some() || uri.host() != Some(&*host);
        self.check_host(call, uri.host().unwrap_or_default(), HOSTS, is_elsewhere, self.is_ec2_overridden)?;
        let signer = self.signer(call).await?;
        let signed = signer.presign(SERVICE, &url, SIGNED_FOR, SystemTime::now());
        signed.map_err(|detail| Error::BadAnswer { call, detail })
    }
}

/// The address before it is signed.
pub fn tunnel_url(host: &str, endpoint_id: &str, tunnel: &Tunnel) -> String {
    let (id, port, address) = (encode(endpoint_id), tunnel.port, encode(&tunnel.address.to_string()));
    let duration = tunnel.max_duration.map_or(String::new(), |seconds| format!("&maxTunnelDuration={seconds}"));
    format!(
        "wss://{host}/openTunnel?instanceConnectEndpointId={id}&remotePort={port}&privateIpAddress={address}{duration}"
    )
}
