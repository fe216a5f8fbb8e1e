//! Measures the time from a key to its echo in a pty, also while another channel of the same connection is busy.

use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use portable_pty::{CommandBuilder, PtySize, native_pty_system};

use crate::figures::{median, quantile, table};
use crate::setup::{Distance, Setup, ec2ssh_binary};

const KEYS: usize = 200;
const KEY_INTERVAL: Duration = Duration::from_millis(15);
/// Produces about 8 MB/s on the other channel, which makes it busy without saturating the path.
const BUSY_COMMAND: &str = "while head -c 80000 /dev/zero; do sleep 0.01; done";

pub(crate) fn run() {
    let setup = Setup::new(Distance::NONE, Duration::ZERO);
    let ec2ssh = ec2ssh_binary();
    setup.run(&setup.ec2ssh("my-instance true"));
    setup.run(&Setup::ec2ssh_by_tunnel("--via ssm my-instance true"));
    let direct = setup.ssh("filed", "");
    let proxy = format!("{ec2ssh} proxy -q -i {} -p {} %r@my-instance", key(&setup).display(), setup.port);
    let tunnel = format!("{ec2ssh} proxy -q --via ssm -i {} -p 22 %r@my-instance", key(&setup).display());
    let by =
        |proxy: &str| direct.replacen(" -F ", &format!(" -o ProxyCommand='{proxy}' -F "), 1).replace("filed", "floor");
    let cases = [
        ("ssh", direct.clone(), false),
        ("ec2ssh", setup.ec2ssh("-t my-instance"), false),
        ("ec2ssh, Session Manager", Setup::ec2ssh_by_tunnel("-t --via ssm my-instance"), false),
        ("ssh, another channel busy", direct.clone(), true),
        ("ssh through `ec2ssh proxy`, another channel busy", by(&proxy), true),
        ("ssh through `ec2ssh proxy --via ssm`, another channel busy", by(&tunnel), true),
    ];
    let mut rows = Vec::new();
    for (name, line, is_busy) in cases {
        let times = measure(&setup, &line, is_busy);
        rows.push(vec![
            name.to_owned(),
            format!("{:.2}", median(&times)),
            format!("{:.2}", quantile(&times, 0.9)),
            format!("{:.2}", quantile(&times, 0.99)),
        ]);
    }
    table(&format!("From a key to its echo, {KEYS} keys"), &["", "median, ms", "90 %", "99 %"], &rows);
}

fn key(setup: &Setup) -> PathBuf {
    setup.path(".ssh/floor.pub")
}

fn measure(setup: &Setup, line: &str, is_busy: bool) -> Vec<f64> {
    let control = setup.path("control");
    let master = format!(" -M -S {} -F ", control.display());
    let line = if is_busy { line.replacen(" -F ", &master, 1) } else { line.to_owned() };
    let tty = if line.starts_with(&ec2ssh_binary()) { line } else { line.replacen(" -F ", " -tt -F ", 1) };
    let mut terminal = Terminal::run(setup, &format!("{tty} cat"));
    terminal.wait_for_echo();
    let mut other = is_busy.then(|| busy(setup, &control));
    if is_busy {
        std::thread::sleep(Duration::from_millis(500));
    }
    let times = (0..KEYS).map(|number| terminal.echo(b'a' + u8::try_from(number % 20).unwrap())).collect();
    if let Some(other) = &mut other {
        assert!(other.try_wait().unwrap().is_none(), "the other channel was not busy to the end");
        let _ = other.kill();
        let _ = other.wait();
    }
    times
}

/// Returns the echoes of a session with this command line, whose remote program is `cat`, after `busy` has begun.
pub(crate) fn echoes(setup: &Setup, line: &str, busy: impl FnOnce()) -> Vec<f64> {
    let mut terminal = Terminal::run(setup, &format!("{line} cat"));
    terminal.wait_for_echo();
    busy();
    (0..KEYS).map(|number| terminal.echo(b'a' + u8::try_from(number % 20).unwrap())).collect()
}

/// Starts another session over the shared connection of this control socket.
fn busy(setup: &Setup, control: &std::path::Path) -> Child {
    let mut command = setup.command(ec2ssh_lab::openssh::tool("ssh"));
    command.arg("-F").arg("/dev/null").arg("-S").arg(control).args(["nobody", BUSY_COMMAND]);
    command.stdout(Stdio::null()).spawn().unwrap()
}

/// A program that runs in a pty.
pub(crate) struct Terminal {
    writer: Box<dyn Write + Send>,
    read: Receiver<(Instant, Vec<u8>)>,
    child: Box<dyn portable_pty::Child + Send + Sync>,
    _master: Box<dyn portable_pty::MasterPty + Send>,
}

impl Terminal {
    pub(crate) fn run(setup: &Setup, line: &str) -> Self {
        let pair = native_pty_system().openpty(PtySize::default()).unwrap();
        let mut command = CommandBuilder::new("/bin/sh");
        command.args(["-c", &format!("exec {line}")]);
        command.env_clear();
        for (name, value) in setup.command("env").get_envs() {
            command.env(name, value.unwrap());
        }
        command.cwd(setup.path(""));
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let mut reader = pair.master.try_clone_reader().unwrap();
        let (sender, read) = channel();
        std::thread::spawn(move || {
            let mut chunk = [0; 4096];
            while let Ok(count @ 1..) = reader.read(&mut chunk) {
                if sender.send((Instant::now(), chunk[..count].to_vec())).is_err() {
                    return;
                }
            }
        });
        Self { writer: pair.master.take_writer().unwrap(), read, child, _master: pair.master }
    }

    /// Types Ctrl-C, and returns the seconds until the program ends and the kilobytes that it writes until then.
    pub(crate) fn interrupt(&mut self) -> (f64, f64) {
        while self.read.try_recv().is_ok() {}
        let begun = Instant::now();
        self.writer.write_all(&[3]).unwrap();
        let (mut last, mut count) = (begun, 0_u32);
        while let Ok((at, bytes)) = self.read.recv() {
            last = at;
            count += u32::try_from(bytes.len()).unwrap();
        }
        self.child.wait().unwrap();
        ((last - begun).as_secs_f64(), f64::from(count) / 1000.0)
    }

    /// Waits until the remote side echoes keys: the local terminal is in raw mode and echoes nothing.
    fn wait_for_echo(&mut self) {
        std::thread::sleep(Duration::from_secs(2));
        while self.read.try_recv().is_ok() {}
        for letter in b"xyz" {
            self.echo(*letter);
        }
    }

    /// Types a key and returns the milliseconds until its echo.
    fn echo(&mut self, key: u8) -> f64 {
        std::thread::sleep(KEY_INTERVAL);
        let typed = Instant::now();
        self.writer.write_all(&[key]).unwrap();
        loop {
            let (at, bytes) = self.read.recv_timeout(Duration::from_secs(10)).unwrap();
            if bytes.contains(&key) {
                return at.duration_since(typed).as_secs_f64() * 1000.0;
            }
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
