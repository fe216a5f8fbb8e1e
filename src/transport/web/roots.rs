//! Whom we trust: the certificate authorities of a bundle, else those of the system.

use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;

use super::{Error, Place};

/// The one TLS configuration. A bundle stands in the place of the system's authorities, as it does for the AWS CLI.
pub fn connector(bundle: Option<&Path>) -> Result<TlsConnector, Error> {
    let roots = match bundle {
        Some(path) => of_bundle(path)?,
        None => of_the_system()?,
    };
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider knows the protocol versions that rustls is built with")
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

fn of_bundle(path: &Path) -> Result<RootCertStore, Error> {
    let wrong = |detail: String| Error::Bundle { path: path.to_owned(), detail };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).map_err(|error| wrong(error.to_string()))? {
        let certificate = certificate.map_err(|error| wrong(error.to_string()))?;
        // A bundle may have one that is none for rustls among many that are.
        let _ = roots.add(certificate);
    }
    if roots.is_empty() { Err(wrong("it has no certificate that can be used".to_owned())) } else { Ok(roots) }
}

fn of_the_system() -> Result<RootCertStore, Error> {
    let mut roots = RootCertStore::empty();
    if let Some(found) = system_bundle() {
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

/// The one file that most systems have. The library would read the folder of single files, too, which has the same in it
/// where nobody has put something there by hand; it does where the file gives nothing, or where SSL_CERT_FILE or SSL_CERT_DIR
/// say what to read.
#[cfg(all(unix, not(target_vendor = "apple")))]
fn system_bundle() -> Option<rustls_native_certs::CertificateResult> {
    if ["SSL_CERT_FILE", "SSL_CERT_DIR"].iter().any(|name| std::env::var_os(name).is_some()) {
        return None;
    }
    let file = openssl_probe::probe().cert_file?;
    Some(rustls_native_certs::load_certs_from_paths(Some(&file), None))
}

/// Their store is no file.
#[cfg(not(all(unix, not(target_vendor = "apple"))))]
fn system_bundle() -> Option<rustls_native_certs::CertificateResult> {
    None
}

/// A failed handshake: is it the certificate, or the network?
pub fn sort(error: io::Error, place: &Place) -> Error {
    let host = place.to_string();
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::InvalidCertificate(problem)) => {
            let is_unknown = matches!(problem, rustls::CertificateError::UnknownIssuer);
            Error::Certificate { host, detail: words(problem), is_unknown }
        }
        _ => Error::Broken { host, source: Arc::new(error) },
    }
}

fn words(problem: &rustls::CertificateError) -> String {
    use rustls::CertificateError::{Expired, ExpiredContext, NotValidForName, NotValidForNameContext, UnknownIssuer};
    match problem {
        UnknownIssuer => "its authority is none of those that are trusted here".to_owned(),
        Expired | ExpiredContext { .. } => "it has expired".to_owned(),
        NotValidForName | NotValidForNameContext { .. } => "it is for another name".to_owned(),
        other => format!("{other:?}"),
    }
}
