//! Explains errors on the way to a web service: proxies, certificates, the network.

use crate::text::shell_word;
use crate::web::Error;

use super::CommandError;

const CHECK_PROXY_SETTINGS: &str = "show the proxy settings: env | grep -i proxy";

impl From<&Error> for CommandError {
    fn from(error: &Error) -> Self {
        let plain = Self::failed(error.to_string());
        match error {
            Error::Address(_) => plain.hint("show the settings: env | grep -iE 'proxy|AWS_ENDPOINT'"),
            Error::Bundle { path, .. } => plain.hint(format!(
                "it must be a file of PEM certificates; check it: head -1 {}; env | grep AWS_CA_BUNDLE",
                shell_word(&path.display().to_string())
            )),
            Error::NoRoots(_) => plain.hint(
                "install them (Debian: apt install ca-certificates), or set a file: export SSL_CERT_FILE=FILE.pem",
            ),
            Error::Connect { .. } | Error::Silent(_) | Error::Broken { .. } => {
                plain.hint(format!("check the network and the proxy; {CHECK_PROXY_SETTINGS}"))
            }
            Error::ProxyAuthentication(proxy) => plain.hint(format!("export HTTPS_PROXY=http://USER:PASSWORD@{proxy}")),
            Error::ProxyRefused { host, .. } => {
                let name = host.rsplit_once(':').map_or(host.as_str(), |(name, _)| name);
                plain.hint(format!("allow CONNECT to {host} on the proxy, or bypass it: export NO_PROXY={name}"))
            }
            Error::ProxyKind(_) => plain.hint(CHECK_PROXY_SETTINGS),
            Error::Certificate { unknown_issuer: false, .. } => plain.hint(
                "another server may be answering, or the clock is wrong: date -u; env | grep -iE 'proxy|AWS_ENDPOINT'",
            ),
            Error::Certificate { unknown_issuer: true, .. } => plain
                .cause("a TLS-inspecting proxy signs with its own certificate authority")
                .hint("trust that authority: export AWS_CA_BUNDLE=FILE.pem")
                .hint("if it is in the system's certificate directory but not in its bundle: export SSL_CERT_DIR=/etc/ssl/certs"),
        }
    }
}
