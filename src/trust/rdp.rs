//! Decides whether to trust the certificate of an instance's RDP server: it makes its own, so only the console, what was seen before, or a
//! person can vouch for it. The decision is pure; [`RdpVerifier`] applies it.

use super::certificates::{Certificates, Trusted};
use crate::config::HostKeyPolicy;
use crate::event::{Event, Events, HostKeyQuestion, ask};

/// The two fingerprints of a certificate that was shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shown {
    /// The SHA-1, in hexadecimal digits: the form of the console.
    pub thumbprint: String,
    /// The SHA-256, with colons.
    pub sha256: String,
}

/// Why a certificate is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RdpRefusal {
    /// The instance had another certificate before.
    #[error("the instance had another certificate before: {known}")]
    Changed {
        /// The SHA-256 of the certificate that is known.
        known: String,
    },
    /// The console printed another certificate's thumbprint.
    #[error("the instance's console printed the thumbprint {printed}")]
    Contradicted {
        /// The thumbprint on the console.
        printed: String,
    },
    /// The user named another thumbprint.
    #[error("--thumbprint says {expected}")]
    NotExpected {
        /// The thumbprint that was typed.
        expected: String,
    },
    /// Nothing vouches for the certificate.
    #[error("the console prints no thumbprint, and nobody confirmed the certificate")]
    Unknown,
}

/// The decision about a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Decision {
    /// Trusted, and already known.
    Known,
    /// Trusted, and to be remembered with this reason.
    Trusted(&'static str),
    /// The user is asked; refused without an answer.
    Ask(Option<&'static str>, RdpRefusal),
    Refused(RdpRefusal),
}

/// The reason for a certificate that was accepted because the policy says so.
const ACCEPTED: &str = "accept-new";

fn decide(
    shown: &Shown,
    known: Option<&Trusted>,
    printed: Option<&str>,
    expected: Option<&str>,
    policy: HostKeyPolicy,
) -> Decision {
    let is_shown = |thumbprint: &str| same_digits(thumbprint, &shown.thumbprint);
    if let Some(expected) = expected {
        return match is_shown(expected) {
            true if known.is_some_and(|known| known.sha256 == shown.sha256) => Decision::Known,
            true => Decision::Trusted("thumbprint"),
            false => Decision::Refused(RdpRefusal::NotExpected { expected: expected.to_owned() }),
        };
    }
    match (known, printed) {
        // Nobody has looked at it, and the console knows better by now.
        (Some(known), Some(printed)) if known.comment.starts_with(ACCEPTED) && !is_shown(printed) => {
            Decision::Refused(RdpRefusal::Contradicted { printed: printed.to_owned() })
        }
        (Some(known), _) if known.sha256 == shown.sha256 => Decision::Known,
        (Some(known), printed) => {
            let refusal = RdpRefusal::Changed { known: known.sha256.clone() };
            // Windows renews its certificate every six months, and prints the new one when it boots.
            let is_renewed = printed.is_some_and(is_shown) && policy != HostKeyPolicy::Strict;
            match is_renewed {
                true => {
                    Decision::Ask(Some("It differs from the one before; the console has printed this one."), refusal)
                }
                false => Decision::Refused(refusal),
            }
        }
        (None, Some(printed)) if is_shown(printed) => Decision::Trusted("console"),
        (None, Some(printed)) => Decision::Refused(RdpRefusal::Contradicted { printed: printed.to_owned() }),
        (None, None) => match policy {
            HostKeyPolicy::Strict => Decision::Refused(RdpRefusal::Unknown),
            HostKeyPolicy::AcceptNew => Decision::Trusted(ACCEPTED),
            HostKeyPolicy::Auto => Decision::Ask(None, RdpRefusal::Unknown),
        },
    }
}

/// Whether two texts have the same hexadecimal digits, whatever separates them.
fn same_digits(one: &str, other: &str) -> bool {
    let digits =
        |text: &str| text.chars().filter(char::is_ascii_hexdigit).map(|c| c.to_ascii_uppercase()).collect::<String>();
    digits(one) == digits(other)
}

/// Returns the last thumbprint that Windows has printed on a console: 40 hexadecimal digits.
pub(crate) fn printed_thumbprint(console: &[u8]) -> Option<String> {
    const MARK: &str = "RDPCERTIFICATE-THUMBPRINT:";
    let text = String::from_utf8_lossy(console);
    let found = text.lines().filter_map(|line| Some(line.split_once(MARK)?.1));
    let mut digits = found.map(|rest| rest.chars().filter(char::is_ascii_hexdigit).take(41).collect::<String>());
    digits.rfind(|digits| digits.len() == 40).map(|digits| digits.to_ascii_uppercase())
}

/// The verifier of one instance's certificate.
pub(crate) struct RdpVerifier {
    /// The id of the instance.
    pub instance_id: String,
    /// The name that the user knows the instance by; untrusted.
    pub label: String,
    /// The policy for a certificate that nothing vouches for.
    pub policy: HostKeyPolicy,
    /// The thumbprint that the user expects.
    pub expected: Option<String>,
    /// The certificates that were trusted before.
    pub store: Option<Certificates>,
    /// Receives notices and questions.
    pub events: Events,
}

impl RdpVerifier {
    /// Judges the certificate; `printed` is the thumbprint on the console.
    ///
    /// # Errors
    /// The certificate is refused.
    pub(crate) async fn judge(&self, shown: &Shown, printed: Option<&str>) -> Result<(), RdpRefusal> {
        let known = self.store.as_ref().and_then(|store| store.get(&self.instance_id));
        let expected = self.expected.as_deref();
        let how = match decide(shown, known.as_ref(), printed, expected, self.policy) {
            Decision::Known => return Ok(()),
            Decision::Refused(refusal) => return Err(refusal),
            Decision::Trusted(how) => how,
            Decision::Ask(why, refusal) => {
                if let Some(why) = why {
                    (self.events)(Event::Notice(why.to_owned()));
                }
                if !self.ask(shown).await {
                    return Err(refusal);
                }
                "confirmed"
            }
        };
        (self.events)(Event::Step(format!("the certificate {} is trusted: {how}", shown.thumbprint)));
        if let Some(Err(error)) = self.store.as_ref().map(|store| store.put(&self.instance_id, &shown.sha256, how)) {
            (self.events)(Event::Notice(format!("Warning: the certificate cannot be remembered: {error}")));
        }
        Ok(())
    }

    async fn ask(&self, shown: &Shown) -> bool {
        let question = HostKeyQuestion {
            what: "RDP certificate",
            label: self.label.clone(),
            instance_id: self.instance_id.clone(),
            algorithm: "SHA-1 thumbprint".to_owned(),
            fingerprint: shown.thumbprint.clone(),
        };
        ask(&self.events, |reply| Event::HostKey { question, reply }).await == Some(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown() -> Shown {
        Shown { thumbprint: "AB".repeat(20), sha256: "CD:EF".to_owned() }
    }

    fn trusted(sha256: &str) -> Trusted {
        Trusted { sha256: sha256.to_owned(), comment: "confirmed 2026-11-26".to_owned() }
    }

    #[test]
    fn console_known_and_person_are_weighed() {
        use HostKeyPolicy::{AcceptNew, Auto, Strict};
        let (same, other) = ("ab ".repeat(20), "12".repeat(20));
        let (same, other) = (same.as_str(), other.as_str());
        let changed = || RdpRefusal::Changed { known: "11".to_owned() };
        let contradicted = || Decision::Refused(RdpRefusal::Contradicted { printed: other.to_owned() });
        let table = [
            (None, Some(same), None, Strict, Decision::Trusted("console")),
            (None, Some(other), None, Auto, contradicted()),
            (None, Some(other), None, AcceptNew, contradicted()),
            (None, None, None, Strict, Decision::Refused(RdpRefusal::Unknown)),
            (None, None, None, AcceptNew, Decision::Trusted("accept-new")),
            (None, None, None, Auto, Decision::Ask(None, RdpRefusal::Unknown)),
            (Some("CD:EF"), Some(other), None, Strict, Decision::Known),
            (Some("11"), None, None, AcceptNew, Decision::Refused(changed())),
            (Some("11"), Some(other), None, Auto, Decision::Refused(changed())),
            (Some("11"), Some(same), None, Strict, Decision::Refused(changed())),
            (None, Some(other), Some(same), Strict, Decision::Trusted("thumbprint")),
            (
                None,
                Some(same),
                Some(other),
                Auto,
                Decision::Refused(RdpRefusal::NotExpected { expected: other.to_owned() }),
            ),
        ];
        for (known, printed, expected, policy, decision) in table {
            let known = known.map(trusted);
            assert_eq!(
                decide(&shown(), known.as_ref(), printed, expected, policy),
                decision,
                "{known:?} {printed:?} {expected:?} {policy:?}"
            );
        }
        let accepted = Trusted { comment: "accept-new 2026-11-26".to_owned(), ..trusted("CD:EF") };
        assert_eq!(decide(&shown(), Some(&accepted), Some(other), None, Auto), contradicted());
        assert_eq!(decide(&shown(), Some(&accepted), Some(same), None, Auto), Decision::Known);
        let renewed = decide(&shown(), Some(&trusted("11")), Some(same), None, Auto);
        assert!(matches!(renewed, Decision::Ask(Some(_), RdpRefusal::Changed { .. })), "{renewed:?}");
    }

    #[test]
    fn last_thumbprint_of_the_console_counts() {
        let lines = "2026/11/01 10:00:00Z: RDPCERTIFICATE-SUBJECTNAME: EC2AMAZ-1\r\n\
            2026/11/01 10:00:00Z: RDPCERTIFICATE-THUMBPRINT: 0123456789abcdef0123456789abcdef01234567\r\n\
            2026/11/26 10:00:00Z: RDPCERTIFICATE-THUMBPRINT: FEDCBA98765432100123456789ABCDEF01234567\r\n\
            2026/11/26 10:00:01Z: RDPCERTIFICATE-THUMBPRINT: short\r\n\
            2026/11/26 10:00:01Z: RDPCERTIFICATE-THUMBPRINT: 0123456789abcdef0123456789abcdef0123456789\r\n\
            2026/11/26 10:00:02Z: Message: Windows is Ready to use\r\n";
        assert_eq!(printed_thumbprint(lines.as_bytes()).as_deref(), Some("FEDCBA98765432100123456789ABCDEF01234567"));
        assert_eq!(printed_thumbprint(b"\xff\xfe nothing"), None);
    }
}
