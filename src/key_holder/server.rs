//! The holder's process: makes the key, answers connections, and ends when the key is good no more. It holds nothing else: no
//! environment, no terminal, no file of the caller's.

use std::fs;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, interval};

use super::freshness::{Answer, Freshness, Time};
use super::name::KeyKind;
use super::wire::{Request, Response, receive, send};
use crate::agent::socket::is_own_peer;
use crate::agent::wire::login_algorithm;
use crate::ssh::keys::Key;
use crate::when;

/// The interval at which the holder looks whether it is over.
const CHECK_INTERVAL: Duration = Duration::from_millis(200);

/// Serves the key of this kind for logins as `user`, at the listening socket that is the standard input, whose path is `socket`.
///
/// # Errors
/// The standard input is no such socket.
pub(crate) fn run(user: &str, kind: KeyKind, socket: &Path) -> io::Result<()> {
    close_inherited();
    // Neither Ctrl-C nor the end of the terminal is meant for the holder.
    let _ = rustix::process::setsid();
    let listener: std::os::unix::net::UnixListener = io::stdin().as_fd().try_clone_to_owned()?.into();
    listener.set_nonblocking(true)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let key = match kind {
            KeyKind::Ed25519 => Some(Key::ephemeral()),
            KeyKind::Rsa => Some(Key::ephemeral_rsa()),
            KeyKind::None => None,
        };
        let holder = Arc::new(Holder::new(user.to_owned(), key, SocketPath::of(socket)));
        serve(UnixListener::from_std(listener)?, holder).await;
        Ok(())
    })
}

/// Closes what the first connection was started with, a lock of a script for example, which would otherwise be held for as long as
/// the key is.
fn close_inherited() {
    let open = fs::read_dir("/dev/fd").into_iter().flatten().flatten();
    let numbers: Vec<i32> = open.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    for number in numbers.into_iter().filter(|number| *number > 2) {
        let _ = nix::unistd::close(number);
    }
}

/// The path of the socket, for as long as it leads here.
struct SocketPath {
    path: PathBuf,
    inode: Option<(u64, u64)>,
}

impl SocketPath {
    fn of(path: &Path) -> Self {
        Self { path: path.to_owned(), inode: inode(path) }
    }

    fn is_ours(&self) -> bool {
        self.inode.is_some() && inode(&self.path) == self.inode
    }

    fn remove(&self) {
        if self.is_ours() {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Returns the device and the number of a socket in the file system.
fn inode(path: &Path) -> Option<(u64, u64)> {
    let found = fs::symlink_metadata(path).ok().filter(|found| found.file_type().is_socket())?;
    Some((found.dev(), found.ino()))
}

/// Serves connections until the key is over. A retired key takes its socket away, so that later connections start another holder.
async fn serve(listener: UnixListener, holder: Arc<Holder>) {
    let socket = &holder.socket;
    let mut clients = JoinSet::new();
    let mut check = interval(CHECK_INTERVAL);
    loop {
        tokio::select! {
            client = listener.accept() => {
                let Ok((client, _)) = client else { break };
                if is_own_peer(&client) {
                    let holder = Arc::clone(&holder);
                    clients.spawn(async move { holder.answer(client).await });
                }
            }
            Some(_) = clients.join_next() => {}
            _ = check.tick() => {}
        }
        let key = holder.key();
        // Nobody finds a holder whose socket was removed, so only those are served that are connected.
        if key.is_over(now(), clients.len()) || (!socket.is_ours() && clients.is_empty()) {
            break;
        }
        if key.is_retired(now()) {
            socket.remove();
        }
    }
    socket.remove();
}

fn now() -> Time {
    Time { monotonic: Instant::now(), wall: when::now() }
}

/// The key, and whose logins it signs.
struct Holder {
    user: String,
    pair: Option<Key>,
    socket: SocketPath,
    freshness: Mutex<Freshness>,
    /// Sent to at each change of the freshness.
    changes: watch::Sender<()>,
}

impl Holder {
    fn new(user: String, pair: Option<Key>, socket: SocketPath) -> Self {
        let freshness = Mutex::new(Freshness::new(now()));
        Self { user, pair, socket, freshness, changes: watch::Sender::new(()) }
    }

    fn key(&self) -> MutexGuard<'_, Freshness> {
        self.freshness.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut Freshness)) {
        change(&mut self.key());
        self.changes.send_replace(());
    }

    /// Answers one connection until it ends.
    async fn answer(&self, mut client: UnixStream) {
        // When this connection began to push the key.
        let mut pushing = None;
        while let Ok(request) = receive(&mut client).await {
            let response = match request {
                Request::Key => Response::Key(self.pair.as_ref().map(Key::public_line).unwrap_or_default()),
                Request::Turn => {
                    self.end_push(&mut pushing, None);
                    self.turn(&mut pushing).await
                }
                Request::Pushed(succeeded) => {
                    self.end_push(&mut pushing, Some(succeeded));
                    Response::Received
                }
                Request::Denied => {
                    self.change(Freshness::deny);
                    self.socket.remove();
                    Response::Received
                }
                Request::Sign(data) => Response::Signature(self.sign(&data)),
            };
            if send(&mut client, &response).await.is_err() {
                break;
            }
        }
        self.end_push(&mut pushing, None);
    }

    fn end_push(&self, pushing: &mut Option<Time>, succeeded: Option<bool>) {
        if let Some(begun) = pushing.take() {
            self.change(|key| key.end_push(begun, succeeded));
        }
    }

    async fn turn(&self, pushing: &mut Option<Time>) -> Response {
        let mut changes = self.changes.subscribe();
        loop {
            let asked = now();
            let answer = self.key().ask(asked);
            match answer {
                Answer::Fresh(ago) => return Response::Fresh(ago.as_secs()),
                Answer::Retired => {
                    // Whoever is told so looks for another holder at once, and is not to find this one again.
                    self.socket.remove();
                    return Response::Retired;
                }
                Answer::Push => {
                    *pushing = Some(asked);
                    return Response::Push;
                }
                Answer::Wait => {
                    let _ = changes.changed().await;
                }
            }
        }
    }

    fn sign(&self, data: &[u8]) -> Option<Vec<u8>> {
        let pair = self.pair.as_ref()?;
        let algorithm = login_algorithm(data, &self.user, &pair.public_blob())?;
        pair.sign(data, algorithm)
    }
}
