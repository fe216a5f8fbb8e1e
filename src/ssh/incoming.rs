//! Channels that the server opens towards us (RFC 4254, sections 5.1 and 7.2): delivered to whoever has registered for their kind,
//! refused otherwise.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use russh::client::{ChannelOpenHandle, Msg};
use russh::{Channel, ChannelOpenFailure};
use tokio::sync::mpsc;

/// A channel as a byte stream. The end of its output is a half-close: the other direction stays open.
pub(crate) type ChannelStream = russh::ChannelStream<Msg>;

/// The number of channels of one kind that may wait for their receiver; more are refused.
const MAX_QUEUED: usize = 64;

/// The kinds of channels that a server may open towards a client.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum IncomingKind {
    /// A connection to a forwarded TCP port (`-R`), by the address and port that were asked for.
    ForwardedTcp {
        /// The address that the server listens on.
        address: String,
        /// The port that the server listens on.
        port: u32,
    },
    /// A connection to a forwarded Unix socket, by its path on the server.
    ForwardedUnix {
        /// The path of the socket.
        path: String,
    },
    /// A connection to a forwarded agent (`-A`).
    Agent,
}

/// Delivers channels by kind. Empty, it refuses every channel.
#[derive(Debug, Default)]
pub(crate) struct Router {
    receivers: Mutex<HashMap<IncomingKind, mpsc::Sender<ChannelStream>>>,
}

impl Router {
    /// Registers for a kind of channel; a previous registration ends. Dropping the receiver refuses the kind again.
    pub(crate) fn register(&self, kind: IncomingKind) -> mpsc::Receiver<ChannelStream> {
        let (sender, receiver) = mpsc::channel(MAX_QUEUED);
        self.receivers.lock().unwrap_or_else(PoisonError::into_inner).insert(kind, sender);
        receiver
    }

    /// Accepts the channel and delivers it, or refuses it. Never waits for the receiver: russh's one loop would wait with it.
    pub(super) async fn deliver(&self, kind: IncomingKind, channel: Channel<Msg>, reply: ChannelOpenHandle) {
        let sender = self.receivers.lock().unwrap_or_else(PoisonError::into_inner).get(&kind).cloned();
        let Some(sender) = sender.filter(|sender| !sender.is_closed()) else {
            return reply.reject(ChannelOpenFailure::AdministrativelyProhibited).await;
        };
        match sender.try_reserve() {
            Ok(permit) => {
                reply.accept().await;
                permit.send(channel.into_stream());
            }
            Err(_) => reply.reject(ChannelOpenFailure::ResourceShortage).await,
        }
    }
}
