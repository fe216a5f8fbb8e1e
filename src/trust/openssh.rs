//! Performs the same check for OpenSSH: returns known_hosts lines for its KnownHostsCommand, against which ssh verifies
//! the key itself.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::error::{Error, Refusal};
use super::lines::Marker;
use super::verifier::{InstanceVerifier, Outcome};
use crate::config::HostKeyPolicy;
use crate::ssh::host_key::{Certificate, PresentedKey, PublicKey, fingerprint};

impl InstanceVerifier {
    /// Returns the lines for a host called `name` before a key is presented; ssh asks the server for their algorithms.
    /// On first contact these are the keys from the console, which is awaited.
    ///
    /// # Errors
    /// If the known_hosts file of ec2ssh cannot be used.
    pub(crate) async fn lines_for_order(&self, name: &str) -> Result<String, Error> {
        let known = self.known()?;
        let known: Vec<PublicKey> = known.into_iter().map(|known| known.key).collect();
        let keys = if known.is_empty() { self.printed().await } else { known };
        Ok(self.write(name, keys, &[Marker::CertAuthority, Marker::Revoked]))
    }

    /// Returns the lines for a host called `name` that presented this key (base64 of the SSH wire encoding).
    ///
    /// # Errors
    /// If the key is refused, or the known_hosts file of ec2ssh cannot be used.
    pub(crate) async fn lines_for_key(&self, name: &str, key: &str) -> Result<String, Error> {
        let Some(presented) = decode(key) else {
            return Err(Refusal::Unreadable { instance_id: self.instance_id.clone() }.into());
        };
        let public = presented.public_key();
        // The caller's files list the key under the name that ssh uses.
        let mut check = self.clone();
        check.names.push(name.to_owned());
        match check.decide(&presented).await? {
            Outcome::Trusted(how) => {
                self.step(format!("host key {} {} is {how}", public.algorithm(), fingerprint(&public)));
                if let PresentedKey::Certificate(certificate) = &presented
                    && check.find_authority_for_name(certificate, name).is_err()
                {
                    // The certificate is valid for another name of the instance, which ssh does not know. ssh accepts
                    // the plain key inside it instead.
                    return Ok(self.write(name, vec![public], &[Marker::Revoked]));
                }
            }
            // The printed algorithms were already offered first, as far as ssh could be told.
            Outcome::OtherAlgorithms => {
                return Err(self.contradicted(&self.console.try_get().unwrap_or_default(), &public));
            }
            Outcome::Unknown => self.accept_for_ssh(&public)?,
        }
        self.lines_for_order(name).await
    }

    /// Applies the policy to a key that no source knows: accepts or refuses it here, unless the policy is to ask, in
    /// which case ssh asks.
    fn accept_for_ssh(&self, key: &PublicKey) -> Result<(), Error> {
        let (instance_id, presented) = (self.instance_id.clone(), fingerprint(key));
        let algorithm = key.algorithm().to_string();
        match self.policy {
            HostKeyPolicy::Auto => Ok(()),
            HostKeyPolicy::AcceptNew if self.keys.is_unreadable() => Ok(()),
            HostKeyPolicy::AcceptNew => {
                self.notice(format!("Accepted the new host key of {instance_id}: {algorithm} {presented}"));
                self.keep(std::slice::from_ref(key), "accept-new")
            }
            HostKeyPolicy::Strict => {
                Err(Refusal::Unknown { instance_id, presented, algorithm, policy: self.policy }.into())
            }
        }
    }

    /// Stores the keys that the console printed if none is known yet, for an ssh that cannot ask about the key
    /// presented.
    ///
    /// # Errors
    /// If the known_hosts file of ec2ssh cannot be used.
    pub(crate) async fn keep_printed(&self) -> Result<(), Error> {
        if !self.is_first_contact() {
            return Ok(());
        }
        let printed = self.printed().await;
        if printed.is_empty() { Ok(()) } else { self.keep(&printed, "console") }
    }

    async fn printed(&self) -> Vec<PublicKey> {
        self.console.printed_keys().await.as_ref().map(|printed| printed.keys.clone()).unwrap_or_default()
    }

    /// Formats the keys, and the lines with these markers, as known_hosts lines for this name.
    fn write(&self, name: &str, keys: Vec<PublicKey>, markers: &[Marker]) -> String {
        // ssh parses the name, and it must be neither a marker nor a pattern there.
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

fn decode(base64: &str) -> Option<PresentedKey> {
    let bytes = STANDARD.decode(base64).ok()?;
    // The certificate is tried first: the key parser would accept it as a key of an unknown algorithm.
    if let Ok(certificate) = Certificate::from_bytes(&bytes) {
        return Some(PresentedKey::Certificate(certificate));
    }
    PublicKey::from_bytes(&bytes).ok().map(|key| PresentedKey::PublicKey { key, hash_alg: None })
}
