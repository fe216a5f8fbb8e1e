//! The SSH layer over in-memory pipes, against russh's server: sessions, half-closes, backpressure, host keys.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ec2ssh::confirmation::Confirmation;
use ec2ssh::ssh::client::{Connection, Purpose, Window};
use ec2ssh::ssh::host_keys::Refusal;
use ec2ssh::ssh::host_keys::check::{Console, HostKeyCheck};
use ec2ssh::ssh::host_keys::console::Printed;
use ec2ssh::ssh::host_keys::known_hosts::KnownHosts;
use ec2ssh::ssh::keys::Key;
use ec2ssh::ssh::session::{Exit, Input, Outputs, Program, PtyRequest, WindowSize};
use ec2ssh::ssh::{Error, Event, Events, Policy};
use russh::keys::{Algorithm, PrivateKey};
use russh::server::{Auth, ChannelOpenHandle, Config, Handler, Msg, Session as ServerSession, VerifiedPublicKey};
use russh::{Channel, ChannelId, ChannelMsg, Pty, Sig};
use tokio::io::{AsyncReadExt, DuplexStream, duplex};
use tokio::sync::mpsc;

/// The server's behavior in one session channel.
type Script = fn(Channel<Msg>, russh::server::Handle) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;

struct Server {
    script: Script,
    refuse: bool,
}

impl Handler for Server {
    type Error = russh::Error;

    async fn auth_publickey(&mut self, user: &str, _: VerifiedPublicKey<'_>) -> Result<Auth, russh::Error> {
        Ok(if user == "stranger" { Auth::reject() } else { Auth::Accept })
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        session: &mut ServerSession,
    ) -> Result<(), russh::Error> {
        reply.accept().await;
        tokio::spawn((self.script)(channel, session.handle()));
        Ok(())
    }

    async fn pty_request(
        &mut self,
        channel: ChannelId,
        _: &str,
        _: u32,
        _: u32,
        _: u32,
        _: u32,
        _: &[(Pty, u32)],
        session: &mut ServerSession,
    ) -> Result<(), russh::Error> {
        session.channel_success(channel)
    }

    async fn exec_request(
        &mut self,
        channel: ChannelId,
        _: &[u8],
        session: &mut ServerSession,
    ) -> Result<(), russh::Error> {
        if self.refuse { session.channel_failure(channel) } else { session.channel_success(channel) }
    }
}

/// Waits until the client requests the command; the server's handler has accepted it before the script sends anything.
async fn wait_for_exec(channel: &mut Channel<Msg>) {
    while let Some(message) = channel.wait().await {
        if matches!(message, ChannelMsg::Exec { .. }) {
            return;
        }
    }
}

fn host_key() -> PrivateKey {
    PrivateKey::random(&mut russh::keys::key::safe_rng(), Algorithm::Ed25519).unwrap()
}

fn serve(stream: DuplexStream, key: PrivateKey, script: Script, refuse: bool) {
    let config = Config { keys: vec![key], auth_rejection_time: Duration::ZERO, ..Config::default() };
    tokio::spawn(async move {
        if let Ok(session) = russh::server::run_stream(Arc::new(config), stream, Server { script, refuse }).await {
            let _ = session.await;
        }
    });
}

fn check(folder: &Path, policy: Policy) -> HostKeyCheck {
    HostKeyCheck {
        store: KnownHosts::at(folder.join("known_hosts")),
        instance_id: "i-0123456789abcdef0".to_owned(),
        alias: "i-0123456789abcdef0".to_owned(),
        label: "web".to_owned(),
        names: vec!["web".to_owned()],
        caller_files: Vec::new(),
        console: Console::new(|| async { Ok(Printed::default()) }),
        policy,
        confirmed: Confirmation::given(),
    }
}

fn ignore_events() -> Events {
    Arc::new(|_| {})
}

async fn connected(script: Script) -> Connection {
    connected_to(script, false).await
}

async fn connected_to(script: Script, refuse: bool) -> Connection {
    let (ours, theirs) = duplex(256 * 1024);
    serve(theirs, host_key(), script, refuse);
    let folder = tempfile::tempdir().unwrap();
    let mut connection =
        Connection::handshake(ours, check(folder.path(), Policy::AcceptNew), Window::MIN, ignore_events())
            .await
            .unwrap();
    connection.authenticate("user", &Key::ephemeral()).await.unwrap();
    connection
}

struct RunResult {
    exit: Result<Exit, Error>,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

fn nothing() {}

/// Runs a command with these input events and collects its exit and output.
async fn run(connection: &Connection, input: Vec<Input>) -> RunResult {
    let session = connection.open_session(&Program::Command("x".into()), None).await.unwrap();
    let (sender, receiver) = mpsc::channel(8);
    tokio::spawn(async move {
        for item in input {
            if sender.send(item).await.is_err() {
                return;
            }
        }
        std::future::pending::<()>().await;
    });
    let (stdout, mut out) = duplex(64 * 1024);
    let (stderr, mut err) = duplex(64 * 1024);
    let (mut from_out, mut from_err) = (Vec::new(), Vec::new());
    let running = async {
        let outputs = Outputs { stdout, stderr, close_stdout: nothing };
        connection.run(session, receiver, outputs).await
    };
    let (exit, _, _) = tokio::join!(running, out.read_to_end(&mut from_out), err.read_to_end(&mut from_err));
    RunResult { exit, stdout: from_out, stderr: from_err }
}

#[tokio::test]
async fn stdout_stderr_and_exit_status_are_separate() {
    let connection = connected(|mut channel, handle| {
        Box::pin(async move {
            wait_for_exec(&mut channel).await;
            let id = channel.id();
            handle.data(id, &b"out\0\xff"[..]).await.unwrap();
            handle.extended_data(id, 1, &b"err\r\n"[..]).await.unwrap();
            // Extended data of an unknown type is not standard output.
            handle.extended_data(id, 7, &b"odd"[..]).await.unwrap();
            handle.data(id, &b"more"[..]).await.unwrap();
            handle.exit_status_request(id, 42).await.unwrap();
            handle.eof(id).await.unwrap();
            handle.close(id).await.unwrap();
            std::future::pending::<()>().await;
            drop(channel);
        })
    })
    .await;
    let ran = run(&connection, vec![]).await;
    assert_eq!(ran.exit.unwrap(), Exit::Status(42));
    assert_eq!(ran.stdout, b"out\0\xffmore");
    assert_eq!(ran.stderr, b"err\r\n");
}

/// EOF on the input reaches the server, and output that comes later still arrives.
#[tokio::test]
async fn input_eof_does_not_end_output() {
    let connection = connected(|mut channel, handle| {
        Box::pin(async move {
            let id = channel.id();
            let mut all = Vec::new();
            loop {
                match channel.wait().await {
                    Some(ChannelMsg::Data { data }) => all.extend_from_slice(&data),
                    Some(ChannelMsg::Eof) => break,
                    Some(_) => {}
                    None => return,
                }
            }
            // The output comes well after the end of the input.
            tokio::time::sleep(Duration::from_millis(50)).await;
            all.reverse();
            handle.data(id, all).await.unwrap();
            handle.exit_status_request(id, 0).await.unwrap();
            handle.close(id).await.unwrap();
        })
    })
    .await;
    let ran = run(&connection, vec![Input::Bytes(b"abc".to_vec()), Input::Bytes(b"def".to_vec()), Input::Eof]).await;
    assert_eq!((ran.exit.unwrap(), ran.stdout.as_slice()), (Exit::Status(0), &b"fedcba"[..]));
}

static CLOSED_AT: AtomicUsize = AtomicUsize::new(0);

/// EOF on the output closes standard output at once, and later input still reaches the program.
#[tokio::test]
async fn output_eof_does_not_end_input() {
    let connection = connected(|mut channel, handle| {
        Box::pin(async move {
            wait_for_exec(&mut channel).await;
            let id = channel.id();
            handle.data(id, &b"bye"[..]).await.unwrap();
            handle.eof(id).await.unwrap();
            let mut taken = 0;
            while let Some(message) = channel.wait().await {
                match message {
                    ChannelMsg::Data { data } => taken += data.len(),
                    ChannelMsg::Eof => break,
                    _ => {}
                }
            }
            handle.exit_status_request(id, u32::try_from(taken).unwrap()).await.unwrap();
            handle.close(id).await.unwrap();
        })
    })
    .await;
    let session = connection.open_session(&Program::Command("x".into()), None).await.unwrap();
    let (sender, receiver) = mpsc::channel(1);
    let late = async {
        // The client learns of the end of the output first and sends only then.
        while CLOSED_AT.load(Ordering::SeqCst) == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        sender.send(Input::Bytes(vec![0; 5])).await.unwrap();
        sender.send(Input::Eof).await.unwrap();
    };
    let close_stdout = || {
        CLOSED_AT.fetch_add(1, Ordering::SeqCst);
    };
    let outputs = Outputs { stdout: tokio::io::sink(), stderr: tokio::io::sink(), close_stdout };
    let (exit, ()) = tokio::join!(connection.run(session, receiver, outputs), late);
    assert_eq!(exit.unwrap(), Exit::Status(5));
}

#[tokio::test]
async fn exit_signal_and_missing_status_differ() {
    let connection = connected(|mut channel, handle| {
        Box::pin(async move {
            wait_for_exec(&mut channel).await;
            let id = channel.id();
            handle.exit_signal_request(id, Sig::TERM, false, String::new(), String::new()).await.unwrap();
            handle.close(id).await.unwrap();
        })
    })
    .await;
    assert_eq!(run(&connection, vec![]).await.exit.unwrap(), Exit::Signal("TERM".into()));
    let connection = connected(|mut channel, handle| {
        Box::pin(async move {
            wait_for_exec(&mut channel).await;
            handle.close(channel.id()).await.unwrap();
        })
    })
    .await;
    assert_eq!(run(&connection, vec![]).await.exit.unwrap(), Exit::Unknown);
}

#[test]
fn remote_exit_maps_to_exit_code() {
    let table = [
        (Exit::Status(0), 0),
        (Exit::Status(255), 255),
        (Exit::Status(256 + 7), 7),
        (Exit::Signal("HUP".into()), 129),
        (Exit::Signal("KILL".into()), 137),
        (Exit::Signal("TERM".into()), 143),
        (Exit::Signal("SEGV".into()), 139),
        (Exit::Signal("no such".into()), 255),
        (Exit::Unknown, 255),
        (Exit::OutputClosed, 141),
    ];
    for (exit, code) in table {
        assert_eq!(exit.code(), code, "{exit:?}");
    }
}

#[tokio::test]
async fn a_lost_connection_is_not_an_exit() {
    let connection = connected(|mut channel, handle| {
        Box::pin(async move {
            wait_for_exec(&mut channel).await;
            handle.data(channel.id(), &b"half"[..]).await.unwrap();
            let _ = handle.disconnect(russh::Disconnect::ByApplication, "going down".into(), "en".into()).await;
        })
    })
    .await;
    let ran = run(&connection, vec![]).await;
    let error = ran.exit.unwrap_err();
    assert!(matches!(&error, Error::Lost(reason) if reason.contains("going down")), "{error}");
}

#[tokio::test]
async fn refused_command_is_reported() {
    let connection = connected_to(|channel, _| Box::pin(async move { drop(channel) }), true).await;
    let Err(error) = connection.open_session(&Program::Command("x".into()), None).await else {
        panic!("it was started")
    };
    assert_eq!(error.to_string(), "the server refused to run the command");
}

static SEEN: Mutex<Vec<String>> = Mutex::new(Vec::new());

#[tokio::test]
async fn pty_gets_term_size_modes_and_resizes() {
    let connection = connected(|mut channel, handle| {
        Box::pin(async move {
            while let Some(message) = channel.wait().await {
                let text = match message {
                    ChannelMsg::RequestPty { term, col_width, row_height, terminal_modes, .. } => {
                        format!("pty {term} {col_width}x{row_height} {terminal_modes:?}")
                    }
                    ChannelMsg::WindowChange { col_width, row_height, pix_width, .. } => {
                        handle.exit_status_request(channel.id(), 0).await.unwrap();
                        handle.close(channel.id()).await.unwrap();
                        format!("size {col_width}x{row_height} {pix_width}")
                    }
                    _ => continue,
                };
                SEEN.lock().unwrap().push(text);
            }
        })
    })
    .await;
    let size = WindowSize { columns: 80, rows: 24, ..WindowSize::default() };
    let pty = PtyRequest { term: "vt220".into(), size, modes: vec![(1, 3), (53, 0), (200, 1)] };
    let session = connection.open_session(&Program::Command("x".into()), Some(&pty)).await.unwrap();
    let (sender, receiver) = mpsc::channel(1);
    sender.send(Input::Resized(WindowSize { columns: 132, rows: 43, width: 9, height: 9 })).await.unwrap();
    let outputs = Outputs { stdout: tokio::io::sink(), stderr: tokio::io::sink(), close_stdout: nothing };
    connection.run(session, receiver, outputs).await.unwrap();
    assert_eq!(*SEEN.lock().unwrap(), ["pty vt220 80x24 [(VINTR, 3), (ECHO, 0)]", "size 132x43 9"]);
}

#[tokio::test]
async fn rejected_user_is_denied() {
    let (ours, theirs) = duplex(64 * 1024);
    serve(theirs, host_key(), |_, _| Box::pin(async {}), false);
    let folder = tempfile::tempdir().unwrap();
    let mut connection =
        Connection::handshake(ours, check(folder.path(), Policy::AcceptNew), Window::MIN, ignore_events())
            .await
            .unwrap();
    let error = connection.authenticate("stranger", &Key::ephemeral()).await.unwrap_err();
    assert!(matches!(&error, Error::Denied { user, .. } if user == "stranger"), "{error:?}");
}

/// Performs one handshake with a server that has this host key, and counts the questions asked.
async fn handshake_with(
    folder: &Path,
    key: &PrivateKey,
    policy: Policy,
    answer: Option<bool>,
) -> (Result<(), Error>, usize) {
    let (ours, theirs) = duplex(64 * 1024);
    serve(theirs, key.clone(), |_, _| Box::pin(async {}), false);
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let events: Events = Arc::new(move |event| {
        if let Event::HostKey(question, reply) = event {
            assert!(question.fingerprint.starts_with("SHA256:"));
            count.fetch_add(1, Ordering::SeqCst);
            match answer {
                Some(answer) => reply.send(answer).unwrap(),
                None => drop(reply),
            }
        }
    });
    let result = Connection::handshake(ours, check(folder, policy), Window::MIN, events).await.map(drop);
    (result, asked.load(Ordering::SeqCst))
}

/// A new host key is asked about once, and a changed one is refused under every policy.
#[tokio::test]
async fn new_host_key_prompts_changed_one_fails() {
    let folder = tempfile::tempdir().unwrap();
    let (key, other) = (host_key(), host_key());
    let refused = |result: &Result<(), Error>| matches!(result, Err(Error::HostKey(refusal)) if matches!(**refusal, Refusal::Unknown { .. }));
    // The question goes unanswered, is answered with no, or is not asked under the policy.
    for (policy, answer, asked) in
        [(Policy::Ask, None, 1), (Policy::Ask, Some(false), 1), (Policy::Strict, Some(true), 0)]
    {
        let (result, count) = handshake_with(folder.path(), &key, policy, answer).await;
        assert!(refused(&result) && count == asked, "{policy:?} {result:?}");
    }
    assert!(!folder.path().join("known_hosts").exists());
    let (result, asked) = handshake_with(folder.path(), &key, Policy::Ask, Some(true)).await;
    assert!(result.is_ok() && asked == 1);
    for policy in [Policy::Ask, Policy::Strict, Policy::AcceptNew] {
        let (result, asked) = handshake_with(folder.path(), &key, policy, None).await;
        assert!(result.is_ok() && asked == 0, "{policy:?}");
        let (result, asked) = handshake_with(folder.path(), &other, policy, Some(true)).await;
        let Err(Error::HostKey(refusal)) = result else { panic!("{policy:?}") };
        let Refusal::Changed { line, known, presented, .. } = *refusal else { panic!("{policy:?}") };
        assert_eq!((line, asked), (1, 0));
        assert!(known != presented && known.starts_with("SHA256:"));
    }
}

/// A connection that closes early and a server that does not speak SSH are different errors. Both quote what the server
/// sent.
#[tokio::test]
async fn non_ssh_server_error_quotes_its_banner() {
    async fn handshake_error(script: &'static [u8]) -> Error {
        let (ours, mut theirs) = duplex(64 * 1024);
        tokio::spawn(async move {
            tokio::io::AsyncWriteExt::write_all(&mut theirs, script).await.unwrap();
        });
        let folder = tempfile::tempdir().unwrap();
        Connection::handshake(ours, check(folder.path(), Policy::AcceptNew), Window::MIN, ignore_events())
            .await
            .err()
            .unwrap()
    }
    let error = handshake_error(b"").await;
    assert!(matches!(&error, Error::ClosedEarly { banner: None }), "{error:?}");
    let error = handshake_error(b"SSH-2.0-OpenSSH_9.2\r\n").await;
    assert!(
        matches!(&error, Error::ClosedEarly { banner: Some(banner) } if banner == "SSH-2.0-OpenSSH_9.2"),
        "{error:?}"
    );
    let error = handshake_error(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    assert!(matches!(&error, Error::NotSsh { said } if said == "HTTP/1.1 400 Bad Request"), "{error:?}");
    let error = handshake_error(b"SSH-1.5-old\r\n").await;
    assert!(!matches!(&error, Error::NotSsh { .. }), "{error:?}");
}

/// A write times out only when nothing is taken for the whole limit, not when it is merely slow.
#[tokio::test]
async fn stalled_write_times_out_slow_one_continues() {
    use ec2ssh::ssh::write_timeout::WriteTimeout;
    use tokio::io::AsyncWriteExt;

    let limit = Duration::from_millis(200);
    let (ours, mut theirs) = duplex(1000);
    let mut guard = WriteTimeout::new(ours, limit);
    // The reader is slow but makes progress: each piece is taken within the limit, all of them together well beyond it.
    let reader = tokio::spawn(async move {
        let mut piece = [0; 1000];
        for _ in 0..6 {
            tokio::time::sleep(Duration::from_millis(100)).await;
            theirs.read_exact(&mut piece).await.unwrap();
        }
        theirs
    });
    guard.write_all(&[7; 6000]).await.unwrap();
    let theirs = reader.await.unwrap();
    let error = guard.write_all(&[7; 6000]).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
    drop(theirs);
}

/// The window grows with the round-trip time for bulk data, up to a maximum. A terminal keeps the smallest window.
#[test]
fn window_grows_with_round_trip_for_bulk() {
    let of = |purpose, milliseconds| Window::of(purpose, Duration::from_millis(milliseconds));
    assert_eq!(of(Purpose::Bulk, 0), Window::MIN);
    assert_eq!(of(Purpose::Bulk, 5), Window::MIN);
    let far = [20, 80, 140].map(|milliseconds| of(Purpose::Bulk, milliseconds));
    assert!(far.windows(2).all(|pair| pair[0] != pair[1]) && far[0] != Window::MIN, "{far:?}");
    // The window has a maximum, however long the round trip.
    assert_eq!(of(Purpose::Bulk, 1_000), of(Purpose::Bulk, u64::MAX / 10_000));
    assert_eq!(of(Purpose::Terminal, 1_000), Window::MIN);
}
