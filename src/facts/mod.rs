//! Facts: what AWS, the network and the instance itself show of the way to an instance. They are gathered side by side, each with a time
//! limit, and each may be denied. [`crate::diagnose`] judges them.
//!
//! - `fact` is one of them: known, denied, failed or not asked for
//! - `gather` asks for all; `groups` for those that name the group of a failed connection
//! - `caller` finds the caller's address as the instance's network sees it
//! - `reach` tries the way itself, up to the host key

mod caller;
mod fact;
mod gather;
mod groups;
mod reach;

use std::collections::BTreeMap;

use ipnet::IpNet;
use serde::Serialize;

use crate::aws::model::details::{AgentState, Details, Interface};
use crate::aws::model::health::{Identity, InstanceStatus, KeyPair};
use crate::aws::model::network::{BlockPublicAccess, GroupRule, NetworkAcl, RouteTable, Subnet};
use crate::aws::model::{Console, Endpoint, Image};
use crate::config::AddressKind;
use crate::plan::RoutePlan;

pub(crate) use caller::{Caller, CallerQuery, CallerSource, is_private};
pub(crate) use fact::Fact;
pub(crate) use gather::{Question, gather};
pub(crate) use groups::{GroupFacts, group_facts};
pub(crate) use reach::{HostKey, Reach, reach as look};

/// All that is known of an instance and of the way to it. Text in it is untrusted.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Facts {
    /// The instance and the ways to its port.
    #[serde(skip)]
    pub plan: RoutePlan,
    /// The identity of the caller.
    pub identity: Fact<Identity>,
    /// The interfaces with their groups, the profile, the metadata options.
    pub details: Fact<Details>,
    /// The status checks of AWS.
    pub status: Fact<Option<InstanceStatus>>,
    /// The latest console output.
    #[serde(skip)]
    pub console: Fact<Console>,
    /// The image that it was launched from.
    #[serde(skip)]
    pub image: Option<Image>,
    /// The subnets of the VPC.
    pub subnets: Fact<Vec<Subnet>>,
    /// The route tables of the VPC.
    pub route_tables: Fact<Vec<RouteTable>>,
    /// The network ACLs of the VPC.
    pub network_acls: Fact<Vec<NetworkAcl>>,
    /// VPC Block Public Access in the region.
    pub block_public_access: Fact<BlockPublicAccess>,
    /// The rules of the instance's security groups and of the endpoints'.
    pub group_rules: Fact<Vec<GroupRule>>,
    /// The networks of the prefix lists that these rules name.
    pub prefix_lists: BTreeMap<String, Fact<Vec<IpNet>>>,
    /// The EC2 Instance Connect Endpoints of the VPC, or the one that was asked for.
    pub endpoints: Fact<Vec<Endpoint>>,
    /// The SSM Agent of the instance.
    pub agent: Fact<Option<AgentState>>,
    /// The key pair that the instance was launched with.
    pub key_pair: Fact<Option<KeyPair>>,
    /// The key file of the caller, if one was given.
    #[serde(skip)]
    pub key_file: Option<KeyFile>,
    /// The caller's address, as the instance's network sees it.
    pub caller: Caller,
    /// The result of a direct connection.
    pub reach: Reach,
    /// The judgement of the host key that was presented.
    pub host_key: HostKey,
}

/// The caller's key file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeyFile {
    /// The path of the file.
    pub path: std::path::PathBuf,
    /// The reason why it cannot be used, and whether only its mode is wrong.
    pub problem: Option<(String, bool)>,
    /// The fingerprints in all forms in which key pairs are listed; none if it is encrypted.
    pub fingerprints: Vec<String>,
}

impl Facts {
    /// Whether packets get to the instance and back. Within another network a private address may be another machine's: only an SSH
    /// server there counts.
    pub(crate) fn gets_through(&self) -> bool {
        let is_own = !self.is_private_way() || matches!(self.reach, Reach::Ssh { .. }) || self.is_inside();
        is_own && self.reach.gets_through()
    }

    /// Whether the way leads to a private address: by what was dialed, or by what is planned.
    pub(crate) fn is_private_way(&self) -> bool {
        let is_dialed = self.reach.address().is_some_and(is_private);
        is_dialed || self.plan.dials_private() || self.plan.address_kind == AddressKind::Private
    }

    /// Whether the caller is in the instance's VPC.
    pub(crate) fn is_inside(&self) -> bool {
        let subnets = self.subnets.known().map(Vec::as_slice).unwrap_or_default();
        let mut networks = subnets.iter().flat_map(|subnet| &subnet.networks);
        self.caller.address.is_some_and(|address| networks.any(|network| network.contains(&address)))
    }

    /// Returns the interface that carries the address of a direct connection; the primary one if none does.
    pub(crate) fn interface(&self) -> Option<&Interface> {
        let interfaces = &self.details.known()?.interfaces;
        let dialed = self.reach.address();
        let carrier = interfaces.iter().find(|one| dialed.is_some_and(|address| one.addresses.contains(&address)));
        carrier.or(interfaces.first())
    }

    /// Returns the id of the subnet of that interface.
    pub(crate) fn subnet_id(&self) -> Option<&str> {
        let own = self.interface().and_then(|interface| interface.subnet_id.as_deref());
        own.or(self.plan.instance.subnet_id.as_deref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::model::details::Group;
    use crate::testing::route_plan;

    fn facts(reach: Reach, details: Details) -> Facts {
        Facts {
            plan: route_plan(),
            identity: Fact::NotAsked,
            details: Fact::Known(details),
            status: Fact::NotAsked,
            console: Fact::NotAsked,
            image: None,
            subnets: Fact::NotAsked,
            route_tables: Fact::NotAsked,
            network_acls: Fact::NotAsked,
            block_public_access: Fact::NotAsked,
            group_rules: Fact::NotAsked,
            prefix_lists: BTreeMap::new(),
            endpoints: Fact::NotAsked,
            agent: Fact::NotAsked,
            key_pair: Fact::NotAsked,
            key_file: None,
            caller: Caller { address: None, source: CallerSource::Given },
            reach,
            host_key: HostKey::NotSeen,
        }
    }

    /// The groups of another interface guard another address.
    #[test]
    fn interface_with_the_dialed_address_counts() {
        let interface = |id: &str, address: &str| Interface {
            id: Some(id.to_owned()),
            subnet_id: Some(format!("subnet-of-{id}")),
            addresses: vec![address.parse().unwrap()],
            groups: vec![Group { id: format!("sg-of-{id}"), name: String::new() }],
        };
        let interfaces = vec![interface("eni-1", "192.0.2.1"), interface("eni-2", "192.0.2.2")];
        let details = Details { interfaces, ..Details::default() };
        let at = |address: &str| Reach::TimedOut { peer: format!("{address}:22").parse().unwrap() };
        for (address, id) in [("192.0.2.1", "eni-1"), ("192.0.2.2", "eni-2"), ("192.0.2.9", "eni-1")] {
            let facts = facts(at(address), details.clone());
            assert_eq!(facts.interface().and_then(|found| found.id.as_deref()), Some(id), "{address}");
            assert_eq!(facts.subnet_id(), Some(format!("subnet-of-{id}").as_str()));
        }
    }
}
