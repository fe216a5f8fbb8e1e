//! Tests of channels beside the session: byte streams to ports and sockets, subsystems, and channels that the server opens.

use russh::ChannelMsg;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{Script, command, connected, wait_for_exec};
use crate::ssh::incoming::IncomingKind;
use crate::ssh::stream::ChannelStream;
use crate::ssh::{Error, OpenRefusal};

const IDLE: Script = |channel, _| {
    Box::pin(async move {
        std::future::pending::<()>().await;
        drop(channel);
    })
};

/// Sends, ends the input, and returns everything that comes back.
async fn exchange(mut stream: ChannelStream, sent: &[u8]) -> Vec<u8> {
    stream.write_all(sent).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut back = Vec::new();
    stream.read_to_end(&mut back).await.unwrap();
    back
}

/// A half-close ends one direction only: what the other side has still to say arrives.
#[tokio::test]
async fn ports_and_sockets_are_byte_streams() {
    let connection = connected(IDLE).await;
    let (port, socket) = tokio::join!(
        async { exchange(connection.open_tcp("10.0.0.9", 5432, ("127.0.0.1", 40_000)).await.unwrap(), b"one").await },
        async { exchange(connection.open_unix("/run/docker.sock").await.unwrap(), b"two").await },
    );
    assert_eq!(port, b"10.0.0.9:5432 one");
    assert_eq!(socket, b"/run/docker.sock two");
}

#[tokio::test]
async fn large_data_passes_in_both_directions() {
    let connection = connected(IDLE).await;
    let stream = connection.open_unix("/s").await.unwrap();
    let (mut from, mut to) = tokio::io::split(stream);
    let sent: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
    let write = async {
        to.write_all(&sent).await.unwrap();
        to.shutdown().await.unwrap();
    };
    let mut back = Vec::new();
    let ((), read) = tokio::join!(write, from.read_to_end(&mut back));
    read.unwrap();
    assert!(back.strip_prefix(b"/s ") == Some(&sent[..]), "{} bytes", back.len());
}

#[tokio::test]
async fn refused_channels_leave_the_connection_open() {
    let connection = connected(IDLE).await;
    for error in
        [connection.open_tcp("closed", 1, ("127.0.0.1", 1)).await.err(), connection.open_unix("/closed").await.err()]
    {
        let is_refusal = matches!(&error, Some(Error::NotForwarded { refusal: OpenRefusal::ConnectFailed, .. }));
        assert!(is_refusal, "{error:?}");
    }
    let error = connection.open_subsystem("netconf").await.err();
    assert!(matches!(&error, Some(Error::Refused("start the subsystem"))), "{error:?}");
    assert_eq!(exchange(connection.open_unix("/s").await.unwrap(), b"on").await, b"/s on");
}

#[tokio::test]
async fn subsystem_is_a_byte_stream() {
    let connection = connected(|mut channel, handle| {
        Box::pin(async move {
            while let Some(message) = channel.wait().await {
                if let ChannelMsg::Data { data } = message {
                    handle.data(channel.id(), data.to_vec()).await.unwrap();
                    handle.close(channel.id()).await.unwrap();
                }
            }
        })
    })
    .await;
    assert_eq!(exchange(connection.open_subsystem("sftp").await.unwrap(), b"\0init").await, b"\0init");
}

/// The server opens a channel to the client; the script says over its session whether the client accepted it.
const OPEN_FORWARDED: Script = |mut channel, handle| {
    Box::pin(async move {
        wait_for_exec(&mut channel).await;
        let opened = handle.channel_open_forwarded_tcpip("localhost", 8080, "10.0.0.9", 50_000).await;
        let status = match opened {
            Ok(forwarded) => {
                forwarded.data(&b"hello"[..]).await.unwrap();
                forwarded.eof().await.unwrap();
                0
            }
            Err(_) => 1,
        };
        handle.exit_status_request(channel.id(), status).await.unwrap();
        handle.close(channel.id()).await.unwrap();
    })
};

fn forwarded() -> IncomingKind {
    IncomingKind::ForwardedTcp { address: "localhost".to_owned(), port: 8080 }
}

async fn open_forwarded(connection: &crate::ssh::client::Connection) -> u8 {
    let session = connection.open_session(&command()).await.unwrap();
    let (_input, receiver) = tokio::sync::mpsc::channel(1);
    let outputs = crate::program::Outputs { stdout: tokio::io::sink(), stderr: tokio::io::sink(), close_stdout: || {} };
    connection.run(session, receiver, outputs).await.unwrap().code()
}

#[tokio::test]
async fn channels_of_the_server_are_refused_unless_accepted() {
    let connection = connected(OPEN_FORWARDED).await;
    assert_eq!(open_forwarded(&connection).await, 1);
    let mut incoming = connection.accept(forwarded());
    let mut text = String::new();
    let accepting = async {
        incoming.recv().await.unwrap().accept().await.read_to_string(&mut text).await.unwrap();
    };
    assert_eq!(tokio::join!(open_forwarded(&connection), accepting).0, 0);
    assert_eq!(text, "hello");
    // A forward that cannot be reached here is refused, and the connection goes on.
    let refusing = async { incoming.recv().await.unwrap().refuse().await };
    assert_eq!(tokio::join!(open_forwarded(&connection), refusing).0, 1);
    // Registered for another port, or no longer: refused again.
    drop(incoming);
    let _other = connection.accept(IncomingKind::ForwardedTcp { address: "localhost".to_owned(), port: 81 });
    assert_eq!(open_forwarded(&connection).await, 1);
}
