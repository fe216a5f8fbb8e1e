//! DescribeInstances: builds the query for a selector, reads all pages and converts the result to plain types.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr};

use aws_sdk_ec2::types::{self, Filter};

use super::call::Call;
use super::clients::Aws;
use super::error::Error;
use super::model::{Instance, State};
use super::pages::Pages;
use crate::target::{Selector, is_instance_id};

/// The largest page size that the service allows
/// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html>).
const PAGE_SIZE: i32 = 1000;

/// A query for DescribeInstances.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Query {
    /// By instance id; the service returns an error for an unknown one.
    Id(String),
    /// By filters, all of which must match: a name and its values, any of which may match.
    Filters(Vec<(String, Vec<String>)>),
}

impl Query {
    /// Returns the query that finds the instances of `selector` in one call.
    pub(crate) fn for_selector(selector: &Selector) -> Self {
        let (name, values) = match selector {
            Selector::Id(id) => return Self::Id(id.clone()),
            Selector::Address(IpAddr::V4(ip)) if Selector::is_private(*ip) => {
                ("network-interface.addresses.private-ip-address".to_owned(), vec![ip.to_string()])
            }
            Selector::Address(IpAddr::V4(ip)) => ("ip-address".to_owned(), vec![ip.to_string()]),
            Selector::Address(IpAddr::V6(ip)) => {
                ("network-interface.ipv6-addresses.ipv6-address".to_owned(), vec![ip.to_string()])
            }
            Selector::PublicDns(name) => ("dns-name".to_owned(), vec![name.clone()]),
            Selector::PrivateDns(name) if name.contains('.') => ("private-dns-name".to_owned(), vec![name.clone()]),
            Selector::PrivateDns(label) => ("private-dns-name".to_owned(), vec![format!("{label}.*")]),
            Selector::Tag { key, value } => (format!("tag:{key}"), vec![value.clone()]),
            Selector::AutoScalingGroup(name) => {
                ("tag:aws:autoscaling:groupName".to_owned(), vec![escape_wildcards(name)])
            }
            // A glob also matches the exact name; for any other name, the prefix pattern does.
            Selector::Name(name) if is_glob(name) => ("tag:Name".to_owned(), vec![name.clone()]),
            Selector::Name(name) => ("tag:Name".to_owned(), vec![format!("{}*", escape_wildcards(name))]),
        };
        Self::Filters(vec![(name, values)])
    }

    /// Returns the queries to make if the first found nothing. Only an IPv4 address outside the private ranges has them: it may be
    /// an Elastic IP of another interface than the first, or private to its VPC. An address inside those ranges cannot be public.
    pub(crate) fn fallbacks(selector: &Selector) -> Vec<Self> {
        const NAMES: [&str; 2] =
            ["network-interface.addresses.association.public-ip", "network-interface.addresses.private-ip-address"];
        match selector {
            Selector::Address(IpAddr::V4(ip)) if !Selector::is_private(*ip) => {
                NAMES.map(|name| Self::Filters(vec![(name.to_owned(), vec![ip.to_string()])])).to_vec()
            }
            _ => Vec::new(),
        }
    }

    /// Returns the query for every instance.
    pub(crate) fn all() -> Self {
        Self::Filters(Vec::new())
    }
}

/// Whether the name contains EC2's wildcards.
pub(crate) fn is_glob(name: &str) -> bool {
    name.contains(['*', '?'])
}

/// Escapes EC2's wildcards and the escape character in the text.
fn escape_wildcards(text: &str) -> String {
    text.chars().fold(String::new(), |mut out, c| {
        if matches!(c, '*' | '?' | '\\') {
            out.push('\\');
        }
        out.push(c);
        out
    })
}

impl Aws {
    /// Returns all instances that match the query, in any state except shutting-down and terminated, in a stable order
    /// (name, launch time, id).
    ///
    /// # Errors
    /// Any error of the API call; an unknown id is `InvalidInstanceID.NotFound`.
    pub(crate) async fn instances(&self, query: &Query) -> Result<Vec<Instance>, Error> {
        self.instances_by_page(query, |_| ()).await
    }

    /// Returns all instances as [`Aws::instances`] does; `on_page` is given the number found so far whenever more pages follow.
    ///
    /// # Errors
    /// As for [`Aws::instances`].
    pub(crate) async fn instances_by_page(
        &self,
        query: &Query,
        on_page: impl Fn(usize),
    ) -> Result<Vec<Instance>, Error> {
        let mut found: Vec<Instance> = Vec::new();
        let (mut pages, mut token) = (Pages::new(Call::DescribeInstances), None);
        loop {
            let mut request = self.ec2.describe_instances();
            match query {
                // MaxResults is not allowed together with InstanceIds.
                Query::Id(id) => request = request.instance_ids(id),
                Query::Filters(filters) => {
                    let filters = filters.iter().map(|(name, values)| filter(name, values)).collect();
                    request = request.set_filters(Some(filters)).max_results(PAGE_SIZE).set_next_token(token);
                }
            }
            let page =
                request.send().await.map_err(|error| self.classify(Call::DescribeInstances, resource(query), error))?;
            let instances = page.reservations().iter().flat_map(|reservation| {
                reservation.instances().iter().map(|instance| to_instance(instance, reservation.owner_id()))
            });
            // The id becomes part of file lines and of suggested commands, so malformed ids are dropped.
            found.extend(
                instances.filter(|found| !found.state.is_shutting_down_or_terminated() && is_instance_id(&found.id)),
            );
            token = pages.next(page.next_token())?;
            if token.is_none() || matches!(query, Query::Id(_)) {
                found.sort_by(|a, b| (&a.name, a.launched, &a.id).cmp(&(&b.name, b.launched, &b.id)));
                return Ok(found);
            }
            on_page(found.len());
        }
    }

    /// Returns all instances that match `selector`. An IPv4 address outside the private ranges takes further calls, side by side, if
    /// the first found nothing. An unknown id is not an error here. `on_page` is given the number found so far whenever more pages
    /// follow.
    ///
    /// # Errors
    /// Any other error of the API call.
    pub(crate) async fn search(&self, selector: &Selector, on_page: impl Fn(usize)) -> Result<Vec<Instance>, Error> {
        let found = match self.instances_by_page(&Query::for_selector(selector), on_page).await {
            Err(error) if error.code() == Some("InvalidInstanceID.NotFound") => Vec::new(),
            other => other?,
        };
        if !found.is_empty() {
            return Ok(found);
        }
        let queries = Query::fallbacks(selector);
        let answers = futures_util::future::try_join_all(queries.iter().map(|query| self.instances(query))).await?;
        let mut seen = HashSet::new();
        Ok(answers.into_iter().flatten().filter(|instance| seen.insert(instance.id.clone())).collect())
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

/// Converts the SDK's instance to plain types. Addresses that do not parse are treated as absent.
fn to_instance(from: &types::Instance, owner_id: Option<&str>) -> Instance {
    let text = |value: Option<&str>| value.filter(|text| !text.is_empty()).map(str::to_owned);
    let tag = |key: &str| from.tags().iter().find(|tag| tag.key() == Some(key)).and_then(types::Tag::value);
    // Sort the interfaces, because their order in the response may vary from call to call.
    let mut interfaces: Vec<_> = from.network_interfaces().iter().collect();
    interfaces.sort_by_key(|interface| {
        let attachment = interface.attachment();
        attachment.map(|attachment| (attachment.network_card_index(), attachment.device_index()))
    });
    let [publics, privates] = ipv4_addresses(&interfaces);
    let public_ip = from.public_ip_address().and_then(|ip| ip.parse().ok()).or(publics.first().copied());
    let private_ip = from.private_ip_address().and_then(|ip| ip.parse().ok());
    let metadata = from.metadata_options().and_then(|options| options.http_endpoint());
    Instance {
        id: from.instance_id().unwrap_or_default().to_owned(),
        name: text(tag("Name")),
        state: from.state().and_then(types::InstanceState::code).map_or(State::Unknown, State::from_code),
        instance_type: from.instance_type().map(|kind| kind.as_str().to_owned()).unwrap_or_default(),
        zone: text(from.placement().and_then(types::Placement::availability_zone)),
        image_id: text(from.image_id()),
        public_ip,
        private_ip,
        other_public_ips: publics.into_iter().filter(|ip| Some(*ip) != public_ip).collect(),
        other_private_ips: privates.into_iter().filter(|ip| Some(*ip) != private_ip).collect(),
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
        owner_id: text(owner_id),
        launched: from.launch_time().map(aws_sdk_ec2::primitives::DateTime::secs),
    }
}

/// Returns the public and the private IPv4 addresses of all interfaces.
fn ipv4_addresses(interfaces: &[&types::InstanceNetworkInterface]) -> [Vec<Ipv4Addr>; 2] {
    let all = || interfaces.iter().flat_map(|interface| interface.private_ip_addresses());
    let public = all().filter_map(|address| address.association()?.public_ip()?.parse().ok());
    let private = all().filter_map(|address| address.private_ip_address()?.parse().ok());
    [public.collect(), private.collect()]
}
