//! [`InstanceVerifier`] judges the host key of one instance: the sources are asked in order, and the first one with an
//! answer decides.
//!
//! If no source knows the key, the outcome is [`Outcome::Unknown`] and the policy decides: our own client asks the user,
//! OpenSSH asks by itself.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::certificate;
use super::console::{ConsoleMatch, Printed};
use super::console_keys::Console;
use super::error::{Error, Refusal};
use super::known_hosts::Known;
use super::lines::{self, Line, Marker};
use super::session_keys::SessionKeys;
use super::verdict::{Verdict, judge};
use crate::config::HostKeyPolicy;
use crate::confirm::ConfirmGate;
use crate::event::{Event, Events, HostKeyQuestion, ask};
use crate::ssh::host_key::{Algorithm, Certificate, PresentedKey, PublicKey, fingerprint};
use crate::ssh::verifier::{HostKeyVerifier, Preferences};
use crate::when;

/// The host key check of one instance: the instance, the sources and the policy.
#[derive(Clone)]
pub(crate) struct InstanceVerifier {
    /// The keys that are known for the instance.
    pub keys: SessionKeys,
    /// The id of the instance.
    pub instance_id: String,
    /// The name of the instance as the user knows it.
    pub label: String,
    /// The names for which a known_hosts file vouches, as ssh would look for them (with the port if it is not 22).
    pub names: Vec<String>,
    /// Further names and addresses of the instance: they vouch for nothing, and a key that is revoked for one of them is refused.
    pub other_names: Vec<String>,
    /// The known_hosts files of the caller and of the system.
    pub caller_files: Vec<PathBuf>,
    /// The console of the instance.
    pub console: Console,
    /// The policy for a key that no source knows.
    pub policy: HostKeyPolicy,
    /// Confirmed once DescribeInstances agrees with the cache; no host key is stored before that.
    pub confirmed: ConfirmGate,
    /// Receives the steps, notices and questions.
    pub events: Events,
    /// The state of the verification so far.
    pub progress: Arc<Progress>,
    /// Whether keys that come to be trusted are stored.
    pub keeps: bool,
}

/// The state of a verification, shared by the clones of a verifier.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// The console's keys were known before the handshake, so that their algorithms were asked for first.
    asked_for_printed: AtomicBool,
    /// The user was asked about the key.
    prompted: AtomicBool,
}

/// The outcome of a check that did not refuse the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The key is trusted. The text says why, for `-v`.
    Trusted(String),
    /// No source knows the key.
    Unknown,
    /// The console printed keys, but none of this algorithm: ask the server for one of those.
    OtherAlgorithms,
}

/// The judgement of a key that was only looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// The key is trusted. The text says why.
    Trusted(String),
    /// No source knows the key yet.
    New,
}

impl InstanceVerifier {
    /// Judges the key without a question, and stores nothing.
    ///
    /// # Errors
    /// As for a verification.
    pub(crate) async fn look(&self, presented: &PresentedKey) -> Result<Look, Error> {
        let looking = Self { keeps: false, ..self.clone() };
        Ok(match looking.decide(presented).await? {
            Outcome::Trusted(how) => Look::Trusted(how),
            Outcome::Unknown => Look::New,
            Outcome::OtherAlgorithms => return Err(looking.other_algorithms(&presented.public_key())),
        })
    }

    /// Returns the algorithms to ask the server for first: those of the known keys, else those that the console
    /// printed, if it has already been read.
    ///
    /// # Errors
    /// If the known_hosts file of ec2ssh cannot be used.
    pub(crate) fn wanted(&self) -> Result<Vec<Algorithm>, Error> {
        let known = self.known()?;
        if known.is_empty() {
            return Ok(self.console.try_get().map(|printed| printed.algorithms()).unwrap_or_default());
        }
        Ok(known.iter().map(|known| known.key.algorithm()).collect())
    }

    /// Whether the known_hosts file of ec2ssh has no key of the instance yet, so that the console is needed.
    pub(crate) fn is_first_contact(&self) -> bool {
        self.known().is_ok_and(|known| known.is_empty())
    }

    /// Whether any file names a certificate authority for this instance; only then is the server asked for a
    /// certificate.
    pub(crate) fn has_authority(&self) -> bool {
        self.marked(Marker::CertAuthority).next().is_some()
    }

    /// Asks the sources in order.
    ///
    /// # Errors
    /// If a source says that the key is wrong or revoked, or if the known_hosts file of ec2ssh cannot be used.
    pub(super) async fn decide(&self, presented: &PresentedKey) -> Result<Outcome, Error> {
        let key = presented.public_key();
        if let Some((path, line)) = self.marked(Marker::Revoked).find(|(_, line)| line.key.key_data() == key.key_data())
        {
            let place = format!("{}:{}", path.display(), line.number);
            return Err(Refusal::Revoked { instance_id: self.instance_id.clone(), place }.into());
        }
        if let PresentedKey::Certificate(certificate) = presented {
            match self.find_authority_for_any_name(certificate) {
                Ok(place) => return Ok(Outcome::Trusted(format!("certified by the authority in {place}"))),
                // OpenSSH does the same: the plain key inside the certificate may still be trusted.
                Err(why) => self.step(format!("host certificate ignored: {why}")),
            }
        }
        let known = self.known()?;
        let verdict = judge(&known, &key);
        // Until the cached lookup is confirmed, no key is stored and none is refused.
        if !matches!(verdict, Verdict::Known { .. }) {
            self.confirmed.wait().await;
        }
        match verdict {
            Verdict::Known { line, how } => {
                let how = if how.is_empty() { String::new() } else { format!(", trusted by: {how}") };
                let place = if line == 0 {
                    "this session".to_owned()
                } else {
                    format!("{}:{line}", self.keys.path().display())
                };
                Ok(Outcome::Trusted(format!("known ({place}{how})")))
            }
            Verdict::Changed { line, known } => Err(self.changed(line, &known, &key).await),
            Verdict::New => self.by_sources(&key).await,
        }
    }

    /// Verifies a key that is not in the known_hosts file of ec2ssh: by the console, else by the caller's files.
    async fn by_sources(&self, key: &PublicKey) -> Result<Outcome, Error> {
        match self.console.printed_keys().await {
            Ok(printed) => match printed.compare(key) {
                ConsoleMatch::Printed => {
                    let mut keys = printed.keys.clone();
                    // If the console printed only a fingerprint of this key, the whole key is known by now and is
                    // stored as well.
                    if !keys.iter().any(|printed| printed.key_data() == key.key_data()) {
                        keys.push(key.clone());
                    }
                    self.keep(&keys, "console")?;
                    return Ok(Outcome::Trusted(format!("verified by the console of {}", self.instance_id)));
                }
                ConsoleMatch::Another | ConsoleMatch::Disputed => return Err(self.contradicted(printed, key)),
                ConsoleMatch::OtherAlgorithms => return Ok(Outcome::OtherAlgorithms),
                ConsoleMatch::Nothing => {
                    self.notice(format!("The console of {} shows no host keys.", self.instance_id))
                }
            },
            Err(why) => self.notice(format!("The console of {} {why}", self.instance_id)),
        }
        if self.policy == HostKeyPolicy::Strict {
            return Ok(Outcome::Unknown);
        }
        let caller_files = self.lines_in_caller_files(None).find(|(_, line)| line.key.key_data() == key.key_data());
        let Some((path, line)) = caller_files else { return Ok(Outcome::Unknown) };
        self.keep(std::slice::from_ref(key), "known_hosts")?;
        Ok(Outcome::Trusted(format!("known to ssh ({}:{})", path.display(), line.number)))
    }

    /// Returns the refusal of a key that contradicts the console: another key of its algorithm was printed, or none of
    /// its algorithm although the printed algorithms were asked for.
    pub(crate) fn contradicted(&self, printed: &Printed, key: &PublicKey) -> Error {
        let (instance_id, presented) = (self.instance_id.clone(), fingerprint(key));
        let algorithm = key.algorithm().to_string();
        Refusal::Contradicted { instance_id, presented, algorithm, printed: printed.listed() }.into()
    }

    /// Returns the refusal of a changed key, with the result for both keys on the console: it distinguishes a
    /// reinstalled sshd from an impostor.
    async fn changed(&self, line: usize, known: &PublicKey, key: &PublicKey) -> Error {
        let console = match self.console.printed_keys().await {
            Ok(printed) => (printed.compare(key), printed.compare(known)),
            Err(_) => (ConsoleMatch::Nothing, ConsoleMatch::Nothing),
        };
        let (file, presented) = (self.keys.path(), fingerprint(key));
        let (instance_id, algorithm) = (self.instance_id.clone(), key.algorithm().to_string());
        Refusal::Changed { instance_id, file, line, known: fingerprint(known), presented, algorithm, console }.into()
    }

    /// Returns the keys that are known for the instance.
    ///
    /// # Errors
    /// If the known_hosts file of ec2ssh cannot be used.
    pub(super) fn known(&self) -> Result<Vec<Known>, Error> {
        self.keys.known().map_err(|source| self.unusable(source))
    }

    /// Stores the keys as trusted, with how they came to be trusted.
    ///
    /// # Errors
    /// If another process has stored a different key in the meantime.
    pub(crate) fn keep(&self, keys: &[PublicKey], how: &str) -> Result<(), Error> {
        if !self.keeps {
            return Ok(());
        }
        self.keys.keep(keys, how).map_err(|source| self.unusable(source))
    }

    /// Returns the file and line of the authority that certifies the server by any of its names.
    fn find_authority_for_any_name(&self, certificate: &Certificate) -> Result<String, &'static str> {
        self.find_authority(certificate, &self.bare_names())
    }

    /// Returns the file and line of the authority that certifies the server by this one name.
    pub(super) fn find_authority_for_name(
        &self,
        certificate: &Certificate,
        name: &str,
    ) -> Result<String, &'static str> {
        self.find_authority(certificate, &[bare(name)])
    }

    fn find_authority(&self, certificate: &Certificate, names: &[String]) -> Result<String, &'static str> {
        let authorities: Vec<_> = self.marked(Marker::CertAuthority).collect();
        let is_its = |line: &Line| line.key.key_data() == certificate.signature_key();
        if self.marked(Marker::Revoked).any(|(_, line)| is_its(&line)) {
            return Err("its authority is revoked");
        }
        let keys: Vec<PublicKey> = authorities.iter().map(|(_, line)| line.key.clone()).collect();
        let now = u64::try_from(when::now()).unwrap_or_default();
        certificate::check(certificate, &keys, names, now)?;
        let authority = authorities.iter().find(|(_, line)| is_its(line));
        Ok(authority.map(|(path, line)| format!("{}:{}", path.display(), line.number)).unwrap_or_default())
    }

    fn bare_names(&self) -> Vec<String> {
        self.names.iter().map(|name| bare(name)).collect()
    }

    /// Returns the names for which lines with this marker count.
    fn names_for(&self, marker: Option<Marker>) -> Vec<String> {
        let mut names = self.names.clone();
        if marker == Some(Marker::Revoked) {
            names.extend(self.other_names.iter().cloned());
        }
        if marker.is_some() {
            // ssh also looks for authorities by the name without the port.
            names.extend(names.clone().iter().map(|name| bare(name)));
        }
        names
    }

    /// Returns the lines with this marker that match the instance, from the file of ec2ssh and the caller's files.
    pub(super) fn marked(&self, marker: Marker) -> impl Iterator<Item = (PathBuf, Line)> {
        let names = self.names_for(Some(marker));
        let ours = self.keys.text();
        let path = self.keys.path();
        let ours: Vec<_> = lines::matching_lines(&ours, &names).into_iter().map(|line| (path.clone(), line)).collect();
        let all = ours.into_iter().chain(self.lines_in_caller_files(Some(marker)));
        all.filter(move |(_, line)| line.marker == Some(marker))
    }

    fn lines_in_caller_files(&self, marker: Option<Marker>) -> impl Iterator<Item = (PathBuf, Line)> {
        let names = self.names_for(marker);
        // Invalid UTF-8 in one line must not hide the other lines.
        let read = |path: PathBuf| Some((String::from_utf8_lossy(&std::fs::read(&path).ok()?).into_owned(), path));
        let files = self.caller_files.clone().into_iter().filter_map(read);
        files.flat_map(move |(text, path)| {
            let lines = lines::matching_lines(&text, &names).into_iter().filter(move |line| line.marker == marker);
            lines.map(move |line| (path.clone(), line)).collect::<Vec<_>>()
        })
    }

    pub(super) fn unusable(&self, source: std::io::Error) -> Error {
        Error::KnownHosts { path: self.keys.path(), source: Arc::new(source) }
    }
}

impl HostKeyVerifier for InstanceVerifier {
    type Error = Error;

    fn preferences(&self) -> Result<Preferences, Error> {
        let algorithms = self.wanted()?;
        self.progress.asked_for_printed.store(self.console.try_get().is_some(), Ordering::Relaxed);
        Ok(Preferences { algorithms, certificates: self.has_authority() })
    }

    async fn verify(&self, presented: &PresentedKey) -> Result<(), Error> {
        let key = presented.public_key();
        let (algorithm, print) = (key.algorithm().to_string(), fingerprint(&key));
        match self.decide(presented).await? {
            Outcome::Trusted(how) => self.step(format!("host key {algorithm} {print} is {how}")),
            Outcome::OtherAlgorithms => return Err(self.other_algorithms(&key)),
            Outcome::Unknown => {
                let how = self.apply_policy(&algorithm, &print).await?;
                self.keep(&[key], how)?;
            }
        }
        Ok(())
    }
}

impl InstanceVerifier {
    /// Returns whether the user was asked about the key since the last call.
    pub(crate) fn take_prompted(&self) -> bool {
        self.progress.prompted.swap(false, Ordering::Relaxed)
    }

    pub(super) fn notice(&self, text: String) {
        (self.events)(Event::Notice(text));
    }

    pub(super) fn step(&self, text: String) {
        (self.events)(Event::Step(text));
    }

    /// Judges a key of an algorithm that the console did not print. If the server was asked for the printed algorithms first,
    /// it does not have those keys.
    fn other_algorithms(&self, key: &PublicKey) -> Error {
        match self.console.try_get() {
            Some(printed) if self.progress.asked_for_printed.load(Ordering::Relaxed) => {
                self.contradicted(&printed, key)
            }
            _ => Error::AlgorithmNotPrinted,
        }
    }

    /// Applies the policy to a key that no source knows; returns how it came to be trusted.
    async fn apply_policy(&self, algorithm: &str, presented: &str) -> Result<&'static str, Error> {
        match self.policy {
            HostKeyPolicy::AcceptNew if !self.keys.is_unreadable() => {
                let id = &self.instance_id;
                self.notice(format!("Accepted the new host key of {id}: {algorithm} {presented}"));
                return Ok("accept-new");
            }
            HostKeyPolicy::Strict => {}
            HostKeyPolicy::Auto | HostKeyPolicy::AcceptNew => {
                if self.confirm(algorithm, presented).await {
                    return Ok("confirmed");
                }
            }
        }
        let (instance_id, presented) = (self.instance_id.clone(), presented.to_owned());
        Err(Refusal::Unknown { instance_id, presented, algorithm: algorithm.to_owned(), policy: self.policy }.into())
    }

    async fn confirm(&self, algorithm: &str, presented: &str) -> bool {
        let question = HostKeyQuestion {
            what: "host key",
            label: self.label.clone(),
            instance_id: self.instance_id.clone(),
            algorithm: algorithm.to_owned(),
            fingerprint: presented.to_owned(),
        };
        self.progress.prompted.store(true, Ordering::Relaxed);
        ask(&self.events, |reply| Event::HostKey { question, reply }).await.unwrap_or(false)
    }
}

/// Returns the name without its port, as in certificates.
fn bare(name: &str) -> String {
    match name.strip_prefix('[').and_then(|name| name.split_once("]:")) {
        Some((bare, _)) => bare.to_owned(),
        None => name.to_owned(),
    }
}

#[cfg(test)]
mod tests;
