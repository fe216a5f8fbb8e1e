//! The words for what stands between us and a web service: proxies, certificates, the network.

use crate::text::shell_word;
use crate::transport::web::Error;

use super::CommandError;

const PROXY_VARIABLES: &str = "see what is set: env | grep -i proxy";

impl From<Error> for CommandError {
    fn from(error: Error) -> Self {
        let plain = Self::failed(error.to_string());
        match error {
            Error::Address(_) => plain.hint("see what is set: env | grep -iE 'proxy|AWS_ENDPOINT'"),
            Error::Bundle { path, .. } => plain.hint(format!(
                "it has to be a file of PEM certificates; see: head -1 {}; env | grep AWS_CA_BUNDLE",
                shell_word(&path.display().to_string())
            )),
            Error::NoRoots(_) => plain.hint(
                "install them (Debian: apt install ca-certificates), or name a file: export SSL_CERT_FILE=FILE.pem",
            ),
            Error::Connect { .. } | Error::Silent(_) | Error::Broken { .. } => {
                plain.hint(format!("check the network and the proxy; {PROXY_VARIABLES}"))
            }
            Error::ProxyAuthentication(proxy) => plain.hint(format!("export HTTPS_PROXY=http://USER:PASSWORD@{proxy}")),
            Error::ProxyRefused { host, .. } => {
                let name = host.rsplit_once(':').map_or(host.as_str(), |(name, _)| name);
                plain.hint(format!("have the proxy allow CONNECT to {host}, or go past it: export NO_PROXY={name}"))
            }
            Error::ProxyKind(_) => plain.hint(PROXY_VARIABLES),
            Error::Certificate { is_unknown: false, .. } => plain.hint(
                "something else may answer there; or the clock is off: date -u; env | grep -iE 'proxy|AWS_ENDPOINT'",
            ),
            Error::Certificate { is_unknown: true, .. } => plain
                .cause("a proxy that looks into TLS signs with an authority of its own")
                .hint("name that authority: export AWS_CA_BUNDLE=FILE.pem")
                .hint("where it is in the system's folder, and not in its bundle: export SSL_CERT_DIR=/etc/ssl/certs"),
        }
    }
}
