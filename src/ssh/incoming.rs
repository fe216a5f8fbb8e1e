//! Channels that the server opens towards us (RFC 4254, sections 5.1 and 7.2): delivered to whoever has registered for their kind,
//! refused otherwise.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use russh::client::{ChannelOpenHandle, Msg};
use russh::{Channel, ChannelOpenFailure};
use tokio::sync::mpsc;

use super::stream::{ChannelStream, Channels};

/// The number of channels of one kind that may wait for their receiver; more are refused.
const MAX_QUEUED: usize = 1024;

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

/// A channel that the server has opened, and that nobody has accepted yet.
pub(crate) struct IncomingChannel {
    channel: Channel<Msg>,
    reply: ChannelOpenHandle,
    channels: Channels,
}

impl IncomingChannel {
    /// Accepts the channel as a stream.
    pub(crate) async fn accept(self) -> ChannelStream {
        self.reply.accept().await;
        self.channels.stream(self.channel)
    }

    /// Refuses the channel, because what it is for cannot be reached.
    pub(crate) async fn refuse(self) {
        self.reply.reject(ChannelOpenFailure::ConnectFailed).await;
    }
}

type Receivers = HashMap<IncomingKind, mpsc::Sender<IncomingChannel>>;

/// Delivers channels by kind. Empty, it refuses every channel.
#[derive(Default)]
pub(crate) struct Router {
    receivers: Mutex<Receivers>,
}

impl Router {
    /// Registers for a kind of channel; a previous registration ends. Dropping the receiver refuses the kind again.
    pub(crate) fn register(&self, kind: IncomingKind) -> mpsc::Receiver<IncomingChannel> {
        let (sender, receiver) = mpsc::channel(MAX_QUEUED);
        self.receivers().insert(kind, sender);
        receiver
    }

    /// Says which port the server has chosen, where any free one was asked for.
    pub(crate) fn chosen(&self, asked: &IncomingKind, kind: IncomingKind) {
        let mut receivers = self.receivers();
        if let Some(sender) = receivers.remove(asked) {
            receivers.insert(kind, sender);
        }
    }

    fn receivers(&self) -> MutexGuard<'_, Receivers> {
        self.receivers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Delivers the channel, or refuses it. Never waits for the receiver: russh's one loop would wait with it.
    pub(super) async fn deliver(
        &self,
        kind: IncomingKind,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        channels: Channels,
    ) {
        let sender = receiver_of(&self.receivers(), &kind);
        let Some(sender) = sender else {
            return reply.reject(ChannelOpenFailure::AdministrativelyProhibited).await;
        };
        match sender.try_reserve() {
            Ok(permit) => permit.send(IncomingChannel { channel, reply, channels }),
            Err(_) => reply.reject(ChannelOpenFailure::ResourceShortage).await,
        }
    }
}

/// Returns who has asked for channels of this kind. Servers spell an address as they like, so the port alone will do where only one has
/// asked for it; and a connection may come before the answer that names a port which the server chose.
fn receiver_of(receivers: &Receivers, kind: &IncomingKind) -> Option<mpsc::Sender<IncomingChannel>> {
    let is_open = |sender: &&mpsc::Sender<IncomingChannel>| !sender.is_closed();
    if let Some(exact) = receivers.get(kind).filter(is_open) {
        return Some(exact.clone());
    }
    let IncomingKind::ForwardedTcp { port, .. } = kind else { return None };
    let with_port = |wanted: u32| {
        let has_port =
            move |kind: &IncomingKind| matches!(kind, IncomingKind::ForwardedTcp { port, .. } if *port == wanted);
        let mut found = receivers.iter().filter(|(kind, _)| has_port(kind)).map(|(_, sender)| sender).filter(is_open);
        match (found.next(), found.next()) {
            (Some(only), None) => Some(only.clone()),
            _ => None,
        }
    };
    with_port(*port).or_else(|| with_port(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp(address: &str, port: u32) -> IncomingKind {
        IncomingKind::ForwardedTcp { address: address.to_owned(), port }
    }

    /// Servers spell addresses as they like, and a connection may come before the answer that names its port.
    #[test]
    fn connections_find_the_forward_that_was_asked_for() {
        let router = Router::default();
        let _localhost = router.register(tcp("localhost", 8080));
        let found = |kind: IncomingKind| receiver_of(&router.receivers(), &kind).is_some();
        assert!(found(tcp("localhost", 8080)) && found(tcp("127.0.0.1", 8080)));
        assert!(!found(tcp("localhost", 8081)) && !found(IncomingKind::Agent));
        let _all = router.register(tcp("", 8080));
        assert!(found(tcp("", 8080)) && !found(tcp("127.0.0.1", 8080)), "which of the two is not known");
        let any = router.register(tcp("localhost", 0));
        assert!(found(tcp("localhost", 40_000)));
        router.chosen(&tcp("localhost", 0), tcp("localhost", 40_000));
        assert!(found(tcp("localhost", 40_000)) && !found(tcp("localhost", 40_001)));
        drop(any);
        assert!(!found(tcp("localhost", 40_000)), "nobody wants them any more");
    }
}
