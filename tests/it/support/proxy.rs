//! HTTP proxies for tests: one that redirects AWS host names to the embedded cloud, and a real one (tinyproxy).

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::spawn;

use super::{World, tool, wait_until};

/// A proxy that answers CONNECT and connects to a configured local port instead of the target.
pub(crate) struct RedirectingProxy {
    pub address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl RedirectingProxy {
    /// Starts the redirecting proxy. Each entry of `redirects` is a part of a target's name and the loopback port to
    /// connect to.
    pub(crate) fn start(redirects: Vec<(&'static str, u16)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let seen = Arc::clone(&asked);
        spawn(move || {
            for stream in listener.incoming().flatten() {
                let (redirects, seen) = (redirects.clone(), Arc::clone(&seen));
                spawn(move || serve_connect(stream, &redirects, &seen));
            }
        });
        Self { address, asked }
    }

    /// Returns the targets of all CONNECT requests.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn serve_connect(mut client: TcpStream, redirects: &[(&'static str, u16)], seen: &Mutex<Vec<String>>) {
    let mut reader = BufReader::new(client.try_clone().unwrap());
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    let target = line.split(' ').nth(1).unwrap_or_default().to_owned();
    while reader.read_line(&mut line).unwrap_or_default() > 2 {
        if line.ends_with("\r\n\r\n") {
            break;
        }
    }
    seen.lock().unwrap().push(target.clone());
    let Some((_, port)) = redirects.iter().find(|(word, _)| target.contains(word)) else {
        let _ = client.write_all(b"HTTP/1.1 502 No Such Host\r\nContent-Length: 0\r\n\r\n");
        return;
    };
    let server = TcpStream::connect(("127.0.0.1", *port)).unwrap();
    client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").unwrap();
    let (mut up, mut down) = (server.try_clone().unwrap(), server);
    let mut back = client.try_clone().unwrap();
    spawn(move || {
        let _ = std::io::copy(&mut down, &mut back);
        let _ = back.shutdown(Shutdown::Write);
    });
    let _ = std::io::copy(&mut reader, &mut up);
    let _ = up.shutdown(Shutdown::Write);
}

/// A real HTTP proxy (tinyproxy).
pub(crate) struct Tinyproxy {
    child: Child,
    pub port: u16,
    folder: tempfile::TempDir,
}

impl Tinyproxy {
    /// Starts tinyproxy with these additional lines in its configuration.
    pub(crate) fn start(extra: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let config = format!(
            "Port {port}\nListen 127.0.0.1\nTimeout 600\nLogFile \"{0}/log\"\nLogLevel Connect\nMaxClients 100\n{extra}\n",
            folder.path().display()
        );
        let path = folder.path().join("tinyproxy.conf");
        fs::write(&path, config).unwrap();
        let mut command = Command::new(tool("tinyproxy"));
        command.arg("-d").arg("-c").arg(path).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().unwrap();
        wait_until("tinyproxy comes up", || TcpStream::connect(("127.0.0.1", port)).is_ok());
        Self { child, port, folder }
    }

    /// Returns tinyproxy's log of connections.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Returns the number of CONNECT requests.
    pub(crate) fn connects(&self) -> usize {
        self.log().matches("CONNECT ").count()
    }
}

impl Drop for Tinyproxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends the command's AWS calls over TLS, so that they use an HTTPS proxy.
pub(crate) fn in_tls(world: &World, command: &mut Command) {
    command.env("AWS_ENDPOINT_URL", world.cloud.tls_endpoint());
}
