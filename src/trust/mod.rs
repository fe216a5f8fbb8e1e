//! Decides whether to trust an instance's host key.
//!
//! A revoked key is refused first. Then the sources are asked in this order: a certificate of a trusted authority
//! (`certificate`), ec2ssh's own file ([`known_hosts`]), the instance's console ([`console`], read by `console_keys`), the caller's known_hosts files
//! ([`lines`]), and finally the policy and the user. `verifier` asks them one after the other and is ssh's
//! [`HostKeyVerifier`](crate::ssh::verifier::HostKeyVerifier); `openssh` answers the same for plain ssh; `source` collects what an
//! instance's verifier needs; `session_keys` holds the keys that the file cannot take. `serial` judges the servers of
//! the serial console, whose fingerprints AWS publishes (`serial_hosts`), and `rdp` the certificates of RDP servers ([`certificates`]).

mod certificate;
pub(crate) mod certificates;
pub(crate) mod console;
mod console_keys;
mod error;
pub(crate) mod known_hosts;
pub(crate) mod lines;
mod openssh;
pub(crate) mod rdp;
#[cfg(unix)]
pub(crate) mod serial;
#[cfg(unix)]
pub(crate) mod serial_hosts;
mod session_keys;
mod source;
mod verdict;
pub(crate) mod verifier;

pub(crate) use error::{Error, Refusal};
pub(crate) use source::verifier;
pub(crate) use verifier::{InstanceVerifier, Look};
