//! Reads the certificate of an RDP server: TLS over the given stream, with proof that the server has the certificate's key. Whether the
//! certificate is to be trusted is judged by the caller.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use sha1::{Digest, Sha1};
use sha2::Sha256;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::negotiation::{HEADER, NegotiationError, REQUEST, Security, read_answer, rest_of};

/// The time limit for the server's answer and for TLS.
const TIMEOUT: Duration = Duration::from_secs(15);

/// The certificate that a server has shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Certificate {
    der: Vec<u8>,
    /// The protocol that the server has chosen.
    pub security: Security,
}

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The server does not begin TLS.
    #[error(transparent)]
    Negotiation(#[from] NegotiationError),
    /// The stream has failed or ended.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The server did not answer in time.
    #[error("no answer within {} s", TIMEOUT.as_secs())]
    Timeout,
    /// TLS ended without a certificate.
    #[error("the server showed no certificate")]
    None,
}

impl Certificate {
    /// Takes a certificate in DER.
    #[cfg(test)]
    pub(crate) fn of(der: &[u8]) -> Self {
        Self { der: der.to_vec(), security: Security::Nla }
    }

    /// Returns the SHA-1 of the certificate, as Windows shows it: hexadecimal digits without separators.
    pub(crate) fn thumbprint(&self) -> String {
        hex(&Sha1::digest(&self.der), "")
    }

    /// Returns the SHA-256 of the certificate: hexadecimal digits, with colons between the bytes.
    pub(crate) fn sha256(&self) -> String {
        hex(&Sha256::digest(&self.der), ":")
    }
}

fn hex(bytes: &[u8], separator: &str) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(separator)
}

/// Asks the server at the other end of the stream for its certificate. The stream is used up.
///
/// # Errors
/// The server does not answer, or has no certificate.
pub(crate) async fn read(stream: impl AsyncRead + AsyncWrite + Unpin) -> Result<Certificate, Error> {
    timeout(TIMEOUT, read_now(stream)).await.map_err(|_| Error::Timeout)?
}

async fn read_now(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> Result<Certificate, Error> {
    stream.write_all(REQUEST).await?;
    stream.flush().await?;
    let mut header = [0; HEADER];
    stream.read_exact(&mut header).await?;
    let mut rest = vec![0; rest_of(header)?];
    stream.read_exact(&mut rest).await?;
    let security = read_answer(&rest)?;
    let name = ServerName::try_from("rdp.invalid").expect("it is a DNS name");
    let mut tls = TlsConnector::from(Arc::new(config())).connect(name, stream).await?;
    let shown = tls.get_ref().1.peer_certificates().and_then(<[_]>::first).map(|certificate| certificate.to_vec());
    let _ = tls.shutdown().await;
    shown.map(|der| Certificate { der, security }).ok_or(Error::None)
}

fn config() -> ClientConfig {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions();
    let builder = builder.expect("the provider supports the default protocol versions of rustls");
    let verifier = Arc::new(AnyCertificate(provider));
    let mut config = builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth();
    // The name is not the server's.
    config.enable_sni = false;
    config
}

/// Accepts any certificate whose key the server has. Nothing is sent over the connection but its end.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_have_their_usual_forms() {
        let certificate = Certificate::of(b"abc");
        assert_eq!(certificate.thumbprint(), "A9993E364706816ABA3E25717850C26C9CD0D89D");
        assert!(certificate.sha256().starts_with("BA:78:16:BF:8F:01:CF:EA:41:41:40:DE:5D:AE:22:23"));
    }

    #[tokio::test]
    async fn other_servers_are_no_rdp_servers() {
        for banner in [&b"SSH-2.0-OpenSSH_9.2\r\n"[..], b"HTTP/1.1 400 Bad Request\r\n\r\n"] {
            let (ours, mut theirs) = tokio::io::duplex(1024);
            theirs.write_all(banner).await.unwrap();
            assert!(matches!(read(ours).await, Err(Error::Negotiation(NegotiationError::NotRdp))));
        }
        let (ours, theirs) = tokio::io::duplex(1024);
        drop(theirs);
        assert!(matches!(read(ours).await, Err(Error::Io(_))));
    }

    #[tokio::test(start_paused = true)]
    async fn silent_server_is_given_up() {
        let (ours, _theirs) = tokio::io::duplex(1024);
        assert!(matches!(read(ours).await, Err(Error::Timeout)));
    }
}
