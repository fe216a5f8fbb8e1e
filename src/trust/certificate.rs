//! Verifies host certificates (OpenSSH's PROTOCOL.certkeys) against the trusted certificate authorities. Pure: the
//! current time is a parameter.

use wildmatch::WildMatch;

use crate::ssh::host_key::{CertType, Certificate, HashAlg, PublicKey};

/// Checks that one of the authorities signed this certificate for one of the names, and that it is valid at `now`
/// (seconds since the Unix epoch).
///
/// # Errors
/// The requirement that is not met, for a line of `-v`.
pub(super) fn check(
    certificate: &Certificate,
    authorities: &[PublicKey],
    names: &[String],
    now: u64,
) -> Result<(), &'static str> {
    let prints: Vec<_> = authorities.iter().map(|key| key.fingerprint(HashAlg::Sha256)).collect();
    if !authorities.iter().any(|key| key.key_data() == certificate.signature_key()) {
        return Err("it is signed by an unknown certificate authority");
    }
    if certificate.cert_type() != CertType::Host {
        return Err("it is a user certificate, not a host certificate");
    }
    if !certificate.critical_options().is_empty() {
        return Err("it has critical options, and none are defined for host certificates");
    }
    // OpenSSH does not accept a host certificate without principals either.
    let principals = certificate.valid_principals();
    let fits = |principal: &String| {
        let pattern = WildMatch::new(&principal.to_lowercase());
        names.iter().any(|name| pattern.matches(&name.to_lowercase()))
    };
    if !principals.iter().any(fits) {
        return Err("it is for other names");
    }
    certificate.validate_at(now, &prints).map_err(|_| "it is not valid now, or its signature is invalid")
}

#[cfg(test)]
mod tests;
