//! The race of TCP connections: the order of RFC 8305, and that a dead address costs a quarter of a second instead of
//! ten seconds.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::transport::tcp::{Error, Host, IpFamily, connect, connect_to, interleave};
use tokio::net::TcpListener;

const LIMIT: Duration = Duration::from_secs(5);

fn addresses(text: &str) -> Vec<SocketAddr> {
    text.split_whitespace().map(|address| address.parse().unwrap()).collect()
}

#[test]
fn address_families_alternate() {
    let mixed = interleave(addresses("[2600::1]:22 [2600::2]:22 10.0.0.1:22 10.0.0.2:22 10.0.0.3:22"));
    assert_eq!(mixed, addresses("[2600::1]:22 10.0.0.1:22 [2600::2]:22 10.0.0.2:22 10.0.0.3:22"));
    assert_eq!(interleave(vec![]), vec![]);
}

#[tokio::test]
async fn refused_address_is_skipped_and_named() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let ip = |text: &str| Host::Ip(text.parse().unwrap());
    let begun = Instant::now();
    // Nothing listens on 127.0.0.2.
    let stream = connect(&[ip("127.0.0.2"), ip("127.0.0.1")], port, IpFamily::Any, LIMIT).await.unwrap();
    assert_eq!(stream.peer_addr().unwrap().ip().to_string(), "127.0.0.1");
    assert!(stream.nodelay().unwrap());
    assert!(begun.elapsed() < Duration::from_secs(2));
    let error = connect(&[ip("127.0.0.2"), ip("127.0.0.3")], port, IpFamily::Any, LIMIT).await.unwrap_err();
    assert!(error.any(io::ErrorKind::ConnectionRefused));
    let text = error.to_string();
    assert!(text.contains("127.0.0.2") && text.contains("127.0.0.3"), "{text}");
}

#[tokio::test]
async fn unresolved_name_falls_back_to_its_address() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let instead = Some("127.0.0.1".parse().unwrap());
    let host = Host::Name("ec2-192-0-2-1.invalid".to_owned(), instead);
    connect(&[host], port, IpFamily::Any, LIMIT).await.unwrap();
    let host = Host::Name("localhost".to_owned(), Some("192.0.2.1".parse().unwrap()));
    let stream = connect(&[host], port, IpFamily::V4, LIMIT).await.unwrap();
    assert!(stream.peer_addr().unwrap().ip().is_loopback());
}

/// Addresses of another family are not dialed. If none is left, that is the error.
#[tokio::test]
async fn requested_address_family_is_kept() {
    let hosts = [Host::Ip("127.0.0.1".parse().unwrap())];
    assert!(matches!(connect(&hosts, 1, IpFamily::V6, LIMIT).await, Err(Error::NoAddress)));
    assert!(matches!(connect(&[], 1, IpFamily::Any, LIMIT).await, Err(Error::NoAddress)));
}

/// Uses a listener with a full queue, the nearest thing on loopback to an address that swallows packets.
#[tokio::test]
async fn silent_address_delays_the_next_only_briefly() {
    let full = socket_that_does_not_answer();
    let port = full.0.port();
    let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    let hosts = [Host::Ip(full.0.ip()), Host::Ip("127.0.0.1".parse().unwrap())];
    let begun = Instant::now();
    let stream = connect(&hosts, port, IpFamily::Any, LIMIT).await.unwrap();
    assert_eq!(stream.peer_addr().unwrap(), listener.local_addr().unwrap());
    assert!(begun.elapsed() < Duration::from_secs(3));
    let error = connect(&hosts[..1], port, IpFamily::Any, Duration::from_millis(300)).await.unwrap_err();
    assert!(error.any(io::ErrorKind::TimedOut), "{error}");
}

fn socket_that_does_not_answer() -> (SocketAddr, Vec<std::net::TcpStream>, std::net::TcpListener) {
    let listener = std::net::TcpListener::bind("127.0.0.9:0").unwrap();
    let address = listener.local_addr().unwrap();
    rustix::net::listen(&listener, 0).unwrap();
    let mut queued = Vec::new();
    while let Ok(stream) = std::net::TcpStream::connect_timeout(&address, Duration::from_millis(200)) {
        queued.push(stream);
        assert!(queued.len() < 64, "the queue has no end");
    }
    (address, queued, listener)
}

/// Three seconds were lost at each connection while the name server did not answer.
#[tokio::test(start_paused = true)]
async fn silent_name_server_costs_no_second() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let known = vec![listener.local_addr().unwrap()];
    let begun = tokio::time::Instant::now();
    connect_to(known, std::future::pending(), LIMIT).await.unwrap();
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
}

/// The address that the name server gives late is dialed as well: inside the VPC it is the private one.
#[tokio::test(start_paused = true)]
async fn late_name_is_dialed_beside_the_address() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let right = listener.local_addr().unwrap();
    let late = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        vec![right]
    };
    // Nothing listens at the known address.
    connect_to(addresses("127.0.0.2:1"), late, LIMIT).await.unwrap();
    let late = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        addresses("127.0.0.3:1")
    };
    let error = connect_to(addresses("127.0.0.2:1"), late, LIMIT).await.unwrap_err().to_string();
    assert!(error.contains("127.0.0.2:1") && error.contains("127.0.0.3:1"), "{error}");
}
