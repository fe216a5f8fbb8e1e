//! Host keys as the SSH library has them: what a server presents, and the parts of a known_hosts file that the library reads.

pub(crate) use russh::keys::PublicKeyOrCertificate as PresentedKey;
pub(crate) use russh::keys::ssh_key::Fingerprint;
pub(crate) use russh::keys::ssh_key::certificate::CertType;
pub(crate) use russh::keys::ssh_key::known_hosts::{Entry, HostPatterns, Marker};
pub(crate) use russh::keys::{Algorithm, Certificate, EcdsaCurve, HashAlg, PublicKey};

/// Returns the key's fingerprint as OpenSSH prints it: `SHA256:…`.
pub(crate) fn fingerprint(key: &PublicKey) -> String {
    key.fingerprint(HashAlg::Sha256).to_string()
}

/// Whether keys of the two algorithms are of one kind: an RSA key serves every RSA signature algorithm.
pub(crate) fn same_kind(one: &Algorithm, other: &Algorithm) -> bool {
    matches!((one, other), (Algorithm::Rsa { .. }, Algorithm::Rsa { .. })) || one == other
}

/// Returns `all` with the wanted algorithms first.
pub(crate) fn preferred(wanted: &[Algorithm], all: &[Algorithm]) -> Vec<Algorithm> {
    let is_wanted = |algorithm: &&Algorithm| wanted.iter().any(|wanted| same_kind(wanted, algorithm));
    let (mut first, rest): (Vec<_>, Vec<_>) = all.iter().partition(is_wanted);
    first.extend(rest);
    first.into_iter().cloned().collect()
}
