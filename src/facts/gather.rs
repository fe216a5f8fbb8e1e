//! Gathers the facts, side by side: first what hangs on the instance alone, then what its interfaces and rules name.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;

use futures_util::future::join_all;

use super::caller::{self, CallerQuery};
use super::fact::Fact;
use super::reach::{Reach, reach};
use super::{Facts, HostKey, KeyFile};
use crate::aws::Aws;
use crate::aws::endpoints::EndpointQuery;
use crate::aws::model::details::Details;
use crate::aws::model::network::{GroupRule, Peer};
use crate::aws::model::{Console, Endpoint, State};
use crate::confirm::ConfirmGate;
use crate::event::Events;
use crate::find::{self, Located};
use crate::plan::RoutePlan;
use crate::plan::address::Address;
use crate::plan::order::{Route, order};
use crate::settings::Settings;
use crate::trust;

/// The question: how to get from the caller to a port of the instance.
pub(crate) struct Question<'a> {
    /// The settings of the connection.
    pub settings: &'a Settings,
    /// The ways to the port.
    pub plan: RoutePlan,
    /// The caller's key file, if one was given.
    pub key_file: Option<KeyFile>,
    /// How the caller's address may be found.
    pub caller: CallerQuery,
}

/// Asks for all facts. None of them fails: each says itself why it is not known.
pub(crate) async fn gather(aws: &Aws, question: Question<'_>) -> Facts {
    let Question { settings, plan, key_file, caller } = question;
    let instance = plan.instance.clone();
    let (id, vpc) = (instance.id.as_str(), instance.vpc_id.as_deref());
    let silent: Events = Arc::new(|_| ());
    let located = Located { account: plan.account.clone(), instance: instance.clone(), booting: None };
    let interfaces = async {
        let (details, endpoints) = tokio::join!(Fact::ask(aws.details(id)), endpoints(aws, &plan));
        let rules = rules(aws, details.known(), endpoints.known()).await;
        let lists = prefix_lists(aws, rules.known()).await;
        (details, endpoints, rules, lists)
    };
    let network = async {
        tokio::join!(
            in_vpc(vpc, |vpc| aws.subnets(vpc)),
            in_vpc(vpc, |vpc| aws.route_tables(vpc)),
            in_vpc(vpc, |vpc| aws.network_acls(vpc)),
            Fact::ask(aws.block_public_access()),
        )
    };
    let own = async {
        tokio::join!(
            Fact::ask(aws.identity()),
            Fact::ask(aws.instance_status(id)),
            console(aws, id),
            find::image(aws, &located, &silent),
            Fact::ask(aws.agent_state(id)),
            key_pair(aws, &plan, key_file.is_some()),
        )
    };
    let way = async {
        tokio::join!(try_way(aws, &plan, settings, &silent), caller::find(&caller, destination(&plan), aws.connector()))
    };
    let (interfaces, network, own, way) = tokio::join!(Box::pin(interfaces), Box::pin(network), Box::pin(own), way);
    let (details, endpoints, group_rules, prefix_lists) = interfaces;
    let (subnets, route_tables, network_acls, block_public_access) = network;
    let (identity, status, console, image, agent, key_pair) = own;
    let ((reach, host_key), caller) = way;
    let caller = caller.towards(reach.peer());
    Facts {
        plan,
        identity,
        details,
        status,
        console,
        image,
        subnets,
        route_tables,
        network_acls,
        block_public_access,
        group_rules,
        prefix_lists,
        endpoints,
        agent,
        key_pair,
        key_file,
        caller,
        reach,
        host_key,
    }
}

async fn in_vpc<'a, T, W>(vpc: Option<&'a str>, ask: impl FnOnce(&'a str) -> W) -> Fact<T>
where
    W: Future<Output = Result<T, crate::aws::Error>>,
{
    match vpc {
        Some(vpc) => Fact::ask(ask(vpc)).await,
        None => Fact::NotAsked,
    }
}

/// Tries the direct way, unless the instance does not run or another way was asked for.
async fn try_way(aws: &Aws, plan: &RoutePlan, settings: &Settings, events: &Events) -> (Reach, HostKey) {
    let is_tried = order(plan.via, &plan.addresses, None).contains(&Route::Direct);
    if plan.instance.state != State::Running || !is_tried {
        return (Reach::NotTried, HostKey::NotSeen);
    }
    let verifier = trust::verifier(aws, plan, settings, &ConfirmGate::open(), events);
    reach(plan, verifier).await
}

/// Returns the address and port that a direct connection dials first, without a name server.
fn destination(plan: &RoutePlan) -> Option<SocketAddr> {
    let address = plan.addresses.iter().find_map(|address| match address {
        Address::Name(_, fallback) => *fallback,
        Address::Ip(ip) => Some(*ip),
    })?;
    Some(SocketAddr::new(address, plan.port))
}

async fn endpoints(aws: &Aws, plan: &RoutePlan) -> Fact<Vec<Endpoint>> {
    match (&plan.tunnel.endpoint_id, &plan.instance.vpc_id) {
        (Some(id), _) => Fact::ask(aws.endpoints(&EndpointQuery::Id(id.clone()))).await,
        (None, Some(vpc)) => Fact::ask(aws.endpoints(&EndpointQuery::Vpc(vpc.clone()))).await,
        (None, None) => Fact::NotAsked,
    }
}

/// Returns the ids of the security groups of all interfaces.
pub(super) fn groups_of(details: &Details) -> Vec<String> {
    let groups = details.interfaces.iter().flat_map(|interface| &interface.groups);
    groups.map(|group| group.id.clone()).collect::<BTreeSet<_>>().into_iter().collect()
}

/// Returns the rules of the groups of the instance and of the endpoints.
async fn rules(aws: &Aws, details: Option<&Details>, endpoints: Option<&Vec<Endpoint>>) -> Fact<Vec<GroupRule>> {
    let own = details.map(groups_of).unwrap_or_default();
    let theirs = endpoints.into_iter().flatten().flat_map(|endpoint| endpoint.group_ids.clone());
    let all: Vec<String> = own.into_iter().chain(theirs).collect::<BTreeSet<_>>().into_iter().collect();
    if details.is_none() {
        return Fact::NotAsked;
    }
    Fact::ask(aws.group_rules(&all)).await
}

/// Returns the networks of the prefix lists that the rules name.
async fn prefix_lists(aws: &Aws, rules: Option<&Vec<GroupRule>>) -> BTreeMap<String, Fact<Vec<ipnet::IpNet>>> {
    let named: BTreeSet<&String> = rules
        .into_iter()
        .flatten()
        .filter_map(|rule| match &rule.peer {
            Peer::PrefixList(id) => Some(id),
            _ => None,
        })
        .collect();
    let ask = |id: &String| {
        let id = id.clone();
        async move { (id.clone(), Fact::ask(aws.prefix_list(&id)).await) }
    };
    join_all(named.into_iter().map(ask)).await.into_iter().collect()
}

/// Returns the latest console output; that of the boot where there is no other.
async fn console(aws: &Aws, id: &str) -> Fact<Console> {
    let (latest, posted) = tokio::join!(Fact::ask(aws.console(id, true)), Fact::ask(aws.console(id, false)));
    match latest.known() {
        // Only Nitro instances have a latest output.
        Some(console) if !console.bytes.is_empty() => latest,
        _ => posted,
    }
}

async fn key_pair(aws: &Aws, plan: &RoutePlan, is_needed: bool) -> Fact<Option<crate::aws::model::health::KeyPair>> {
    match &plan.instance.key_name {
        Some(name) if is_needed => Fact::ask(aws.key_pair(name)).await,
        Some(_) => Fact::NotAsked,
        None => Fact::Known(None),
    }
}
