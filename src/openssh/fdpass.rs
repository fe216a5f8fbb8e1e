//! Passes a connected socket to ssh over a unix socket, as `ProxyUseFdpass` expects (ssh_config(5); unix(7),
//! SCM_RIGHTS).

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd};

use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};

/// Sends the stream's descriptor, in blocking mode, to the process at the other end of `socket`.
///
/// # Errors
/// Fails if `socket` is not a socket or has no peer: then ssh did not ask for a descriptor.
pub(crate) fn hand_over(stream: impl AsFd, socket: BorrowedFd<'_>) -> io::Result<()> {
    rustix::io::ioctl_fionbio(&stream, false)?;
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let descriptors = [stream.as_fd()];
    let is_room = control.push(SendAncillaryMessage::ScmRights(&descriptors));
    debug_assert!(is_room, "the buffer has room for one descriptor");
    // ssh reads one byte together with the descriptor.
    sendmsg(socket, &[IoSlice::new(&[0])], &mut control, SendFlags::NOSIGNAL)?;
    Ok(())
}

/// Whether the descriptor is a socket, as an ssh with ProxyUseFdpass gives to its ProxyCommand.
pub(crate) fn is_socket(descriptor: BorrowedFd<'_>) -> bool {
    rustix::net::getsockname(descriptor).is_ok()
}
