//! A connected socket handed to ssh, which waits for it on the socket that is our standard input and output
//! (ssh_config(5), ProxyUseFdpass; unix(7), SCM_RIGHTS).

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd};

use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};

/// Hands the stream to whoever is at the other end of `socket`. He finds it in blocking mode, as a fresh one is.
///
/// # Errors
/// When `socket` is none, or nobody is there: then ssh did not ask for it.
pub fn hand_over(stream: impl AsFd, socket: BorrowedFd<'_>) -> io::Result<()> {
    rustix::io::ioctl_fionbio(&stream, false)?;
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let descriptors = [stream.as_fd()];
    let is_room = control.push(SendAncillaryMessage::ScmRights(&descriptors));
    debug_assert!(is_room, "the space was made for one descriptor");
    // ssh reads one byte with it.
    sendmsg(socket, &[IoSlice::new(&[0])], &mut control, SendFlags::NOSIGNAL)?;
    Ok(())
}
