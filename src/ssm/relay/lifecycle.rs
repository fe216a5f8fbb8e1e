//! The turning points of a session: its connection is resumed, or it is ended.

use std::time::{Duration, Instant};

use tokio::time::{sleep, timeout};

use super::{Relay, now, until};
use crate::ssm::Error;
use crate::ssm::api::ResumeError;
use crate::ssm::ws::{self, Received, connect};
use crate::web::websocket::WebSocket;

/// Timeout for the service's confirmation that the session has ended, and again for closing the websocket.
const TERMINATE_TIMEOUT: Duration = Duration::from_millis(700);

impl Relay {
    /// Opens a new websocket for the same session. Returns `false` if the service reports that the session is over.
    pub(super) async fn resume(&mut self, why: &str) -> Result<bool, Error> {
        self.api.step(format!("connection to Session Manager lost ({why}); resuming the session"));
        let mut pause = self.resumption.lost(self.data_channel.progress(), Instant::now());
        if self.resumption.is_exhausted(Instant::now()) {
            return Err(Error::Lost(why.to_owned()));
        }
        loop {
            sleep(pause).await;
            let ResumeError { why, is_network } = match self.api.resume(self.url.clone()).await {
                Ok(None) => return Ok(false),
                Ok(Some(grant)) => {
                    let url = grant.url.expose().clone();
                    match connect(&self.connector, grant).await {
                        Ok(socket) => {
                            self.on_resumed(socket, url);
                            return Ok(true);
                        }
                        Err(error) => ResumeError { why: error.to_string(), is_network: error.is_transient() },
                    }
                }
                Err(no) => no,
            };
            match self.resumption.failed(is_network, Instant::now()) {
                Some(next) => pause = next,
                None => return Err(Error::Lost(why)),
            }
            self.api.step(format!("resuming failed: {why}; retrying"));
        }
    }

    fn on_resumed(&mut self, socket: WebSocket, url: String) {
        (self.ws_sink, self.ws_stream) = ws::split(socket);
        self.url = url;
        self.resumption.restored(Instant::now());
        self.data_channel.reconnected(now());
        self.api.step("session resumed".to_owned());
    }

    /// Ends the session after the local side is done: through the agent, or by an API call if that is not confirmed in
    /// time.
    pub(super) async fn end_session(&mut self) {
        let end_sent = self.data_channel.terminate(now());
        let confirmed = async {
            while end_sent && self.data_channel.closed().is_none() {
                let next_tick = self.data_channel.next_tick(Instant::now());
                tokio::select! {
                    () = self.ws_sink.flush(&mut self.data_channel) => {}
                    () = until(next_tick) => {}
                    received = self.ws_stream.recv() => match received {
                        Received::Messages(messages) => {
                            let taken = messages.iter().try_for_each(|bytes| self.data_channel.take(bytes, now()));
                            if taken.is_err() {
                                return false;
                            }
                        }
                        Received::End(_) => return false,
                    },
                }
                while self.data_channel.next_received().is_some() {}
                self.data_channel.tick(now());
            }
            end_sent
        };
        if timeout(TERMINATE_TIMEOUT, confirmed).await != Ok(true) {
            self.api.terminate().await;
        }
        let _ = timeout(TERMINATE_TIMEOUT, self.ws_sink.close()).await;
    }
}
