//! The embedded cloud's certificate authority and its TLS acceptor. The authority is generated for each process and
//! trusted only by programs that are given its certificate.

use std::sync::{Arc, LazyLock};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio_rustls::TlsAcceptor;

struct Authority {
    pem: String,
    acceptor: TlsAcceptor,
}

static AUTHORITY: LazyLock<Authority> = LazyLock::new(make);

fn make() -> Authority {
    let mut parameters = CertificateParams::new(Vec::new()).expect("no names are valid names");
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    parameters.distinguished_name.push(rcgen::DnType::CommonName, "The embedded cloud");
    let key = KeyPair::generate().expect("a key can be made");
    let certificate = parameters.self_signed(&key).expect("it can be signed");
    let issuer = Issuer::new(parameters, key);
    let own_key = KeyPair::generate().expect("a key can be made");
    let names = [
        "localhost",
        "127.0.0.1",
        "*.eu-west-1.amazonaws.com",
        "*.eu-west-1.api.aws",
        "*.0123abcd.ec2-instance-connect-endpoint.eu-west-1.amazonaws.com",
    ];
    let names: Vec<String> = names.map(str::to_owned).to_vec();
    let own = CertificateParams::new(names).expect("the names are valid").signed_by(&own_key, &issuer);
    let own = own.expect("it can be signed");
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider knows the versions")
        .with_no_client_auth()
        .with_single_cert(vec![own.der().clone()], PrivateKeyDer::Pkcs8(own_key.serialize_der().into()))
        .expect("the key is the certificate's");
    Authority { pem: certificate.pem(), acceptor: TlsAcceptor::from(Arc::new(config)) }
}

/// Returns the authority's certificate in PEM, for AWS_CA_BUNDLE.
pub(crate) fn pem() -> &'static str {
    &AUTHORITY.pem
}

/// Returns a TLS acceptor for `localhost` and `127.0.0.1`, and for the names of AWS hosts that a proxy leads here.
pub(crate) fn acceptor() -> TlsAcceptor {
    AUTHORITY.acceptor.clone()
}
