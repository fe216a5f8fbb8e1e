//! DescribeInstances: one look-up for one way of naming, all pages, and the answer in plain types.

use std::net::IpAddr;

use aws_sdk_ec2::types::{self, Filter};

use super::model::{Instance, State};
use super::{Aws, Call, Error};
use crate::target::{Spec, is_instance_id};

/// The largest page the service gives (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html>).
const PAGE: i32 = 1000;
/// More pages than any account has: a service that never ends its list is not followed for ever.
const MAX_PAGES: usize = 10_000;

/// What is asked of DescribeInstances.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Query {
    /// By instance id; the service answers an unknown one with an error.
    Id(String),
    /// By filters, all of which must hold: a name and its values, any of which will do.
    Filters(Vec<(String, Vec<String>)>),
}

impl Query {
    /// The query that finds what `spec` names: one call.
    pub fn of(spec: &Spec) -> Self {
        let (name, values) = match spec {
            Spec::Id(id) => return Self::Id(id.clone()),
            Spec::Address(IpAddr::V4(ip)) if Spec::is_private(*ip) => {
                ("network-interface.addresses.private-ip-address".to_owned(), vec![ip.to_string()])
            }
            Spec::Address(IpAddr::V4(ip)) => ("ip-address".to_owned(), vec![ip.to_string()]),
            Spec::Address(IpAddr::V6(ip)) => {
                ("network-interface.ipv6-addresses.ipv6-address".to_owned(), vec![ip.to_string()])
            }
            Spec::PublicDns(name) => ("dns-name".to_owned(), vec![name.clone()]),
            Spec::PrivateDns(name) if name.contains('.') => ("private-dns-name".to_owned(), vec![name.clone()]),
            Spec::PrivateDns(label) => ("private-dns-name".to_owned(), vec![format!("{label}.*")]),
            Spec::Tag { key, value } => (format!("tag:{key}"), vec![value.clone()]),
            Spec::AutoScalingGroup(name) => ("tag:aws:autoscaling:groupName".to_owned(), vec![literal(name)]),
            // A glob covers the exact name as well; otherwise the prefix does.
            Spec::Name(name) if is_glob(name) => ("tag:Name".to_owned(), vec![name.clone()]),
            Spec::Name(name) => ("tag:Name".to_owned(), vec![format!("{}*", literal(name))]),
        };
        Self::Filters(vec![(name, values)])
    }

    /// The second query for a spec whose first found nothing, where the form alone did not decide: an address outside
    /// the private ranges may still be private to its VPC, and one inside them cannot be public.
    pub fn second(spec: &Spec) -> Option<Self> {
        match spec {
            Spec::Address(IpAddr::V4(ip)) if !Spec::is_private(*ip) => {
                let name = "network-interface.addresses.private-ip-address".to_owned();
                Some(Self::Filters(vec![(name, vec![ip.to_string()])]))
            }
            _ => None,
        }
    }

    /// Every instance there is.
    pub fn all() -> Self {
        Self::Filters(Vec::new())
    }
}

/// Whether the name has EC2's wildcards.
pub fn is_glob(name: &str) -> bool {
    name.contains(['*', '?'])
}

/// The text with EC2's wildcards and escape made literal.
fn literal(text: &str) -> String {
    text.chars().fold(String::new(), |mut out, c| {
        if matches!(c, '*' | '?' | '\\') {
            out.push('\\');
        }
        out.push(c);
        out
    })
}

impl Aws {
    /// All instances that the query finds, whatever their state, those that are gone left out; in a stable order (name,
    /// launch time, id).
    ///
    /// # Errors
    /// As the service says; an unknown id is `InvalidInstanceID.NotFound`.
    pub async fn instances(&self, query: &Query) -> Result<Vec<Instance>, Error> {
        let mut found: Vec<Instance> = Vec::new();
        let mut token = None;
        for _ in 0..MAX_PAGES {
            let mut request = self.ec2.describe_instances();
            match query {
                // MaxResults is not allowed together with InstanceIds.
                Query::Id(id) => request = request.instance_ids(id),
                Query::Filters(filters) => {
                    let filters = filters.iter().map(|(name, values)| filter(name, values)).collect();
                    request = request.set_filters(Some(filters)).max_results(PAGE).set_next_token(token);
                }
            }
            let page =
                request.send().await.map_err(|error| self.sort(Call::DescribeInstances, resource(query), error))?;
            let instances = page.reservations().iter().flat_map(types::Reservation::instances);
            // The id becomes part of file lines and of commands to type: what is not one is not let in.
            found.extend(instances.map(plain).filter(|found| !found.state.is_gone() && is_instance_id(&found.id)));
            token = page.next_token().filter(|token| !token.is_empty()).map(str::to_owned);
            // A page may be empty with more to come; only a missing token ends the list.
            if token.is_none() || matches!(query, Query::Id(_)) {
                found.sort_by(|a, b| (&a.name, a.launched, &a.id).cmp(&(&b.name, b.launched, &b.id)));
                return Ok(found);
            }
        }
        let detail = format!("its list has not ended after {MAX_PAGES} pages");
        Err(Error::BadAnswer { call: Call::DescribeInstances, detail })
    }

    /// All instances that `spec` names: one call, and a second one only where the form of an address does not decide
    /// and the first found nothing. An unknown id is no error here.
    ///
    /// # Errors
    /// As the service says.
    pub async fn search(&self, spec: &Spec) -> Result<Vec<Instance>, Error> {
        let found = match self.instances(&Query::of(spec)).await {
            Err(error) if error.code() == Some("InvalidInstanceID.NotFound") => Vec::new(),
            other => other?,
        };
        match Query::second(spec) {
            Some(query) if found.is_empty() => self.instances(&query).await,
            _ => Ok(found),
        }
    }
}

fn resource(query: &Query) -> &str {
    match query {
        Query::Id(id) => id,
        Query::Filters(_) => "*",
    }
}

fn filter(name: &str, values: &[String]) -> Filter {
    Filter::builder().name(name).set_values(Some(values.to_vec())).build()
}

/// An instance of the SDK in plain types. Addresses that do not parse are treated as absent.
fn plain(from: &types::Instance) -> Instance {
    let text = |value: Option<&str>| value.filter(|text| !text.is_empty()).map(str::to_owned);
    let tag = |key: &str| from.tags().iter().find(|tag| tag.key() == Some(key)).and_then(types::Tag::value);
    // In an order of their own: the answer's may be another each time.
    let mut interfaces: Vec<_> = from.network_interfaces().iter().collect();
    interfaces.sort_by_key(|interface| {
        let attachment = interface.attachment();
        attachment.map(|attachment| (attachment.network_card_index(), attachment.device_index()))
    });
    let metadata = from.metadata_options().and_then(|options| options.http_endpoint());
    Instance {
        id: from.instance_id().unwrap_or_default().to_owned(),
        name: text(tag("Name")),
        state: from.state().and_then(types::InstanceState::code).map_or(State::Unknown, State::from_code),
        instance_type: from.instance_type().map(|kind| kind.as_str().to_owned()).unwrap_or_default(),
        zone: text(from.placement().and_then(types::Placement::availability_zone)),
        image_id: text(from.image_id()),
        public_ip: from.public_ip_address().and_then(|ip| ip.parse().ok()),
        private_ip: from.private_ip_address().and_then(|ip| ip.parse().ok()),
        ipv6: interfaces
            .into_iter()
            .flat_map(types::InstanceNetworkInterface::ipv6_addresses)
            .filter_map(|address| address.ipv6_address()?.parse().ok())
            .collect(),
        public_dns: text(from.public_dns_name()),
        private_dns: text(from.private_dns_name()),
        platform_details: text(from.platform_details()),
        metadata_disabled: metadata == Some(&types::InstanceMetadataEndpointState::Disabled),
        key_name: text(from.key_name()),
        state_reason: text(from.state_reason().and_then(types::StateReason::message)),
        vpc_id: text(from.vpc_id()),
        subnet_id: text(from.subnet_id()),
        launched: from.launch_time().map(aws_sdk_ec2::primitives::DateTime::secs),
    }
}
