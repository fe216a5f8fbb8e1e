//! `ec2ssh hold-key`: the process that holds a pushed key; the first connection starts it.

use std::path::PathBuf;

use clap::Args;

use crate::error::CommandError;
use crate::key_holder::{KeyKind, server};

/// The arguments of `ec2ssh hold-key`.
#[derive(Args, Clone, Debug)]
pub(crate) struct HoldKeyArgs {
    /// Sign logins of this user only
    #[arg(long, value_name = "USER")]
    pub user: String,
    /// Hold this kind of key
    #[arg(long, value_enum, value_name = "KIND")]
    pub kind: KeyKind,
    /// Path of the socket that is the standard input
    #[arg(long, value_name = "PATH")]
    pub socket: PathBuf,
}

/// Holds a key until it is good no more.
///
/// # Errors
/// The standard input is no listening socket.
pub(crate) fn run(args: &HoldKeyArgs) -> Result<u8, CommandError> {
    server::run(&args.user, args.kind, &args.socket)?;
    Ok(0)
}
