//! Commands over sessions that were made for terminals: the agent's filter of characters loses bytes, a pty has one stream and no exit
//! status, and one of AWS's documents runs no shell. Pure; does no I/O.
//!
//! ```text
//! quote     a word, quoted for a shell
//! script    the lines for sh that run a command with its streams encoded
//! decoder   the lines that come back: standard output, standard error, the exit status
//! end_mark  for a command in a pty: the exit status behind a random mark, which is cut off
//! ```

pub(crate) mod decoder;
pub(crate) mod end_mark;
pub(crate) mod quote;
pub(crate) mod script;

/// Returns a random word, which output does not contain by chance.
pub(crate) fn random_mark() -> String {
    format!("ec2ssh-{}", uuid::Uuid::new_v4().simple())
}
