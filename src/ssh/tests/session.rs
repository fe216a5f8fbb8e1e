//! Tests of running a program: output, half-closes, exits, the terminal.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use russh::{ChannelMsg, Sig};
use tokio::io::{AsyncReadExt, duplex};
use tokio::sync::mpsc;

use super::{command, connected, connected_to, wait_for_exec};
use crate::program::{Exit, Input, Launch, Outputs, PtyRequest, WindowSize};
use crate::ssh::Error;
use crate::ssh::client::Connection;

struct RunResult {
    exit: Result<Exit, Error>,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

fn nothing() {}

/// Runs a command with these input events and collects its exit and output.
async fn run(connection: &Connection, input: Vec<Input>) -> RunResult {
    let session = connection.open_session(&command()).await.unwrap();
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
    let session = connection.open_session(&command()).await.unwrap();
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
    let Err(error) = connection.open_session(&command()).await else { panic!("it was started") };
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
    let session = connection.open_session(&Launch { pty: Some(pty), ..command() }).await.unwrap();
    let (sender, receiver) = mpsc::channel(1);
    sender.send(Input::Resized(WindowSize { columns: 132, rows: 43, width: 9, height: 9 })).await.unwrap();
    let outputs = Outputs { stdout: tokio::io::sink(), stderr: tokio::io::sink(), close_stdout: nothing };
    connection.run(session, receiver, outputs).await.unwrap();
    assert_eq!(*SEEN.lock().unwrap(), ["pty vt220 80x24 [(VINTR, 3), (ECHO, 0)]", "size 132x43 9"]);
}

/// `2> >(head -n 1)` cut the output short, and the exit status was lost.
#[tokio::test]
async fn closed_stderr_ends_nothing() {
    let connection = connected(|mut channel, handle| {
        Box::pin(async move {
            wait_for_exec(&mut channel).await;
            let id = channel.id();
            for _ in 0..3 {
                handle.extended_data(id, 1, &b"err\n"[..]).await.unwrap();
                handle.data(id, &b"out\n"[..]).await.unwrap();
            }
            handle.exit_status_request(id, 7).await.unwrap();
            handle.eof(id).await.unwrap();
            handle.close(id).await.unwrap();
        })
    })
    .await;
    let session = connection.open_session(&command()).await.unwrap();
    let (_sender, receiver) = mpsc::channel(8);
    let (stdout, mut out) = duplex(1024);
    // Nobody reads the errors.
    let stderr = duplex(16).0;
    let outputs = Outputs { stdout, stderr, close_stdout: nothing };
    let mut seen = Vec::new();
    let running = async { connection.run(session, receiver, outputs).await };
    let (exit, _) = tokio::join!(running, out.read_to_end(&mut seen));
    assert_eq!((exit.unwrap(), seen.as_slice()), (Exit::Status(7), &b"out\nout\nout\n"[..]));
}
