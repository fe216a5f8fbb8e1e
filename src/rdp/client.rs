//! The RDP clients: which of those that are installed is used, and with which words it is started. A password is given by standard input
//! only, and a certificate is pinned where the client can. Pure.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

/// A client that can be started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Client {
    /// FreeRDP 2 or 3 (<https://www.freerdp.com>).
    FreeRdp(&'static str),
    /// Windows App, formerly Microsoft Remote Desktop, on macOS.
    WindowsApp,
    /// The client of Windows, from a Linux in WSL.
    Mstsc,
    /// Remmina, of GTK desktops (<https://remmina.org>).
    Remmina,
}

/// The names of FreeRDP's programs, the newest first; those with SDL need no X server.
const FREERDP: [&str; 4] = ["xfreerdp3", "xfreerdp", "sdl-freerdp3", "sdl-freerdp"];

/// The facts of the machine that the client runs on.
pub(crate) struct Machine<'a> {
    /// Whether a program of this name can be started.
    pub has: &'a dyn Fn(&str) -> bool,
    /// Whether there is a display (X11 or Wayland).
    pub display: bool,
    /// Whether it is a Mac.
    pub mac: bool,
    /// Whether it is a Linux in Windows (WSL).
    pub wsl: bool,
}

/// Chooses the client to start.
pub(crate) fn choose(machine: &Machine<'_>) -> Option<Client> {
    let freerdp = FREERDP.into_iter().find(|name| machine.display && (machine.has)(name));
    if let Some(name) = freerdp {
        return Some(Client::FreeRdp(name));
    }
    if machine.mac {
        return Some(Client::WindowsApp);
    }
    if machine.wsl && (machine.has)("mstsc.exe") {
        return Some(Client::Mstsc);
    }
    (machine.display && (machine.has)("remmina")).then_some(Client::Remmina)
}

/// The connection that a client is started for.
#[derive(Clone, Debug)]
pub(crate) struct Desktop<'a> {
    /// The local port of the tunnel.
    pub port: u16,
    /// The user that logs in.
    pub user: &'a str,
    /// The id of the instance.
    pub instance_id: &'a str,
    /// The SHA-256 of the certificate, with colons.
    pub sha256: &'a str,
    /// Whether there is a password for the client's standard input.
    pub has_password: bool,
    /// Whether the server asks for it before there is a desktop (NLA); else the client has to be told to take it at once.
    pub nla: bool,
    /// Further words for the client.
    pub extra: &'a [String],
}

impl Client {
    /// Whether the client itself checks the certificate and takes the password: it is one process for the whole session.
    pub(crate) fn is_freerdp(self) -> bool {
        matches!(self, Self::FreeRdp(_))
    }

    /// Returns the words of the command that starts the client.
    pub(crate) fn command(self, desktop: &Desktop<'_>) -> Vec<String> {
        let Desktop { port, user, instance_id, sha256, has_password, nla, extra } = desktop;
        let mut words = match self {
            Self::FreeRdp(program) => {
                let (domain, name) = user.split_once('\\').unwrap_or(("", user));
                let mut words = vec![
                    program.to_owned(),
                    format!("/v:127.0.0.1:{port}"),
                    format!("/u:{name}"),
                    // An empty domain is one, too: the client would ask for it, in the place of the password.
                    format!("/d:{domain}"),
                    // No other protocol than the one that was seen: RDP's own encryption has no certificate to be pinned.
                    format!("/sec:{}", if *nla { "nla" } else { "tls" }),
                    // The name is no other host's, so that no certificate that is stored for it passes.
                    format!("/cert:deny,name:ec2ssh-{instance_id},fingerprint:sha256:{sha256}"),
                    "/dynamic-resolution".to_owned(),
                    "+clipboard".to_owned(),
                ];
                if *has_password {
                    words.push(if *nla { "/from-stdin" } else { "/from-stdin:force" }.to_owned());
                }
                words
            }
            Self::WindowsApp => {
                let user = utf8_percent_encode(user, NON_ALPHANUMERIC);
                let url = format!("rdp:full%20address=s:127.0.0.1:{port}&username=s:{user}");
                vec!["open".to_owned(), "-b".to_owned(), "com.microsoft.rdc.macos".to_owned(), url]
            }
            // A .rdp file would bring up a warning of an unknown publisher.
            Self::Mstsc => vec!["mstsc.exe".to_owned(), format!("/v:127.0.0.1:{port}")],
            Self::Remmina => {
                let user = utf8_percent_encode(user, NON_ALPHANUMERIC);
                vec!["remmina".to_owned(), "-c".to_owned(), format!("rdp://{user}@127.0.0.1:{port}")]
            }
        };
        words.extend(extra.iter().cloned());
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn best_client_that_is_there_is_chosen() {
        let table = [
            ("xfreerdp xfreerdp3 remmina", true, false, false, Some(Client::FreeRdp("xfreerdp3"))),
            ("xfreerdp remmina", true, false, false, Some(Client::FreeRdp("xfreerdp"))),
            ("sdl-freerdp", true, false, false, Some(Client::FreeRdp("sdl-freerdp"))),
            ("xfreerdp", false, false, false, None),
            ("remmina", true, false, false, Some(Client::Remmina)),
            ("", false, true, false, Some(Client::WindowsApp)),
            ("mstsc.exe remmina", true, false, true, Some(Client::Mstsc)),
            ("mstsc.exe", false, false, false, None),
            ("", true, false, false, None),
        ];
        for (programs, display, mac, wsl, expected) in table {
            let has = |name: &str| programs.split_whitespace().any(|program| program == name);
            assert_eq!(choose(&Machine { has: &has, display, mac, wsl }), expected, "{programs} {display} {mac} {wsl}");
        }
    }

    /// The password is in no word, and the certificate is pinned so that neither a prompt nor a stored one lets another pass.
    #[test]
    fn freerdp_is_pinned_and_asked_by_stdin() {
        let extra = ["/f".to_owned()];
        let desktop = Desktop {
            port: 4567,
            user: "Administrator",
            instance_id: "i-0abc",
            sha256: "AA:BB",
            has_password: true,
            nla: true,
            extra: &extra,
        };
        let words = Client::FreeRdp("xfreerdp").command(&desktop).join(" ");
        assert_eq!(
            words,
            "xfreerdp /v:127.0.0.1:4567 /u:Administrator /d: /sec:nla \
             /cert:deny,name:ec2ssh-i-0abc,fingerprint:sha256:AA:BB /dynamic-resolution +clipboard /from-stdin /f"
        );
        let tls = Client::FreeRdp("xfreerdp").command(&Desktop { nla: false, ..desktop.clone() });
        assert!(tls.contains(&"/from-stdin:force".to_owned()) && tls.contains(&"/sec:tls".to_owned()));
        let domain = Client::FreeRdp("xfreerdp").command(&Desktop { user: "CORP\\alice", ..desktop.clone() });
        assert_eq!(domain[2..4], ["/u:alice", "/d:CORP"]);
        let remmina = Client::Remmina.command(&Desktop { user: "bob@corp.example", ..desktop.clone() });
        assert_eq!(remmina[2], "rdp://bob%40corp%2Eexample@127.0.0.1:4567");
        let without = Client::FreeRdp("xfreerdp").command(&Desktop { has_password: false, ..desktop.clone() });
        assert!(!without.contains(&"/from-stdin".to_owned()), "the client asks itself");
        assert_eq!(Client::Mstsc.command(&desktop)[1], "/v:127.0.0.1:4567");
    }
}
