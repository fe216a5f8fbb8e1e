//! The check of one server's host key: the sources are asked in their order, the first that has an answer gives it.
//!
//! What no source knows is left [`Outcome::Open`] for the policy: our own client asks the person, OpenSSH does it itself.

use std::fmt;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use russh::keys::{Algorithm, Certificate, PublicKey, PublicKeyOrCertificate};
use tokio::sync::OnceCell;

use super::certificate;
use super::console::{Printed, Word};
use super::known_hosts::KnownHosts;
use super::lines::{self, Line, Marker};
use super::{Policy, Refusal, Verdict, fingerprint, judge};
use crate::confirmation::Confirmation;
use crate::ssh::Error;
use crate::when::today;

/// What the console printed, or why it cannot be had, in words that follow "the console of i-… ".
pub type Answer = Result<Printed, String>;
type Fetch = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = Answer> + Send>> + Send + Sync>;

/// The console of an instance: asked once, however many want to know, and only when somebody does.
#[derive(Clone)]
pub struct Console {
    fetch: Fetch,
    answer: Arc<OnceCell<Answer>>,
}

impl Console {
    /// A console that is read by this.
    pub fn new<F>(fetch: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Answer> + Send + 'static,
    {
        Self { fetch: Arc::new(move || Box::pin(fetch())), answer: Arc::default() }
    }

    /// What it printed.
    pub async fn answer(&self) -> &Answer {
        self.answer.get_or_init(|| (self.fetch)()).await
    }

    /// What it printed, if that is known already.
    pub fn answer_so_far(&self) -> Option<Printed> {
        self.answer.get().and_then(|answer| answer.clone().ok())
    }
}

impl fmt::Debug for Console {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Console").field(&self.answer.get()).finish()
    }
}

/// Whose key is checked, against what, and how strictly.
#[derive(Clone, Debug)]
pub struct HostKeyCheck {
    /// Our own file.
    pub store: KnownHosts,
    /// The instance's id.
    pub instance_id: String,
    /// How our file names the instance.
    pub alias: String,
    /// The name that the person knows it by.
    pub label: String,
    /// Every name and address it has, as ssh would look for it (with the port, where that is not 22).
    pub names: Vec<String>,
    /// The caller's own known_hosts files.
    pub callers: Vec<PathBuf>,
    /// Its console.
    pub console: Console,
    /// What to do with a key that no source knows.
    pub policy: Policy,
    /// It is the instance that is meant. Before that nothing is learned of it.
    pub confirmed: Confirmation,
}

/// How a key came to be trusted, or that nobody knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is trusted. The words are for `-v`.
    Trusted(String),
    /// No source knows it.
    Open,
    /// The console printed keys, and none of this algorithm: ask the server for one of those.
    OtherAlgorithms,
}

impl HostKeyCheck {
    /// The algorithms to ask for first: those of the keys known, else those that the console printed, if it has answered.
    ///
    /// # Errors
    /// When our file cannot be used.
    pub fn wanted(&self) -> Result<Vec<Algorithm>, Error> {
        let known = self.store.keys(&self.alias).map_err(|source| self.unusable(source))?;
        if known.is_empty() {
            return Ok(self.console.answer_so_far().map(|printed| printed.algorithms()).unwrap_or_default());
        }
        Ok(known.iter().map(|known| known.key.algorithm()).collect())
    }

    /// Whether our file has nothing about the instance yet: then its console is needed.
    pub fn is_first_contact(&self) -> bool {
        self.store.keys(&self.alias).is_ok_and(|known| known.is_empty())
    }

    /// Whether any file names an authority for this instance: only then is the server asked for a certificate.
    pub fn has_authority(&self) -> bool {
        self.marked(Marker::CertAuthority).next().is_some()
    }

    /// Asks the sources. `notice` takes a line for the person where one of them fails.
    ///
    /// # Errors
    /// When a source says that it is another server's key, or our file cannot be used.
    pub async fn decide(
        &self,
        presented: &PublicKeyOrCertificate,
        notice: impl Fn(String),
        step: impl Fn(String),
    ) -> Result<Outcome, Error> {
        let key = presented.public_key();
        if let Some((path, line)) = self.marked(Marker::Revoked).find(|(_, line)| line.key.key_data() == key.key_data())
        {
            let place = format!("{}:{}", path.display(), line.number);
            return Err(Refusal::Revoked { instance_id: self.instance_id.clone(), place }.into());
        }
        if let PublicKeyOrCertificate::Certificate(certificate) = presented {
            match self.vouched_for(certificate) {
                Ok(place) => return Ok(Outcome::Trusted(format!("by a certificate of the authority in {place}"))),
                // As ssh does: the key in it may be trusted without it.
                Err(why) => step(format!("the host certificate does not count: {why}")),
            }
        }
        let known = self.store.keys(&self.alias).map_err(|source| self.unusable(source))?;
        let verdict = judge(&known, &key);
        // Before that nothing is learned, and nothing said against it.
        if !matches!(verdict, Verdict::Known { .. }) {
            self.confirmed.wait().await;
        }
        match verdict {
            Verdict::Known { line, how } => {
                let how = if how.is_empty() { String::new() } else { format!(", trusted by: {how}") };
                Ok(Outcome::Trusted(format!("known ({}:{line}{how})", self.store.path().display())))
            }
            Verdict::Changed { line, known } => Err(self.changed(line, &known, &key).await),
            Verdict::New => self.verify(&key, notice).await,
        }
    }

    /// A key that our file does not know: by the console, else by the caller's files.
    async fn verify(&self, key: &PublicKey, notice: impl Fn(String)) -> Result<Outcome, Error> {
        match self.console.answer().await {
            Ok(printed) => match printed.word_on(key) {
                Word::Printed => {
                    let mut keys = printed.keys.clone();
                    // Where the console printed a fingerprint only, the whole key is known by now.
                    if !keys.iter().any(|printed| printed.key_data() == key.key_data()) {
                        keys.push(key.clone());
                    }
                    self.keep(&keys, "console")?;
                    return Ok(Outcome::Trusted(format!("verified by the console of {}", self.instance_id)));
                }
                Word::Another | Word::Disputed => return Err(self.contradicted(printed, key)),
                Word::OtherAlgorithms => return Ok(Outcome::OtherAlgorithms),
                Word::Nothing => notice(format!("The console of {} shows no host keys.", self.instance_id)),
            },
            Err(why) => notice(format!("The console of {} {why}", self.instance_id)),
        }
        if self.policy == Policy::Strict {
            return Ok(Outcome::Open);
        }
        let callers = self.in_callers_files(None).find(|(_, line)| line.key.key_data() == key.key_data());
        let Some((path, line)) = callers else { return Ok(Outcome::Open) };
        self.keep(std::slice::from_ref(key), "known_hosts")?;
        Ok(Outcome::Trusted(format!("known to ssh ({}:{})", path.display(), line.number)))
    }

    /// The refusal of a key where the console printed another, or none of its algorithm although it was asked for.
    pub fn contradicted(&self, printed: &Printed, key: &PublicKey) -> Error {
        let (instance_id, presented) = (self.instance_id.clone(), fingerprint(key));
        let algorithm = key.algorithm().to_string();
        Refusal::Contradicted { instance_id, presented, algorithm, printed: printed.listed() }.into()
    }

    /// The refusal of a changed key, with what the console says of both: it tells a new sshd from an impostor.
    async fn changed(&self, line: usize, known: &PublicKey, key: &PublicKey) -> Error {
        let console = match self.console.answer().await {
            Ok(printed) => (printed.word_on(key), printed.word_on(known)),
            Err(_) => (Word::Nothing, Word::Nothing),
        };
        let (file, presented) = (self.store.path().to_owned(), fingerprint(key));
        let (instance_id, algorithm) = (self.instance_id.clone(), key.algorithm().to_string());
        Refusal::Changed { instance_id, file, line, known: fingerprint(known), presented, algorithm, console }.into()
    }

    /// Keeps keys as trusted; the comment says how they came to be.
    ///
    /// # Errors
    /// When our file cannot be used.
    pub fn keep(&self, keys: &[PublicKey], how: &str) -> Result<(), Error> {
        let comment = format!("{how} {}", today());
        self.store.add(&self.alias, keys, &comment).map_err(|source| self.unusable(source))
    }

    /// The place of the authority that vouches for the server.
    fn vouched_for(&self, certificate: &Certificate) -> Result<String, &'static str> {
        self.is_vouched_for(certificate, &self.bare_names())
    }

    /// Whether an authority vouches for the server by this one name.
    pub(super) fn is_for(&self, certificate: &Certificate, name: &str) -> Result<String, &'static str> {
        self.is_vouched_for(certificate, &[bare(name)])
    }

    fn is_vouched_for(&self, certificate: &Certificate, names: &[String]) -> Result<String, &'static str> {
        let authorities: Vec<_> = self.marked(Marker::CertAuthority).collect();
        let is_its = |line: &Line| line.key.key_data() == certificate.signature_key();
        if self.marked(Marker::Revoked).any(|(_, line)| is_its(&line)) {
            return Err("its authority is revoked");
        }
        let keys: Vec<PublicKey> = authorities.iter().map(|(_, line)| line.key.clone()).collect();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        certificate::check(certificate, &keys, names, now)?;
        let authority = authorities.iter().find(|(_, line)| is_its(line));
        Ok(authority.map(|(path, line)| format!("{}:{}", path.display(), line.number)).unwrap_or_default())
    }

    fn bare_names(&self) -> Vec<String> {
        self.names.iter().map(|name| bare(name)).collect()
    }

    /// The lines with this marker about the instance, in our file and the caller's.
    pub(super) fn marked(&self, marker: Marker) -> impl Iterator<Item = (PathBuf, Line)> {
        let mut names = self.names.clone();
        // ssh looks for authorities by the bare name, too.
        names.extend(self.bare_names());
        let ours = self.store.text().unwrap_or_default();
        let path = self.store.path().to_owned();
        let ours: Vec<_> = lines::about(&ours, &names).into_iter().map(|line| (path.clone(), line)).collect();
        let all = ours.into_iter().chain(self.in_callers_files(Some(marker)));
        all.filter(move |(_, line)| line.marker == Some(marker))
    }

    fn in_callers_files(&self, marker: Option<Marker>) -> impl Iterator<Item = (PathBuf, Line)> {
        let mut names = self.names.clone();
        if marker.is_some() {
            names.extend(self.bare_names());
        }
        // A byte that is no text must not hide the lines beside it.
        let read = |path: PathBuf| Some((String::from_utf8_lossy(&std::fs::read(&path).ok()?).into_owned(), path));
        let files = self.callers.clone().into_iter().filter_map(read);
        files.flat_map(move |(text, path)| {
            let lines = lines::about(&text, &names).into_iter().filter(move |line| line.marker == marker);
            lines.map(move |line| (path.clone(), line)).collect::<Vec<_>>()
        })
    }

    pub(super) fn unusable(&self, source: std::io::Error) -> Error {
        Error::KnownHosts { path: self.store.path().to_owned(), source }
    }
}

/// Certificates name hosts without ports.
fn bare(name: &str) -> String {
    match name.strip_prefix('[').and_then(|name| name.split_once("]:")) {
        Some((bare, _)) => bare.to_owned(),
        None => name.to_owned(),
    }
}
