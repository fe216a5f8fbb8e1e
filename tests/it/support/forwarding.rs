//! A real sshd whose instance forwards, a client that is held, and servers to forward to.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Child, ChildStderr, Stdio};

use ec2ssh_lab::Instance;

use super::{ID, RealSshd, World};

/// A world with one instance, `my-instance`, that runs a real sshd and whose host key is trusted.
pub(crate) struct Real {
    pub world: World,
    pub sshd: RealSshd,
}

impl Real {
    pub(crate) fn start(extra: &str) -> Self {
        let world = World::empty();
        world.add_amazon_linux();
        world.cloud.add(Instance::named(ID, "my-instance"));
        let sshd = RealSshd::start(&world.cloud, ID, extra);
        let real = Self { world, sshd };
        real.world.run(&real.line("-q --host-keys accept-new", "true")).expect(0);
        real
    }

    /// Returns the arguments for the instance.
    pub(crate) fn line(&self, options: &str, command: &str) -> String {
        format!("{options} -p {} -l {} my-instance {command}", self.sshd.port, self.sshd.user)
    }

    /// Has the server present other host keys from now on.
    pub(crate) fn replace_host_keys(&mut self) {
        self.sshd.replace_host_keys();
    }

    /// Starts the binary without a command, and returns it with its standard error.
    pub(crate) fn hold(&self, options: &str) -> Held {
        let mut command = self.world.ec2ssh(&self.line(&format!("-N -v {options}"), ""));
        Held::of(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
    }
}

/// A running ec2ssh, which is killed when dropped.
pub(crate) struct Held {
    pub child: Child,
    stderr: BufReader<ChildStderr>,
}

impl Held {
    pub(crate) fn of(mut child: Child) -> Self {
        let stderr = BufReader::new(child.stderr.take().unwrap());
        Self { child, stderr }
    }

    /// Waits for a line with this text and returns it.
    pub(crate) fn wait_for(&mut self, text: &str) -> String {
        let mut seen = String::new();
        loop {
            let before = seen.len();
            assert_ne!(self.stderr.read_line(&mut seen).unwrap(), 0, "it ended without {text:?}: {seen}");
            if seen[before..].contains(text) {
                return seen[before..].to_owned();
            }
        }
    }

    /// Waits for a line with this text and returns the port that it names behind it.
    pub(crate) fn port_of(&mut self, text: &str) -> u16 {
        let line = self.wait_for(text);
        let number = |word: &str| word.rsplit(':').next().and_then(|port| port.parse().ok());
        line.split(text).nth(1).unwrap().split_whitespace().find_map(number).unwrap()
    }

    pub(crate) fn descriptors(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.child.id())).unwrap().count()
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Serves connections on a free port of loopback: reads to the end, then answers with what it has read, reversed.
pub(crate) fn mirror() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            std::thread::spawn(move || answer_mirrored(stream));
        }
    });
    port
}

fn answer_mirrored(mut stream: impl Read + Write) {
    let mut seen = Vec::new();
    if stream.read_to_end(&mut seen).is_ok() {
        seen.reverse();
        let _ = stream.write_all(&seen);
    }
}

pub(crate) fn mirror_at(path: &Path) {
    let listener = UnixListener::bind(path).unwrap();
    std::thread::spawn(move || listener.incoming().for_each(|stream| answer_mirrored(stream.unwrap())));
}

/// Sends, ends the input, and returns the answer.
pub(crate) fn exchange(mut stream: TcpStream, sent: &[u8]) -> Vec<u8> {
    stream.write_all(sent).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut back = Vec::new();
    stream.read_to_end(&mut back).unwrap();
    back
}

pub(crate) fn connect(port: u16) -> TcpStream {
    TcpStream::connect(("127.0.0.1", port)).unwrap()
}

pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
