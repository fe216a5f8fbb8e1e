//! The agent's side of a session that forwards a port: smux version 1, written from its description. Each stream is a connection to the
//! port, which ends in both directions with the stream.

use std::collections::HashMap;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::sync::mpsc;

const HEADER: usize = 8;
const MAX_FRAME: usize = 32_768;

/// The messages that the session has to send.
pub(crate) enum ToClient {
    /// Bytes of the multiplexer.
    Bytes(Vec<u8>),
    /// The port could not be connected to.
    Refused,
}

/// The connections of one session.
pub(crate) struct Smux {
    port: u16,
    received: Vec<u8>,
    streams: HashMap<u32, OwnedWriteHalf>,
    to_client: mpsc::Sender<ToClient>,
    /// The largest number of connections that were open at once.
    pub most: usize,
}

fn frame(command: u8, stream: u32, data: &[u8]) -> Vec<u8> {
    let mut bytes = vec![1, command];
    bytes.extend(u16::try_from(data.len()).unwrap_or_default().to_le_bytes());
    bytes.extend(stream.to_le_bytes());
    bytes.extend(data);
    bytes
}

impl Smux {
    pub(crate) fn new(port: u16) -> (Self, mpsc::Receiver<ToClient>) {
        let (to_client, from) = mpsc::channel(4);
        (Self { port, received: Vec::new(), streams: HashMap::new(), to_client, most: 0 }, from)
    }

    /// Takes bytes of the client; returns what was wrong with them.
    pub(crate) async fn take(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.received.extend(bytes);
        while self.received.len() >= HEADER {
            let length = usize::from(u16::from_le_bytes([self.received[2], self.received[3]]));
            if self.received[0] != 1 || length > MAX_FRAME {
                return Err(format!("a frame that begins with {:?}", &self.received[..HEADER]));
            }
            if self.received.len() < HEADER + length {
                break;
            }
            let rest = self.received.split_off(HEADER + length);
            let whole = std::mem::replace(&mut self.received, rest);
            let stream = u32::from_le_bytes([whole[4], whole[5], whole[6], whole[7]]);
            self.serve(whole[1], stream, &whole[HEADER..]).await?;
        }
        Ok(())
    }

    async fn serve(&mut self, command: u8, stream: u32, data: &[u8]) -> Result<(), String> {
        match command {
            0 if stream < 3 || stream.is_multiple_of(2) => Err(format!("a client's stream with the number {stream}")),
            // As the real agent, it dials while nothing else is done.
            0 => match TcpStream::connect(("127.0.0.1", self.port)).await {
                Ok(socket) => {
                    self.connected(stream, socket);
                    Ok(())
                }
                Err(_) => {
                    let _ = self.to_client.send(ToClient::Refused).await;
                    Ok(())
                }
            },
            1 => {
                self.streams.remove(&stream);
                Ok(())
            }
            2 => {
                if let Some(socket) = self.streams.get_mut(&stream) {
                    let _ = socket.write_all(data).await;
                }
                Ok(())
            }
            3 => Ok(()),
            other => Err(format!("the command {other}")),
        }
    }

    fn connected(&mut self, stream: u32, socket: TcpStream) {
        let _ = socket.set_nodelay(true);
        let (mut from, to) = socket.into_split();
        self.streams.insert(stream, to);
        self.most = self.most.max(self.streams.len());
        let to_client = self.to_client.clone();
        tokio::spawn(async move {
            let mut chunk = vec![0; 16 * 1024];
            while let Ok(count @ 1..) = from.read(&mut chunk).await {
                if to_client.send(ToClient::Bytes(frame(2, stream, &chunk[..count]))).await.is_err() {
                    return;
                }
            }
            let _ = to_client.send(ToClient::Bytes(frame(1, stream, b""))).await;
        });
    }
}
