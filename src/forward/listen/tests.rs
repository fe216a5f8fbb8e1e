//! Tests of listeners: families, busy ports, and files that must survive.

use std::os::unix::fs::PermissionsExt;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

fn tcp(port: u16) -> Listen {
    Listen::Tcp { bind: Bind::Default, port }
}

#[tokio::test]
async fn both_families_have_the_same_port() {
    let listener = Listener::bind(&tcp(0), BindOptions::default()).await.unwrap();
    let port: u16 = listener.to_string().rsplit(':').next().unwrap().parse().unwrap();
    for address in ["127.0.0.1", "::1"] {
        let client = TcpStream::connect((address, port));
        let ((mut accepted, origin), client) = tokio::join!(listener.accept(), client);
        let mut client = client.unwrap();
        assert_eq!(origin, Some(client.local_addr().unwrap()));
        client.write_all(b"x").await.unwrap();
        assert_eq!(accepted.read_u8().await.unwrap(), b'x');
    }
}

/// A port that is busy on one family is reported, and the other family works.
#[tokio::test]
async fn busy_family_is_reported() {
    let busy = TcpListener::bind("[::1]:0").await.unwrap();
    let port = busy.local_addr().unwrap().port();
    let listener = Listener::bind(&tcp(port), BindOptions::default()).await.unwrap();
    assert_eq!(listener.to_string(), format!("127.0.0.1:{port}"));
    assert_eq!(listener.failed.len(), 1);
    assert_eq!(listener.failed[0].address, format!("[::1]:{port}"));
    assert_eq!(listener.failed[0].source.kind(), io::ErrorKind::AddrInUse);
    let error = Listener::bind(&tcp(port), BindOptions::default()).await.unwrap_err();
    assert_eq!(error.to_string(), format!("cannot listen on 127.0.0.1:{port}"));
}

#[tokio::test]
async fn sockets_are_private_and_removed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    let listen = Listen::Unix(path.display().to_string());
    let listener = Listener::bind(&listen, BindOptions::default()).await.unwrap();
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let error = Listener::bind(&listen, BindOptions::default()).await.unwrap_err();
    assert_eq!(error.source.kind(), io::ErrorKind::AlreadyExists);
    // Another program's socket at the same path stays.
    let replacing = BindOptions { unlink: true, ..BindOptions::default() };
    let second = Listener::bind(&listen, replacing).await.unwrap();
    drop(listener);
    assert!(path.exists());
    drop(second);
    assert!(!path.exists());
}

#[tokio::test]
async fn regular_files_survive() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("precious");
    std::fs::write(&path, "data").unwrap();
    let listen = Listen::Unix(path.display().to_string());
    let error = Listener::bind(&listen, BindOptions { unlink: true, gateway: false }).await.unwrap_err();
    assert_eq!(error.source.to_string(), "the file exists already, and is no socket");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "data");
}

#[test]
fn long_paths_are_refused_clearly() {
    assert!(check_path(Path::new(&"a".repeat(MAX_PATH))).is_ok());
    let error = check_path(Path::new(&"a".repeat(MAX_PATH + 1))).unwrap_err();
    let expected = format!("the path has {} bytes; a Unix socket's has {MAX_PATH} at most", MAX_PATH + 1);
    assert_eq!(error.to_string(), expected);
}

/// With `-g` other hosts may connect, as with the address `*`; a name of this machine is resolved.
#[tokio::test]
async fn gateway_listens_on_all_addresses() {
    let gateway = BindOptions { gateway: true, ..BindOptions::default() };
    let listener = Listener::bind(&tcp(0), gateway).await.unwrap();
    assert!(listener.to_string().starts_with("0.0.0.0:"), "{listener}");
    let all = Listener::bind(&Listen::Tcp { bind: Bind::All, port: 0 }, BindOptions::default()).await.unwrap();
    assert!(all.to_string().starts_with("0.0.0.0:"), "{all}");
    let named = Listen::Tcp { bind: Bind::Address("localhost".to_owned()), port: 0 };
    let named = Listener::bind(&named, BindOptions::default()).await.unwrap();
    assert!(named.to_string().starts_with("127.0.0.1:"), "{named}");
    let nowhere = Listen::Tcp { bind: Bind::Address("192.0.2.1".to_owned()), port: 0 };
    let error = Listener::bind(&nowhere, BindOptions::default()).await.unwrap_err();
    assert_eq!(error.source.kind(), io::ErrorKind::AddrNotAvailable);
}
