//! Notices that the machine has slept, or that its network has changed: then a connection may be dead, and a pause is over.

use std::net::{IpAddr, UdpSocket};
use std::time::Duration;

use tokio::sync::watch;

use crate::when::unix_milliseconds;

/// The interval at which it is looked.
const INTERVAL: Duration = Duration::from_secs(1);
/// A pause between two looks that is so long means that the machine, or this process, was asleep; in milliseconds.
const SLEPT_MS: u64 = 5_000;
/// Addresses for documentation (RFC 5737, RFC 3849): a socket that is connected to them sends nothing, and shows which address this
/// machine would use.
const ANYWHERE: [&str; 2] = ["192.0.2.1:9", "[2001:db8::1]:9"];

/// Counts the changes as long as it is polled.
pub(super) async fn watch_for_changes(changes: watch::Sender<u64>) {
    let mut network = own_addresses();
    let mut last = unix_milliseconds();
    loop {
        tokio::time::sleep(INTERVAL).await;
        let (now, addresses) = (unix_milliseconds(), own_addresses());
        if now.saturating_sub(last) > SLEPT_MS || addresses != network {
            changes.send_modify(|count| *count += 1);
        }
        (last, network) = (now, addresses);
    }
}

/// Returns the addresses that this machine uses for the Internet.
fn own_addresses() -> [Option<IpAddr>; 2] {
    ANYWHERE.map(|to| {
        let any = if to.starts_with('[') { "[::]:0" } else { "0.0.0.0:0" };
        let socket = UdpSocket::bind(any).ok()?;
        socket.connect(to).ok()?;
        socket.local_addr().ok().map(|address| address.ip())
    })
}
