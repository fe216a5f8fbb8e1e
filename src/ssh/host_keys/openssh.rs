//! The same check for OpenSSH: lines of known_hosts for its KnownHostsCommand, which verifies by itself then.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use russh::keys::{Certificate, PublicKey, PublicKeyOrCertificate};

use super::check::{HostKeyCheck, Outcome};
use super::lines::Marker;
use super::{Policy, Refusal, fingerprint};
use crate::ssh::Error;

impl HostKeyCheck {
    /// The lines for a host called `name`, before a key is presented: ssh asks the server for their algorithms. On a first
    /// contact they are the console's, and it is waited for.
    ///
    /// # Errors
    /// When our file cannot be used.
    pub async fn lines_for_order(&self, name: &str) -> Result<String, Error> {
        let known = self.store.keys(&self.alias).map_err(|source| self.unusable(source))?;
        let known: Vec<PublicKey> = known.into_iter().map(|known| known.key).collect();
        let keys = if known.is_empty() { self.printed().await } else { known };
        Ok(self.write(name, keys, &[Marker::CertAuthority, Marker::Revoked]))
    }

    /// The lines for a host called `name` that presented this key (base64, SSH's encoding).
    ///
    /// # Errors
    /// When the key is refused.
    pub async fn lines_for_key(
        &self,
        name: &str,
        key: &str,
        notice: impl Fn(String),
        step: impl Fn(String),
    ) -> Result<String, Error> {
        let Some(presented) = decode(key) else {
            return Err(Refusal::Unreadable { instance_id: self.instance_id.clone() }.into());
        };
        let public = presented.public_key();
        // The caller's files know it by the name that ssh uses.
        let mut check = self.clone();
        check.names.push(name.to_owned());
        match check.decide(&presented, &notice, &step).await? {
            Outcome::Trusted(how) => {
                step(format!("host key {} {} is {how}", public.algorithm(), fingerprint(&public)));
                if let PublicKeyOrCertificate::Certificate(certificate) = &presented
                    && check.is_for(certificate, name).is_err()
                {
                    // It is for another of the instance's names, which ssh does not know: it takes the key inside.
                    return Ok(self.write(name, vec![public], &[Marker::Revoked]));
                }
            }
            // The printed algorithms were asked for, as far as ssh could be told.
            Outcome::OtherAlgorithms => {
                return Err(self.contradicted(&self.console.answer_so_far().unwrap_or_default(), &public));
            }
            Outcome::Open => self.by_policy(&public, notice)?,
        }
        self.lines_for_order(name).await
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

    /// The keys, and those with these markers, as lines for this name.
    fn write(&self, name: &str, keys: Vec<PublicKey>, markers: &[Marker]) -> String {
        // It is on its way into ssh's own parser, and must be neither a marker nor a pattern there.
        let is_plain = |c: char| c.is_alphanumeric() || "._-:[]%+=@/".contains(c);
        if name.is_empty() || name.starts_with('@') || !name.chars().all(is_plain) {
            return String::new();
        }
        let plain = keys.into_iter().map(|key| (String::new(), key));
        let marked = markers.iter().flat_map(|marker| {
            self.marked(*marker).map(move |(_, line)| (format!("{marker} "), line.key)).collect::<Vec<_>>()
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
    // In this order: to the reader of keys a certificate is a key of an algorithm that it does not know.
    if let Ok(certificate) = Certificate::from_bytes(&bytes) {
        return Some(PublicKeyOrCertificate::Certificate(certificate));
    }
    PublicKey::from_bytes(&bytes).ok().map(|key| PublicKeyOrCertificate::PublicKey { key, hash_alg: None })
}
