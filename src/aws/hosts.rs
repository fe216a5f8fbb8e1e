//! Checks whether a host belongs to AWS. A response may be forged by something that answers in AWS's place, so tokens
//! and signed URLs are sent only to AWS's own domains, unless the caller overrides the endpoint (`AWS_ENDPOINT_URL…`).

use super::call::Call;
use super::clients::Aws;
use super::error::Error;

/// The DNS domains of AWS's partitions
/// (<https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/partitions.html>; the SDKs'
/// partitions.json).
const DOMAINS: &[&str] = &[
    "amazonaws.com",
    "amazonaws.com.cn",
    "api.aws",
    "api.amazonwebservices.com.cn",
    "amazonaws.eu",
    "api.amazonwebservices.eu",
    "c2s.ic.gov",
    "sc2s.sgov.gov",
    "cloud.adc-e.uk",
    "csp.hci.ic.gov",
];

/// Whether `host` is `[anything.]service….region.DOMAIN` for one of these services in this region.
pub(crate) fn is_aws_host(host: &str, services: &[&str], region: &str) -> bool {
    let host = host.to_ascii_lowercase();
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '-';
    if !host.chars().all(plain) {
        return false;
    }
    let names = DOMAINS.iter().filter_map(|domain| host.strip_suffix(domain)?.strip_suffix('.'));
    names.filter_map(|rest| rest.strip_suffix(region)?.strip_suffix('.')).any(|rest| {
        let labels: Vec<&str> = rest.split('.').collect();
        // An endpoint's FIPS host name has the extra label `fips` after the service's label.
        let labels = labels.strip_suffix(&["fips"]).unwrap_or(&labels);
        labels.last().is_some_and(|last| services.contains(last)) && labels.iter().all(|label| !label.is_empty())
    })
}

impl Aws {
    /// Rejects a host that is not AWS's for one of these services, unless the endpoint is overridden. `has_other_parts`
    /// means that the URL's authority is more than a host name, so it is rejected too.
    pub(super) fn check_host(
        &self,
        call: Call,
        host: &str,
        services: &[&str],
        has_other_parts: bool,
        is_overridden: bool,
    ) -> Result<(), Error> {
        if is_overridden || (!has_other_parts && is_aws_host(host, services, &self.account().region)) {
            return Ok(());
        }
        Err(Error::UntrustedHost { call, host: host.to_owned() })
    }
}

#[cfg(test)]
mod tests;
