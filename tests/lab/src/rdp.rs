//! A Windows instance: its password, and an RDP server that shows a certificate of its own.

use std::sync::Arc;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rsa::{KeyPair, KeySize, Pkcs1PublicEncryptingKey, PublicEncryptingKey};
use aws_lc_rs::signature::KeyPair as _;
use axum::body::Body;
use axum::http::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::ec2::{parameter, xml};
use crate::state::State;

/// Answers GetPasswordData; the text has line breaks, as the service's has.
pub(crate) fn get_password_data(state: &State, body: &str) -> Response<Body> {
    let id = parameter(body, "InstanceId").unwrap_or_default();
    let sealed = state.passwords.iter().find(|(instance, _)| *instance == id).map(|(_, sealed)| sealed);
    let text = sealed.map(|sealed| {
        let text = STANDARD.encode(sealed);
        let lines: Vec<&str> = text.as_bytes().chunks(76).filter_map(|line| std::str::from_utf8(line).ok()).collect();
        format!("\r\n{}\r\n", lines.join("\r\n"))
    });
    let inner = format!(
        "<instanceId>{id}</instanceId><timestamp>2026-11-26T10:00:00.000Z</timestamp><passwordData>{}</passwordData>",
        text.unwrap_or_default()
    );
    xml("GetPasswordData", &inner)
}

/// Makes an RSA key pair; returns its private key in PEM, and the password encrypted with it.
pub(crate) fn sealed(password: &str) -> (String, Vec<u8>) {
    let pair = KeyPair::generate(KeySize::Rsa2048).expect("a key can be made");
    let private: Pkcs8V1Der<'_> = pair.as_der().expect("it can be encoded");
    let public: PublicKeyX509Der<'_> = pair.public_key().as_der().expect("it can be encoded");
    let public = PublicEncryptingKey::from_der(public.as_ref()).expect("it is a key");
    let public = Pkcs1PublicEncryptingKey::new(public).expect("it has a common size");
    let mut sealed = vec![0; public.ciphertext_size()];
    public.encrypt(password.as_bytes(), &mut sealed).expect("it is short enough");
    let text = STANDARD.encode(private.as_ref());
    let lines: Vec<&str> = text.as_bytes().chunks(64).filter_map(|line| std::str::from_utf8(line).ok()).collect();
    (format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", lines.join("\n")), sealed)
}

/// An RDP server that runs.
#[derive(Clone, Debug)]
pub struct RdpServer {
    /// The port on loopback.
    pub port: u16,
    /// The SHA-1 of its certificate, in hexadecimal digits.
    pub thumbprint: String,
    /// The SHA-256 of its certificate, with colons.
    pub sha256: String,
}

impl RdpServer {
    /// Returns what Windows prints on the console about the certificate.
    pub fn console(&self) -> String {
        format!(
            "2026/11/26 10:00:00Z: RDPCERTIFICATE-SUBJECTNAME: EC2AMAZ-1\r\n\
             2026/11/26 10:00:00Z: RDPCERTIFICATE-THUMBPRINT: {}\r\n\
             2026/11/26 10:00:02Z: Message: Windows is Ready to use\r\n",
            self.thumbprint
        )
    }
}

/// Serves TLS with a fresh certificate behind RDP's first messages; then all that comes is sent back.
pub(crate) async fn serve() -> std::io::Result<RdpServer> {
    let made = rcgen::generate_simple_self_signed(vec!["EC2AMAZ-1".to_owned()]).expect("a certificate can be made");
    let der = made.cert.der().clone();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).expect("it is a key");
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let server = RdpServer {
        port: listener.local_addr()?.port(),
        thumbprint: hex(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY, &der).as_ref(), ""),
        sha256: hex(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &der).as_ref(), ":"),
    };
    let acceptor = acceptor(der, key);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(connection(stream, acceptor.clone()));
        }
    });
    Ok(server)
}

fn acceptor(certificate: CertificateDer<'static>, key: PrivateKeyDer<'static>) -> TlsAcceptor {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.expect("the provider supports the default protocol versions of rustls");
    let config = config.with_no_client_auth().with_single_cert(vec![certificate], key);
    TlsAcceptor::from(Arc::new(config.expect("the key fits")))
}

async fn connection(mut stream: TcpStream, acceptor: TlsAcceptor) -> Option<()> {
    let mut request = [0; 19];
    stream.read_exact(&mut request).await.ok()?;
    if request[..2] != [3, 0] || request[5] != 0xe0 || request[11] != 1 {
        return None;
    }
    let confirm = [3, 0, 0, 19, 14, 0xd0, 0, 0, 0x12, 0x34, 0, 2, 0x1f, 8, 0, 2, 0, 0, 0];
    stream.write_all(&confirm).await.ok()?;
    let mut tls = acceptor.accept(stream).await.ok()?;
    let mut chunk = [0; 4096];
    loop {
        let count = tls.read(&mut chunk).await.ok().filter(|count| *count > 0)?;
        tls.write_all(&chunk[..count]).await.ok()?;
        tls.flush().await.ok()?;
    }
}

fn hex(bytes: &[u8], separator: &str) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(separator)
}
