//! Tests of the handshake, the login, and how a connection ends.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use russh::server::Msg;
use russh::{Channel, ChannelMsg};
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::time::Instant;

use super::{connected, handshake, host_key, nobody, options, serve};
use crate::program::Purpose;
use crate::ssh::Error;
use crate::ssh::client::{Connection, HandshakeError};
use crate::ssh::host_key::PresentedKey;
use crate::ssh::keys::Key;
use crate::ssh::options::{Timeouts, Window};
use crate::ssh::verifier::{HostKeyVerifier, Preferences};

#[tokio::test]
async fn rejected_user_is_denied() {
    let (ours, theirs) = duplex(64 * 1024);
    serve(theirs, host_key(), |_, _| Box::pin(async {}), false);
    let mut connection = handshake(ours).await.unwrap();
    let error = connection.authenticate("stranger", &Key::ephemeral(), &nobody).await.unwrap_err();
    assert!(matches!(&error, Error::Denied { user, .. } if user == "stranger"), "{error:?}");
}

#[tokio::test]
async fn endless_second_steps_are_ended() {
    for (user, reason) in [("steps", "more than 10 steps"), ("rounds", "more than 20 rounds")] {
        let (ours, theirs) = duplex(64 * 1024);
        serve(theirs, host_key(), |_, _| Box::pin(async {}), false);
        let mut connection = handshake(ours).await.unwrap();
        let error = connection.authenticate(user, &Key::ephemeral(), &nobody).await.unwrap_err();
        assert!(matches!(&error, Error::Protocol(text) if text.contains(reason)), "{user}: {error:?}");
    }
}

/// A connection that closes early and a server that does not speak SSH are different errors. Both quote what the server
/// sent.
#[tokio::test]
async fn non_ssh_server_error_quotes_its_banner() {
    async fn handshake_error(script: &'static [u8]) -> Error {
        let (ours, mut theirs) = duplex(64 * 1024);
        tokio::spawn(async move {
            theirs.write_all(script).await.unwrap();
        });
        handshake(ours).await.err().unwrap()
    }
    let error = handshake_error(b"").await;
    assert!(matches!(&error, Error::ClosedEarly { identification: None }), "{error:?}");
    let error = handshake_error(b"SSH-2.0-OpenSSH_9.2\r\n").await;
    assert!(
        matches!(&error, Error::ClosedEarly { identification: Some(banner) } if banner == "SSH-2.0-OpenSSH_9.2"),
        "{error:?}"
    );
    let error = handshake_error(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    assert!(matches!(&error, Error::NotSsh { said } if said == "HTTP/1.1 400 Bad Request"), "{error:?}");
    let error = handshake_error(b"SSH-1.5-old\r\n").await;
    assert!(!matches!(&error, Error::NotSsh { .. }), "{error:?}");
}

/// The window grows with the round-trip time for bulk data, up to a maximum.
#[test]
fn window_grows_with_round_trip_for_bulk() {
    let of = |milliseconds| Window::of(Purpose::Bulk, Duration::from_millis(milliseconds), None);
    assert_eq!([of(0), of(5)], [Window::MIN; 2]);
    let far = [20, 80, 140].map(of);
    assert!(far.windows(2).all(|pair| pair[0] != pair[1]) && far[0] != Window::MIN, "{far:?}");
    // The window has a maximum, however long the round trip.
    assert_eq!(of(1_000), of(u64::MAX / 10_000));
    assert_eq!(of(80), Window::of(Purpose::Bulk, Duration::from_millis(80), Some(770_000)), "as fast as before");
}

/// The data under way arrives after Ctrl-C. With 2 MB, a line of 100 kB/s went on for 16 s.
#[test]
fn window_of_a_terminal_is_small() {
    let of = |milliseconds, rate| Window::of(Purpose::Terminal, Duration::from_millis(milliseconds), rate).0;
    for (milliseconds, rate, expected) in [
        (0, None, 65_536),
        (10, None, 65_536),
        (80, None, 96_000),
        (1_000, None, 524_288),
        (30, Some(770_000), 65_536),
        (200, Some(770_000), 154_000),
        (80, Some(50_000_000), 96_000),
    ] {
        assert_eq!(of(milliseconds, rate), expected, "{milliseconds} ms, {rate:?}");
    }
}

/// Refuses every host key, by its own error.
struct RefuseAll;

impl HostKeyVerifier for RefuseAll {
    type Error = &'static str;

    fn preferences(&self) -> Result<Preferences, &'static str> {
        Ok(Preferences::default())
    }

    async fn verify(&self, _: &PresentedKey) -> Result<(), &'static str> {
        Err("another machine")
    }
}

#[tokio::test]
async fn refusal_of_the_verifier_is_returned() {
    let (ours, theirs) = duplex(64 * 1024);
    serve(theirs, host_key(), |_, _| Box::pin(async {}), false);
    let result = Connection::handshake(ours, Arc::new(RefuseAll), options(), drop).await;
    assert!(matches!(result, Err(HandshakeError::HostKey("another machine"))));
}

/// A server that falls silent is noticed by its missing answers to keepalives, in the time that the timeouts give.
#[tokio::test]
async fn silent_server_ends_the_connection_by_keepalives() {
    let (ours, near) = duplex(256 * 1024);
    let (far, theirs) = duplex(256 * 1024);
    serve(theirs, host_key(), |_, _| Box::pin(async {}), false);
    let (mut from_client, mut to_client) = tokio::io::split(near);
    let (mut from_server, mut to_server) = tokio::io::split(far);
    let down = tokio::spawn(async move { tokio::io::copy(&mut from_server, &mut to_client).await });
    let up = tokio::spawn(async move { tokio::io::copy(&mut from_client, &mut to_server).await });
    let mut connection = handshake(ours).await.unwrap();
    connection.authenticate("user", &Key::ephemeral(), &nobody).await.unwrap();
    // From here on the network swallows everything.
    tokio::time::pause();
    let begun = Instant::now();
    down.abort();
    let error = connection.closed().await;
    assert!(matches!(error, Error::KeepaliveTimeout), "{error:?}");
    let limit = Timeouts::default();
    let least = limit.keepalive_interval * u32::try_from(limit.keepalive_misses).unwrap();
    assert!((least..=least + 2 * limit.keepalive_interval).contains(&begun.elapsed()), "{:?}", begun.elapsed());
    drop(up);
}

#[tokio::test(start_paused = true)]
async fn silent_server_ends_the_handshake() {
    let (ours, theirs) = duplex(64 * 1024);
    let error = handshake(ours).await.err().unwrap();
    assert!(matches!(error, Error::HandshakeTimeout { seconds: 15, identification: None }), "{error:?}");
    drop(theirs);
}

/// The reason why a connection ended is there for everybody who asks, now and later.
#[tokio::test]
async fn reason_of_the_end_is_shared() {
    let connection = connected(|channel, handle| {
        Box::pin(async move {
            let _ = handle.disconnect(russh::Disconnect::ByApplication, "going down".into(), "en".into()).await;
            drop(channel);
        })
    })
    .await;
    let opened = connection.open_subsystem("sftp");
    let (_, one, other) = tokio::join!(opened, connection.closed(), connection.closed());
    for reason in [one, other, connection.closed().await] {
        assert!(matches!(&reason, Error::Lost(text) if text.contains("going down")), "{reason:?}");
    }
    assert!(connection.is_closed());
}

/// A server that ends the connection during an upload: the client meets the closed connection before the reason.
#[tokio::test]
async fn reason_is_told_although_a_write_fails() {
    let (theirs, far) = duplex(256 * 1024);
    serve(theirs, host_key(), disconnect_after_data, false);
    let (mut from_server, mut to_server) = tokio::io::split(far);
    let (up_write, mut up_read) = duplex(1024);
    let (mut down_write, down_read) = duplex(256 * 1024);
    let is_held = Arc::new(AtomicBool::new(false));
    let holds = Arc::clone(&is_held);
    let up = tokio::spawn(async move { tokio::io::copy(&mut up_read, &mut to_server).await });
    tokio::spawn(async move {
        let mut chunk = [0; 4096];
        while let Ok(count @ 1..) = from_server.read(&mut chunk).await {
            if holds.load(Ordering::Relaxed) {
                // The client writes to a closed pipe before it can read the reason.
                up.abort();
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            down_write.write_all(&chunk[..count]).await.unwrap();
        }
    });
    let mut connection = handshake(tokio::io::join(down_read, up_write)).await.unwrap();
    connection.authenticate("user", &Key::ephemeral(), &nobody).await.unwrap();
    let mut channel = connection.open_subsystem("sftp").await.unwrap();
    is_held.store(true, Ordering::Relaxed);
    let upload = async { while channel.write_all(&[0; 1000]).await.is_ok() {} };
    tokio::select! {
        () = upload => {}
        _ = connection.closed() => {}
    }
    let reason = connection.closed().await;
    assert!(matches!(&reason, Error::Lost(text) if text.contains("going down")), "{reason:?}");
}

fn disconnect_after_data(
    mut channel: Channel<Msg>,
    handle: russh::server::Handle,
) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(async move {
        while !matches!(channel.wait().await, Some(ChannelMsg::Data { .. }) | None) {}
        let _ = handle.disconnect(russh::Disconnect::ByApplication, "going down".into(), "en".into()).await;
    })
}
