//! The keys that are known in this session: those of the known_hosts file, and those that could not be written to it. A home
//! folder that cannot be used (read-only, full, missing, another owner's) is worth one warning; a key that was verified or
//! confirmed is trusted all the same, as in ssh.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::known_hosts::{Known, KnownHosts};
use crate::event::{Event, Events};
use crate::ssh::host_key::PublicKey;
use crate::when::today;

/// The keys of one instance. Clones share their state.
#[derive(Clone)]
pub(crate) struct SessionKeys {
    /// The known_hosts file of ec2ssh; `None` if there is no home folder.
    file: Option<KnownHosts>,
    /// The name of the instance in the file.
    alias: String,
    events: Events,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    unsaved: Mutex<Vec<PublicKey>>,
    warned: AtomicBool,
    unreadable: AtomicBool,
}

impl SessionKeys {
    /// Returns the keys of an instance, which are read when they are needed.
    pub(crate) fn new(file: Option<KnownHosts>, alias: String, events: &Events) -> Self {
        Self { file, alias, events: Arc::clone(events), state: Arc::default() }
    }

    /// Returns the keys that are known for the instance. A file in a folder that may not be entered counts as missing.
    ///
    /// # Errors
    /// If the known_hosts file of ec2ssh cannot be used.
    pub(crate) fn known(&self) -> io::Result<Vec<Known>> {
        let in_file = self.file.as_ref().map_or_else(|| Ok(Vec::new()), |file| file.keys(&self.alias));
        let mut known = match in_file {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                self.state.unreadable.store(true, Ordering::Relaxed);
                self.warn(&format!("cannot read {}: {error}", self.path().display()));
                Vec::new()
            }
            other => other?,
        };
        known.extend(self.unsaved().iter().map(|key| Known { line: 0, key: key.clone() }));
        Ok(known)
    }

    /// Whether the known keys could not be read: then a new key is not accepted without a question.
    pub(crate) fn is_unreadable(&self) -> bool {
        self.state.unreadable.load(Ordering::Relaxed)
    }

    /// Stores the keys as trusted, with a comment on how and when they came to be trusted. Where they cannot be written, they are
    /// kept for this session.
    ///
    /// # Errors
    /// If another process has stored a different key in the meantime.
    pub(crate) fn keep(&self, keys: &[PublicKey], how: &str) -> io::Result<()> {
        let comment = format!("{how} {}", today());
        let written = match &self.file {
            Some(file) => file.add(&self.alias, keys, &comment),
            None => Err(io::Error::new(io::ErrorKind::NotFound, "there is no home folder (HOME is not set)")),
        };
        match written {
            Err(error) if !is_contradiction(&error) => {
                self.warn(&format!("cannot write {}: {error}", self.path().display()));
                self.hold(keys, &comment);
                Ok(())
            }
            other => other,
        }
    }

    fn hold(&self, keys: &[PublicKey], comment: &str) {
        let mut unsaved = self.unsaved();
        for key in keys {
            if !unsaved.iter().any(|known| known.key_data() == key.key_data()) {
                let mut key = key.clone();
                key.set_comment(comment);
                unsaved.push(key);
            }
        }
    }

    fn unsaved(&self) -> MutexGuard<'_, Vec<PublicKey>> {
        self.state.unsaved.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn warn(&self, why: &str) {
        if !self.state.warned.swap(true, Ordering::Relaxed) {
            // The alias has the port beside the id if it is not 22.
            let id = self.alias.trim_start_matches('[').split(']').next().unwrap_or_default();
            let text = format!("Warning: the host key of {id} is not kept: {why}. It is verified anew next time.");
            (self.events)(Event::Notice(text));
        }
    }

    /// Returns the text of the file; empty if it cannot be read.
    pub(crate) fn text(&self) -> String {
        self.file.as_ref().and_then(|file| file.text().ok()).unwrap_or_default()
    }

    /// Returns the path of the file, for messages.
    pub(crate) fn path(&self) -> PathBuf {
        self.file.as_ref().map_or_else(|| PathBuf::from("known_hosts"), |file| file.path().to_owned())
    }
}

/// Whether the file has something else, as opposed to being out of reach. The system says `AlreadyExists`, too: of a folder that is
/// a file.
fn is_contradiction(error: &io::Error) -> bool {
    error.raw_os_error().is_none() && matches!(error.kind(), io::ErrorKind::AlreadyExists | io::ErrorKind::InvalidData)
}
