//! Tests of what is dialed, and by which proxy.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hyper_util::client::proxy::matcher::Matcher;

use super::Connector;
use crate::web::Error;

/// A proxy that writes down what it is asked for, and refuses it.
struct Proxy {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, asked) = (listener.local_addr().unwrap(), Arc::<Mutex<Vec<String>>>::default());
        let list = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut reader = BufReader::new(stream.unwrap());
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                list.lock().unwrap().extend(line.split(' ').nth(1).map(str::to_owned));
                let _ = reader.get_mut().write_all(b"HTTP/1.1 403 Forbidden\r\n\r\n");
            }
        });
        Self { address, asked }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

/// The metadata service is one hop away, so no proxy is used for it.
#[tokio::test]
async fn link_local_addresses_bypass_the_proxy() {
    let proxy = Proxy::start();
    let proxies = Matcher::builder().all(format!("http://{}", proxy.address)).build();
    let connector = Connector::with_proxies(proxies, None);
    let dial = |uri: &'static str| {
        let connector = connector.clone();
        async move { tokio::time::timeout(Duration::from_millis(300), connector.dial(&uri.parse().unwrap())).await }
    };
    let _ = dial("http://169.254.169.254/latest").await;
    assert!(proxy.asked().is_empty());
    assert!(matches!(dial("http://aws.test/").await, Ok(Err(Error::ProxyRefused { .. }))));
    assert_eq!(proxy.asked(), ["aws.test:80"]);
    assert!(matches!(dial("ftp://aws.test/").await, Ok(Err(Error::Address(_)))));
    // A helper on this machine may serve credentials over plain HTTP, which must not go through a proxy.
    let _ = dial("http://127.0.0.1:1/credentials").await;
    let _ = dial("http://localhost:1/credentials").await;
    let _ = dial("http://[::1]:1/credentials").await;
    assert_eq!(proxy.asked(), ["aws.test:80"]);
    let _ = dial("https://localhost:1/").await;
    assert_eq!(proxy.asked(), ["aws.test:80", "localhost:1"]);
}

#[tokio::test]
async fn unsupported_proxy_is_named_without_password() {
    let proxies = Matcher::builder().all("socks5://me:p@ss@proxy.test:1080").build();
    let error = Connector::with_proxies(proxies, None).dial(&"https://aws.test/".parse().unwrap()).await.err().unwrap();
    assert!(!error.to_string().contains("ss@"), "{error}");
    assert!(error.to_string().contains(":1080"), "{error}");
}
