//! The trusted certificate authorities: those of a bundle, or else those of the system.

use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;

use super::endpoint::Endpoint;
use super::error::Error;

/// Builds the TLS configuration. A bundle replaces the system's authorities, as it does for the AWS CLI.
pub(super) fn connector(bundle: Option<&Path>) -> Result<TlsConnector, Error> {
    let roots = match bundle {
        Some(path) => load_bundle(path)?,
        None => load_system_roots()?,
    };
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider supports the default protocol versions of rustls")
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

fn load_bundle(path: &Path) -> Result<RootCertStore, Error> {
    let wrong = |detail: String| Error::Bundle { path: path.to_owned(), detail };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).map_err(|error| wrong(error.to_string()))? {
        let certificate = certificate.map_err(|error| wrong(error.to_string()))?;
        // A certificate that rustls rejects must not make the whole bundle fail.
        let _ = roots.add(certificate);
    }
    if roots.is_empty() { Err(wrong("no usable certificate found".to_owned())) } else { Ok(roots) }
}

fn load_system_roots() -> Result<RootCertStore, Error> {
    let mut roots = RootCertStore::empty();
    if let Some(found) = load_system_bundle() {
        roots.add_parsable_certificates(found.certs);
    }
    if !roots.is_empty() {
        return Ok(roots);
    }
    let found = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let detail: Vec<String> = found.errors.iter().map(ToString::to_string).collect();
        return Err(Error::NoRoots(detail.join("; ")));
    }
    Ok(roots)
}

/// Reads the bundle file that most systems have. `rustls_native_certs` would also read the directory of single
/// certificates, which has the same content unless an administrator added some; it is used if the file yields none, or
/// if SSL_CERT_FILE or SSL_CERT_DIR is set.
#[cfg(all(unix, not(target_vendor = "apple")))]
fn load_system_bundle() -> Option<rustls_native_certs::CertificateResult> {
    if ["SSL_CERT_FILE", "SSL_CERT_DIR"].iter().any(|name| std::env::var_os(name).is_some()) {
        return None;
    }
    let file = openssl_probe::probe().cert_file?;
    Some(rustls_native_certs::load_certs_from_paths(Some(&file), None))
}

/// Returns `None`: the certificate store is not a file here.
#[cfg(not(all(unix, not(target_vendor = "apple"))))]
fn load_system_bundle() -> Option<rustls_native_certs::CertificateResult> {
    None
}

/// Classifies a failed TLS handshake as a certificate error or a network error.
pub(super) fn classify(error: io::Error, endpoint: &Endpoint) -> Error {
    let host = endpoint.to_string();
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::InvalidCertificate(problem)) => {
            let unknown_issuer = matches!(problem, rustls::CertificateError::UnknownIssuer);
            Error::Certificate { host, detail: describe(problem), unknown_issuer }
        }
        _ => Error::Broken { host, source: Arc::new(error) },
    }
}

fn describe(problem: &rustls::CertificateError) -> String {
    use rustls::CertificateError::{Expired, ExpiredContext, NotValidForName, NotValidForNameContext, UnknownIssuer};
    match problem {
        UnknownIssuer => "signed by an unknown authority".to_owned(),
        Expired | ExpiredContext { .. } => "it has expired".to_owned(),
        NotValidForName | NotValidForNameContext { .. } => "it is not valid for this host name".to_owned(),
        other => format!("{other:?}"),
    }
}
