//! Tests of each requirement of a host certificate, with certificates made for the purpose.

use russh::keys::ssh_key::certificate::Builder;
use russh::keys::{Algorithm, PrivateKey};

use super::*;

const NOW: u64 = 1_800_000_000;

fn key() -> PrivateKey {
    PrivateKey::random(&mut russh::keys::key::safe_rng(), Algorithm::Ed25519).unwrap()
}

/// Makes a certificate of this authority for `web-*.example.com`, valid for an hour around [`NOW`], and changes it.
fn certificate(authority: &PrivateKey, kind: CertType, change: impl FnOnce(&mut Builder)) -> Certificate {
    let (rng, host) = (&mut russh::keys::key::safe_rng(), key());
    let mut builder = Builder::new_with_random_nonce(rng, host.public_key(), NOW - 1800, NOW + 1800).unwrap();
    builder.cert_type(kind).unwrap();
    builder.valid_principal("web-*.Example.com").unwrap();
    change(&mut builder);
    builder.sign(authority).unwrap()
}

#[test]
fn every_requirement_is_checked() {
    let (authority, stranger) = (key(), key());
    let trusted = [stranger.public_key().clone(), authority.public_key().clone()];
    let names = ["10.0.0.7".to_owned(), "WEB-1.example.com".to_owned()];
    let checked = |certificate: &Certificate| check(certificate, &trusted, &names, NOW);
    let good = certificate(&authority, CertType::Host, |_| ());
    assert_eq!(checked(&good), Ok(()));
    assert_eq!(
        checked(&certificate(&key(), CertType::Host, |_| ())),
        Err("it is signed by an unknown certificate authority")
    );
    let of_user = certificate(&authority, CertType::User, |_| ());
    assert_eq!(checked(&of_user), Err("it is a user certificate, not a host certificate"));
    let optional =
        certificate(&authority, CertType::Host, |builder| _ = builder.critical_option("force-command", "x").unwrap());
    assert_eq!(checked(&optional), Err("it has critical options, and none are defined for host certificates"));
    let late = "it is not valid now, or its signature is invalid";
    for (now, expected) in
        [(NOW - 1801, Err(late)), (NOW - 1800, Ok(())), (NOW + 1799, Ok(())), (NOW + 1801, Err(late))]
    {
        assert_eq!(check(&good, &trusted, &names, now), expected, "{now}");
    }
    for other in ["web-1.example.org", "xweb-1.example.com", "10.0.0.7"] {
        assert_eq!(check(&good, &trusted, &[other.to_owned()], NOW), Err("it is for other names"), "{other}");
    }
    assert_eq!(check(&good, &trusted, &[], NOW), Err("it is for other names"));
}

/// OpenSSH does not take a host certificate without principals for one that is valid for all hosts.
#[test]
fn certificate_for_all_names_is_for_none() {
    let (authority, rng, host) = (key(), &mut russh::keys::key::safe_rng(), key());
    let mut builder = Builder::new_with_random_nonce(rng, host.public_key(), NOW - 1, NOW + 1).unwrap();
    builder.cert_type(CertType::Host).unwrap();
    builder.all_principals_valid().unwrap();
    let certificate = builder.sign(&authority).unwrap();
    let trusted = [authority.public_key().clone()];
    assert_eq!(check(&certificate, &trusted, &["web-1".to_owned()], NOW), Err("it is for other names"));
}
