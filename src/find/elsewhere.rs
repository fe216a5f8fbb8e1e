//! The other regions of the account, where a target that is not found may be.

use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::time::{Instant, timeout_at};

use crate::aws::Aws;
use crate::aws::model::Instance;
use crate::target::Selector;

/// The time limit for all regions together; those that are later are left out.
const LIMIT: Duration = Duration::from_secs(3);

/// Returns the instances that match in the account's other regions, each with its region. A region that does not answer has none.
pub(crate) async fn elsewhere(aws: &Aws, selector: &Selector) -> Vec<(String, Instance)> {
    let deadline = Instant::now() + LIMIT;
    let Ok(Ok(regions)) = timeout_at(deadline, aws.regions()).await else { return Vec::new() };
    let others = regions.into_iter().filter(|region| *region != aws.account().region);
    let mut asked: FuturesUnordered<_> = others.map(|region| in_region(aws, selector, region)).collect();
    let mut found = Vec::new();
    while let Ok(Some(of_region)) = timeout_at(deadline, asked.next()).await {
        found.extend(of_region);
    }
    found.sort_by(|one: &(String, Instance), other| (&one.0, &one.1.id).cmp(&(&other.0, &other.1.id)));
    found
}

async fn in_region(aws: &Aws, selector: &Selector, region: String) -> Vec<(String, Instance)> {
    let found = Box::pin(aws.looking_in(&region).search(selector, |_| ())).await.unwrap_or_default();
    found.into_iter().map(|instance| (region.clone(), instance)).collect()
}
