//! Whether a host is one of AWS's. What AWS answers may have been made up by whoever answers in its place: a token or a
//! signed address goes to AWS's own domains only, unless an endpoint of the caller's choice was set (`AWS_ENDPOINT_URL…`).

use super::{Aws, Call, Error};

/// The domains of AWS's partitions
/// (<https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/partitions.html>; the SDKs' partitions.json).
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

/// Whether `host` is `[anything.]service….region.DOMAIN`, for one of these services in this region.
pub fn is_aws(host: &str, services: &[&str], region: &str) -> bool {
    let host = host.to_ascii_lowercase();
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '-';
    if !host.chars().all(plain) {
        return false;
    }
    let names = DOMAINS.iter().filter_map(|domain| host.strip_suffix(domain)?.strip_suffix('.'));
    names.filter_map(|rest| rest.strip_suffix(region)?.strip_suffix('.')).any(|rest| {
        let labels: Vec<&str> = rest.split('.').collect();
        // A FIPS host of the endpoints has one more label behind the service's.
        let labels = labels.strip_suffix(&["fips"]).unwrap_or(&labels);
        labels.last().is_some_and(|last| services.contains(last)) && labels.iter().all(|label| !label.is_empty())
    })
}

impl Aws {
    /// Refuses a host that is not AWS's for one of these services. `is_elsewhere`: there is more in the address than a name.
    pub(super) fn check_host(
        &self,
        call: Call,
        host: &str,
        services: &[&str],
        is_elsewhere: bool,
        is_overridden: bool,
    ) -> Result<(), Error> {
        if is_overridden || (!is_elsewhere && is_aws(host, services, &self.account().region)) {
            return Ok(());
        }
        Err(Error::ForeignHost { call, host: host.to_owned() })
    }
}
