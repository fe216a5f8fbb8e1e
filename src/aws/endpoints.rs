//! EC2 Instance Connect Endpoints: lists them, and signs the URL of a tunnel through one
//! (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstanceConnectEndpoints.html>).

use std::net::IpAddr;
use std::time::Duration;

use aws_sdk_ec2::types::{self, Filter};

use super::call::Call;
use super::clients::Aws;
use super::error::Error;
use super::model::{AddressType, Endpoint};
use super::pages::Pages;
use super::sign::percent_encode;
use crate::secret::Secret;

/// The largest page size that the service allows.
const PAGE_SIZE: i32 = 50;
/// The time within which a signed URL must be used.
const SIGNATURE_LIFETIME: Duration = Duration::from_secs(60);
const SERVICE: &str = "ec2-instance-connect";
/// The service label in the host names of endpoints.
const HOST_LABELS: &[&str] = &["ec2-instance-connect-endpoint"];

/// Selects the endpoints to list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum EndpointQuery {
    /// The endpoint with this id.
    Id(String),
    /// All endpoints in this VPC.
    Vpc(String),
}

/// The destination of a tunnel and its maximum duration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TunnelRequest {
    /// The private IPv4 address or the IPv6 address of the instance.
    pub address: IpAddr,
    /// The remote port, 22 or 3389.
    pub port: u16,
    /// The maximum duration in seconds; the service's own limit is 3600.
    pub max_duration: Option<u32>,
}

impl Aws {
    /// Returns the matching endpoints in any state. The request does not filter by state, so that unusable endpoints
    /// can be reported.
    ///
    /// # Errors
    /// Any error of the API call.
    pub(crate) async fn endpoints(&self, which: &EndpointQuery) -> Result<Vec<Endpoint>, Error> {
        let call = Call::DescribeInstanceConnectEndpoints;
        let mut found = Vec::new();
        let (mut pages, mut token) = (Pages::new(call), None);
        loop {
            let request = self.ec2.describe_instance_connect_endpoints();
            let (request, resource) = match which {
                EndpointQuery::Id(id) => (request.instance_connect_endpoint_ids(id), id),
                EndpointQuery::Vpc(vpc) => {
                    let filter = Filter::builder().name("vpc-id").values(vpc).build();
                    (request.filters(filter).max_results(PAGE_SIZE).set_next_token(token), vpc)
                }
            };
            let page = request.send().await.map_err(|error| self.classify(call, resource, error))?;
            found.extend(page.instance_connect_endpoints().iter().map(|endpoint| self.to_endpoint(endpoint)));
            token = pages.next(page.next_token())?;
            if token.is_none() {
                return Ok(found);
            }
        }
    }

    /// Converts the SDK's endpoint. The FIPS and dual-stack (IPv4 and IPv6) settings decide which of its DNS names is
    /// dialed.
    fn to_endpoint(&self, from: &types::Ec2InstanceConnectEndpoint) -> Endpoint {
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
                // Endpoints that are older than this field do not report it.
                _ => AddressType::Ipv4,
            },
            group_ids: from.security_group_ids().to_vec(),
            preserves_client_ip: from.preserve_client_ip().unwrap_or_default(),
        }
    }

    /// Returns the signed URL at which the endpoint opens a tunnel. The URL is a secret and valid for one minute.
    ///
    /// # Errors
    /// If credentials are missing, the endpoint has no FIPS name although FIPS is enabled, or its host is not AWS's.
    pub(crate) async fn tunnel_url(
        &self,
        endpoint: &Endpoint,
        tunnel: &TunnelRequest,
    ) -> Result<Secret<String>, Error> {
        let call = Call::OpenTunnel;
        let host = endpoint.host.clone().ok_or_else(|| Error::NoFipsName(endpoint.id.clone()))?;
        let url = tunnel_url(&host, &endpoint.id, tunnel);
        let uri: http::Uri = url
            .parse()
            .map_err(|_| Error::InvalidResponse { call, detail: "the endpoint's DNS name is invalid".to_owned() })?;
        let has_other_parts = uri.port().is_some() || uri.host() != Some(&*host);
        self.check_host(call, uri.host().unwrap_or_default(), HOST_LABELS, has_other_parts, self.ec2_overridden)?;
        let signer = self.signer(call).await?;
        let signed = signer.presign(SERVICE, &url, SIGNATURE_LIFETIME, self.clock.now());
        signed.map_err(|detail| Error::InvalidResponse { call, detail })
    }
}

/// Returns the tunnel's URL before it is signed.
pub(crate) fn tunnel_url(host: &str, endpoint_id: &str, tunnel: &TunnelRequest) -> String {
    let (id, port, address) = (percent_encode(endpoint_id), tunnel.port, percent_encode(&tunnel.address.to_string()));
    let duration = tunnel.max_duration.map_or(String::new(), |seconds| format!("&maxTunnelDuration={seconds}"));
    format!(
        "wss://{host}/openTunnel?instanceConnectEndpointId={id}&remotePort={port}&privateIpAddress={address}{duration}"
    )
}

#[cfg(test)]
mod tests;
