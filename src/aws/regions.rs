//! DescribeRegions: the regions that the account has enabled.

use super::call::Call;
use super::clients::Aws;
use super::error::Error;

impl Aws {
    /// Returns the names of the regions that the account has enabled.
    ///
    /// # Errors
    /// Any error of the API call.
    pub(crate) async fn regions(&self) -> Result<Vec<String>, Error> {
        let answer = self.ec2.describe_regions().send().await;
        let answer = answer.map_err(|error| self.classify(Call::DescribeRegions, "*", error))?;
        Ok(answer.regions().iter().filter_map(|region| region.region_name().map(str::to_owned)).collect())
    }
}
