//! Decides whether to trust the host key of a serial console's server. The published fingerprints come first; what the known_hosts files
//! say may add to them. Nothing replaces a published fingerprint but a person's yes.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::known_hosts::KnownHosts;
use super::lines::{Marker, matching_lines};
use super::serial_hosts::SerialHost;
use super::source::caller_files;
use crate::config::HostKeyPolicy;
use crate::event::{Event, Events, HostKeyQuestion, ask};
use crate::ssh::host_key::{PublicKey, fingerprint};

/// The verifier of one server.
pub(crate) struct SerialVerifier {
    host: SerialHost,
    region: String,
    policy: HostKeyPolicy,
    own: Option<KnownHosts>,
    events: Events,
}

/// Why a server is not trusted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SerialRefusal {
    /// The key is revoked, or cannot be read.
    #[error("its host key is revoked in a known_hosts file, or cannot be read")]
    Revoked,
    /// The key is not the published one.
    #[error("its host key is {presented}, and AWS publishes {published} for {region}")]
    NotPublished {
        /// The fingerprint of the key.
        presented: String,
        /// The fingerprint that AWS publishes.
        published: String,
        /// The region of the server.
        region: String,
    },
    /// No fingerprint is published, and nobody has vouched for the key.
    #[error("no fingerprint of it is known for {region}, and nobody confirmed {presented}")]
    Unknown {
        /// The fingerprint of the key.
        presented: String,
        /// The region of the server.
        region: String,
    },
}

impl SerialVerifier {
    /// Makes the verifier of a region's server.
    pub(crate) fn new(host: SerialHost, region: &str, policy: HostKeyPolicy, events: &Events) -> Self {
        let (own, events) = (KnownHosts::of_the_user(), events.clone());
        Self { host, region: region.to_owned(), policy, own, events }
    }

    /// Returns the known_hosts line for a key (base64 of its encoding), under this name.
    ///
    /// # Errors
    /// The key is not trusted.
    pub(crate) async fn line(&self, name: &str, base64: &str) -> Result<String, SerialRefusal> {
        let bytes = STANDARD.decode(base64).map_err(|_| SerialRefusal::Revoked)?;
        let mut key = PublicKey::from_bytes(&bytes).map_err(|_| SerialRefusal::Revoked)?;
        self.decide(&key).await?;
        key.set_comment("");
        let line = key.to_openssh().map_err(|_| SerialRefusal::Revoked)?;
        Ok(format!("{name} {}\n", line.trim_end()))
    }

    async fn decide(&self, key: &PublicKey) -> Result<(), SerialRefusal> {
        let presented = fingerprint(key);
        let listed = |marker: Option<Marker>| {
            let lines =
                self.texts().into_iter().flat_map(|text| matching_lines(&text, std::slice::from_ref(&self.host.name)));
            lines.filter(|line| line.marker == marker).any(|line| line.key.key_data() == key.key_data())
        };
        if listed(Some(Marker::Revoked)) {
            return Err(SerialRefusal::Revoked);
        }
        if self.host.published.as_ref() == Some(&presented) || listed(None) {
            return Ok(());
        }
        let refusal = self.refusal(presented.clone());
        if let Some(published) = &self.host.published {
            (self.events)(Event::Notice(format!(
                "Warning: this is not the host key that AWS publishes for {}: {published}. Somebody may be listening.",
                self.region
            )));
        }
        // A server of AWS's is never new: it is published, or a person vouches for it.
        if self.policy == HostKeyPolicy::Strict || !self.ask(key, presented).await {
            return Err(refusal);
        }
        let stored = self.own.as_ref().map(|own| own.add(&self.host.name, std::slice::from_ref(key), "confirmed"));
        if let Some(Err(error)) = stored {
            (self.events)(Event::Notice(format!("Warning: cannot remember the host key: {error}")));
        }
        Ok(())
    }

    async fn ask(&self, key: &PublicKey, fingerprint: String) -> bool {
        let question = HostKeyQuestion {
            what: "host key",
            label: format!("the serial console of {}", self.region),
            instance_id: self.host.name.clone(),
            algorithm: key.algorithm().to_string(),
            fingerprint,
        };
        ask(&self.events, |reply| Event::HostKey { question, reply }).await == Some(true)
    }

    fn refusal(&self, presented: String) -> SerialRefusal {
        let region = self.region.clone();
        match &self.host.published {
            Some(published) => SerialRefusal::NotPublished { presented, published: published.clone(), region },
            None => SerialRefusal::Unknown { presented, region },
        }
    }

    /// Returns the known_hosts files: ours and the caller's.
    fn texts(&self) -> Vec<String> {
        let own = self.own.iter().filter_map(|own| own.text().ok());
        own.chain(caller_files().into_iter().filter_map(|path| std::fs::read_to_string(path).ok())).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::ssh::keys::Key;

    struct Case {
        verifier: SerialVerifier,
        key: String,
        asked: Arc<Mutex<usize>>,
        _folder: tempfile::TempDir,
    }

    /// Makes a verifier whose published fingerprint fits or not, and a person who answers so.
    fn case(published: Option<bool>, policy: HostKeyPolicy, answer: bool) -> Case {
        let (key, folder, asked) = (Key::ephemeral(), tempfile::tempdir().unwrap(), Arc::new(Mutex::new(0)));
        let published = published.map(|fits| if fits { key.fingerprint() } else { "SHA256:other".to_owned() });
        let host = SerialHost { name: "serial.test".to_owned(), published };
        let count = Arc::clone(&asked);
        let events: Events = Arc::new(move |event| {
            if let Event::HostKey { reply, .. } = event {
                *count.lock().unwrap() += 1;
                let _ = reply.send(answer);
            }
        });
        let own = Some(KnownHosts::at(folder.path().join("known_hosts")));
        let verifier = SerialVerifier { host, region: "eu-test-1".to_owned(), policy, own, events };
        let base64 = STANDARD.encode(key.public_blob());
        Case { verifier, key: base64, asked, _folder: folder }
    }

    #[tokio::test]
    async fn published_key_is_trusted_and_no_other() {
        use HostKeyPolicy::{AcceptNew, Auto, Strict};
        let table = [
            (Some(true), Strict, false, (true, 0)),
            (Some(true), Auto, false, (true, 0)),
            (Some(false), Strict, true, (false, 0)),
            (Some(false), AcceptNew, false, (false, 1)),
            (Some(false), Auto, false, (false, 1)),
            (Some(false), Auto, true, (true, 1)),
            (None, Strict, true, (false, 0)),
            (None, AcceptNew, false, (false, 1)),
            (None, Auto, false, (false, 1)),
            (None, Auto, true, (true, 1)),
        ];
        for (published, policy, answer, expected) in table {
            let case = case(published, policy, answer);
            let line = case.verifier.line("alias", &case.key).await;
            let asked = *case.asked.lock().unwrap();
            assert_eq!((line.is_ok(), asked), expected, "{published:?} {policy:?} {answer}: {line:?}");
            if expected == (true, 1) {
                assert!(case.verifier.line("alias", &case.key).await.is_ok(), "the answer is remembered");
                assert_eq!(*case.asked.lock().unwrap(), 1);
                assert_eq!(line.unwrap(), format!("alias ssh-ed25519 {}\n", case.key));
            }
        }
    }

    #[tokio::test]
    async fn damaged_keys_are_refused() {
        let case = case(None, HostKeyPolicy::Auto, true);
        for key in ["", "!", "AAAA", "NONE"] {
            assert_eq!(case.verifier.line("alias", key).await, Err(SerialRefusal::Revoked), "{key}");
        }
    }
}
