//! The facts that name the security group behind a failed connection: fewer than the full set, and quick.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::time::timeout;

use super::caller::{self, Caller, CallerQuery};
use super::fact::Fact;
use crate::aws::Aws;
use crate::aws::model::details::Details;
use crate::aws::model::network::GroupRule;

/// The time that a failed connection is explained in.
const LIMIT: Duration = Duration::from_secs(1);

/// The security groups of an instance, and the caller's address.
#[derive(Clone, Debug)]
pub(crate) struct GroupFacts {
    /// The interfaces of the instance, with their groups.
    pub details: Details,
    /// The rules of these groups.
    pub rules: Vec<GroupRule>,
    /// The caller's address, as the groups see it.
    pub caller: Caller,
    /// The instance's address that gave no answer.
    pub peer: IpAddr,
}

/// Asks for the groups and for the caller's address, within a second; `None` if that is too short, or denied.
pub(crate) async fn group_facts(aws: &Aws, id: &str, query: &CallerQuery, to: SocketAddr) -> Option<GroupFacts> {
    let groups = async {
        let details = aws.details(id).await.ok()?;
        let groups = super::gather::groups_of(&details);
        let rules = Fact::ask(aws.group_rules(&groups)).await;
        Some((details, rules.known()?.clone()))
    };
    let both = async { tokio::join!(Box::pin(groups), caller::find(query, Some(to), aws.connector())) };
    let (groups, caller) = timeout(LIMIT, Box::pin(both)).await.ok()?;
    let (details, rules) = groups?;
    Some(GroupFacts { details, rules, caller, peer: to.ip() })
}
