//! The keys that are known in this session: those of the known_hosts file, and those that could not be written to it. A home
//! folder that cannot be used (read-only, full, missing, another owner's) is worth one warning; a key that was verified or
//! confirmed is trusted all the same, as in ssh.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use super::error::Error;
use super::known_hosts::Known;
use super::verifier::InstanceVerifier;
use crate::ssh::host_key::PublicKey;
use crate::when::today;

/// The keys that the file does not have.
#[derive(Debug, Default)]
pub(crate) struct SessionKeys {
    unsaved: Mutex<Vec<PublicKey>>,
    warned: AtomicBool,
    unreadable: AtomicBool,
}

impl InstanceVerifier {
    /// Returns the keys that are known for the instance. A file in a folder that may not be entered counts as missing.
    ///
    /// # Errors
    /// If the known_hosts file of ec2ssh cannot be used.
    pub(super) fn known(&self) -> Result<Vec<Known>, Error> {
        let file = match &self.store {
            Some(store) => store.keys(&self.alias),
            None => Ok(Vec::new()),
        };
        let mut known = match file {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                self.session_keys().unreadable.store(true, Ordering::Relaxed);
                self.warn(&format!("cannot read {}: {error}", self.store_path()));
                Vec::new()
            }
            other => other.map_err(|source| self.unusable(source))?,
        };
        let unsaved = self.session_keys().unsaved.lock().unwrap_or_else(PoisonError::into_inner);
        known.extend(unsaved.iter().map(|key| Known { line: 0, key: key.clone() }));
        Ok(known)
    }

    /// Whether the known keys could not be read: then a new key is not accepted without a question.
    pub(super) fn is_unreadable(&self) -> bool {
        self.session_keys().unreadable.load(Ordering::Relaxed)
    }

    /// Stores the keys as trusted, with a comment on how and when they came to be trusted. Where they cannot be written, they are
    /// kept for this session.
    ///
    /// # Errors
    /// If another process has stored a different key in the meantime.
    pub(crate) fn keep(&self, keys: &[PublicKey], how: &str) -> Result<(), Error> {
        let comment = format!("{how} {}", today());
        let written = match &self.store {
            Some(store) => store.add(&self.alias, keys, &comment),
            None => Err(io::Error::new(io::ErrorKind::NotFound, "there is no home folder (HOME is not set)")),
        };
        match written {
            Err(source) if is_contradiction(&source) => Err(self.unusable(source)),
            Err(error) => {
                self.warn(&format!("cannot write {}: {error}", self.store_path()));
                let mut unsaved = self.session_keys().unsaved.lock().unwrap_or_else(PoisonError::into_inner);
                for key in keys {
                    let mut key = key.clone();
                    key.set_comment(comment.as_str());
                    if !unsaved.iter().any(|known| known.key_data() == key.key_data()) {
                        unsaved.push(key);
                    }
                }
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    fn warn(&self, why: &str) {
        if !self.session_keys().warned.swap(true, Ordering::Relaxed) {
            let id = &self.instance_id;
            self.notice(format!("Warning: the host key of {id} is not kept: {why}. It is verified anew next time."));
        }
    }

    fn session_keys(&self) -> &SessionKeys {
        &self.progress.session_keys
    }

    /// Returns the path of the file, for messages.
    pub(super) fn store_path(&self) -> String {
        self.store.as_ref().map_or("known_hosts".to_owned(), |store| store.path().display().to_string())
    }
}

/// Whether the file has something else, as opposed to being out of reach. The system says `AlreadyExists`, too: of a folder that is
/// a file.
fn is_contradiction(error: &io::Error) -> bool {
    error.raw_os_error().is_none() && matches!(error.kind(), io::ErrorKind::AlreadyExists | io::ErrorKind::InvalidData)
}
