//! Host certificates (OpenSSH's PROTOCOL.certkeys): whether one of the authorities we trust vouches for the server. Pure;
//! the clock is given.

use russh::keys::ssh_key::certificate::CertType;
use russh::keys::{Certificate, HashAlg, PublicKey};
use wildmatch::WildMatch;

/// Whether one of the authorities signed this certificate for one of the names, and it is valid at `now` (seconds since
/// the Unix epoch).
///
/// # Errors
/// In which point it is not, for a line of `-v`.
pub fn check(
    certificate: &Certificate,
    authorities: &[PublicKey],
    names: &[String],
    now: u64,
) -> Result<(), &'static str> {
    let prints: Vec<_> = authorities.iter().map(|key| key.fingerprint(HashAlg::Sha256)).collect();
    if !authorities.iter().any(|key| key.key_data() == certificate.signature_key()) {
        return Err("no authority that we know has signed it");
    }
    if certificate.cert_type() != CertType::Host {
        return Err("it is a user's, not a host's");
    }
    if !certificate.critical_options().is_empty() {
        return Err("it has critical options, and none is known for hosts");
    }
    // OpenSSH accepts no host certificate without principals.
    let principals = certificate.valid_principals();
    let fits = |principal: &String| {
        let pattern = WildMatch::new(&principal.to_lowercase());
        names.iter().any(|name| pattern.matches(&name.to_lowercase()))
    };
    if !principals.iter().any(fits) {
        return Err("it is for other names");
    }
    certificate.validate_at(now, &prints).map_err(|_| "it is not valid now, or its signature is wrong")
}
