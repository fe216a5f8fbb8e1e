//! Tests of opening a data channel, on a paused clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::StreamExt;
use hyper_util::client::proxy::matcher::Matcher;
use tokio::net::TcpListener;

use super::open;
use crate::secret::Secret;
use crate::ssm::Error;
use crate::ssm::api::{BoxFuture, ChannelToken, KeyError, ResumeError, SessionApi};
use crate::ssm::cipher::DataKey;
use crate::ssm::handshake::{KeyRequest, Purpose};
use crate::web::Connector;

/// A service that counts how often the session was ended.
#[derive(Default)]
struct Service {
    terminated: AtomicUsize,
}

impl SessionApi for Service {
    fn resume(&self, _: String) -> BoxFuture<'_, Result<Option<ChannelToken>, ResumeError>> {
        Box::pin(async { Ok(None) })
    }

    fn data_key(&self, _: KeyRequest) -> BoxFuture<'_, Result<DataKey, KeyError>> {
        Box::pin(async { Err(KeyError { reason: String::new(), denied: true }) })
    }

    fn terminate(&self) -> BoxFuture<'_, ()> {
        self.terminated.fetch_add(1, Ordering::Relaxed);
        Box::pin(async {})
    }

    fn terminate_with_fresh_pool(&self) -> BoxFuture<'_, ()> {
        self.terminate()
    }

    fn step(&self, _: String) {}

    fn notice(&self, _: String) {}
}

#[tokio::test]
async fn mute_agent_ends_the_session() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    // The service accepts the websocket and reads, but the agent never says anything.
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut socket = tokio_tungstenite::accept_async(stream).await.unwrap();
        tokio::time::pause();
        while socket.next().await.is_some() {}
    });
    let token = ChannelToken { url: Secret::new(url), token: Secret::new("token".to_owned()), headers: Vec::new() };
    let service = Arc::new(Service::default());
    let connector = Connector::with_proxies(Matcher::builder().build(), None);
    let error = open(connector, token, Arc::clone(&service) as _, Purpose::Connection).await.err().unwrap();
    assert!(matches!(error, Error::NoHandshake(15)), "{error}");
    assert_eq!(service.terminated.load(Ordering::Relaxed), 1);
}
