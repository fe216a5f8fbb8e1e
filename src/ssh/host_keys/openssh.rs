//! The same check for OpenSSH: lines of known_hosts for its KnownHostsCommand, which verifies by itself then.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use russh::keys::{Certificate, PublicKey, PublicKeyOrCertificate};

use super::check::{HostKeyCheck, Outcome};
use super::lines::Marker;
use super::{Policy, Refusal, fingerprint};
use crate::ssh::Error;

/// What ssh is told about a key that a server presented to it.
#[derive(Debug)]
pub struct Told {
    /// Lines of known_hosts. Where the key is refused they have the right one, so that ssh refuses it, too.
    pub lines: String,
    /// Why it is refused.
    pub refused: Option<Error>,
}

impl HostKeyCheck {
    /// The lines for a host called `name`, before a key is presented: ssh asks the server for their algorithms. On a first
    /// contact they are the console's, and it is waited for.
    pub async fn lines_for_order(&self, name: &str) -> String {
        let known: Vec<PublicKey> =
            self.store.keys(&self.alias).unwrap_or_default().into_iter().map(|known| known.key).collect();
        if known.is_empty() {
            return self.write(name, &self.printed().await);
        }
        self.write(name, &known)
    }

    /// The lines for a host called `name` that presented this key (base64, SSH's encoding).
    pub async fn lines_for_key(&self, name: &str, key: &str, notice: impl Fn(String), step: impl Fn(String)) -> Told {
        let Some(presented) = decode(key) else {
            return Told { lines: self.lines_for_order(name).await, refused: None };
        };
        let public = presented.public_key();
        // The caller's files know it by the name that ssh uses.
        let mut check = self.clone();
        check.names.push(name.to_owned());
        let result = match check.decide(&presented, &notice, &step).await {
            Ok(Outcome::Trusted(how)) => {
                step(format!("host key {} {} is {how}", public.algorithm(), fingerprint(&public)));
                Ok(())
            }
            // The printed algorithms were asked for, unless there were only fingerprints to go by.
            Ok(Outcome::OtherAlgorithms) if !self.printed().await.is_empty() => {
                Err(self.contradicted(&self.console.answer_so_far().unwrap_or_default(), &public))
            }
            Ok(Outcome::OtherAlgorithms | Outcome::Open) => self.by_policy(&public, notice),
            Err(error) => Err(error),
        };
        Told { lines: self.lines_for_order(name).await, refused: result.err() }
    }

    /// A key that no source knows: taken or refused here where nobody is to be asked, else ssh asks.
    fn by_policy(&self, key: &PublicKey, notice: impl Fn(String)) -> Result<(), Error> {
        let (instance_id, presented) = (self.instance_id.clone(), fingerprint(key));
        let algorithm = key.algorithm().to_string();
        match self.policy {
            Policy::Ask => Ok(()),
            Policy::AcceptNew => {
                notice(format!("Accepted the new host key of {instance_id}: {algorithm} {presented}"));
                self.keep(std::slice::from_ref(key), "accept-new")
            }
            Policy::Strict => Err(Refusal::Unknown { instance_id, presented, algorithm, policy: self.policy }.into()),
        }
    }

    /// Keeps what the console printed, where nothing is known yet: for an ssh that cannot ask us about the key presented.
    ///
    /// # Errors
    /// When our file cannot be used.
    pub async fn keep_printed(&self) -> Result<(), Error> {
        if !self.is_first_contact() {
            return Ok(());
        }
        let printed = self.printed().await;
        if printed.is_empty() { Ok(()) } else { self.keep(&printed, "console") }
    }

    async fn printed(&self) -> Vec<PublicKey> {
        self.console.answer().await.as_ref().map(|printed| printed.keys.clone()).unwrap_or_default()
    }

    /// The keys, the authorities and what is revoked, as lines for this name.
    fn write(&self, name: &str, keys: &[PublicKey]) -> String {
        // It is on its way into ssh's own parser.
        if name.is_empty() || name.contains(|c: char| c.is_whitespace() || c.is_control() || matches!(c, ',' | '#')) {
            return String::new();
        }
        let plain = keys.iter().map(|key| (String::new(), key.clone()));
        let marked = [Marker::CertAuthority, Marker::Revoked].into_iter().flat_map(|marker| {
            self.marked(marker).map(move |(_, line)| (format!("{marker} "), line.key)).collect::<Vec<_>>()
        });
        let lines = plain.chain(marked).filter_map(|(marker, mut key)| {
            key.set_comment("");
            Some(format!("{marker}{name} {}\n", key.to_openssh().ok()?.trim_end()))
        });
        lines.collect()
    }
}

fn decode(base64: &str) -> Option<PublicKeyOrCertificate> {
    let bytes = STANDARD.decode(base64).ok()?;
    if let Ok(key) = PublicKey::from_bytes(&bytes) {
        return Some(PublicKeyOrCertificate::PublicKey { key, hash_alg: None });
    }
    Certificate::from_bytes(&bytes).ok().map(PublicKeyOrCertificate::Certificate)
}
