//! Test environment: the embedded cloud, a home directory of its own, and the binary.

pub(crate) mod agent;
pub(crate) mod forwarding;
pub(crate) mod place;
pub(crate) mod proxy;
pub(crate) mod pty;

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

pub(crate) use ec2ssh_lab::openssh::{RealSshd, keygen, tool};
use ec2ssh_lab::{Agent, Cloud, Endpoint, Image, Instance, Sshd};

/// Id of the instance that most tests use.
pub(crate) const ID: &str = "i-0123456789abcde01";

/// Id of the EC2 Instance Connect Endpoint that most tests use.
pub(crate) const EICE: &str = "eice-0123456789abcdef0";

/// Environment of one test: an embedded cloud and a temporary home directory.
pub(crate) struct World {
    pub cloud: Cloud,
    pub home: tempfile::TempDir,
}

impl World {
    /// Creates a world without instances.
    pub(crate) fn empty() -> Self {
        let world = Self { cloud: Cloud::start(), home: tempfile::tempdir().unwrap() };
        for folder in [".aws", ".ssh", "config/ec2ssh", "run"] {
            fs::create_dir_all(world.home.path().join(folder)).unwrap();
        }
        fs::write(world.path("authority.pem"), Cloud::authority()).unwrap();
        world
    }

    /// Creates a world with one instance, `my-instance`, that runs an SSH server, and returns the server's port too.
    pub(crate) fn with_instance() -> (Self, u16) {
        let world = Self::empty();
        world.add_amazon_linux();
        world.cloud.add(Instance::named(ID, "my-instance"));
        let port = world.cloud.sshd(ID, Sshd::default());
        (world, port)
    }

    /// Creates a world like [`World::with_instance`] whose instance has been connected to: its host key is trusted, and its
    /// look-up and image are cached.
    pub(crate) fn trusted() -> (Self, u16) {
        let (world, port) = Self::with_instance();
        world.run(&format!("-q --host-keys accept-new -p {port} my-instance true")).expect(0);
        (world, port)
    }

    /// Creates a world with one instance, `db-1`, that has no public address, an endpoint in its VPC and a Session
    /// Manager agent. Its SSH server is the lab's.
    pub(crate) fn private() -> Self {
        let world = Self::empty();
        world.add_amazon_linux();
        let instance = Instance::named(ID, "db-1").private();
        let nobody = (instance.private_ip.clone().unwrap(), 22);
        assert!(
            std::net::TcpStream::connect(&nobody).is_err(),
            "an sshd on all addresses of this machine answers at {nobody:?}, where nobody should: stop it for the tests"
        );
        world.cloud.add(instance);
        let sshd = Sshd::default();
        world.cloud.print_host_keys(ID, &[sshd.host_key.public_line()]);
        let port = world.cloud.sshd(ID, sshd);
        world.cloud.port(ID, 22, port);
        world.cloud.add_endpoint(Endpoint::new(EICE));
        world.cloud.agent(ID, Agent::recent());
        world
    }

    pub(crate) fn add_amazon_linux(&self) {
        self.cloud.add_image(Image {
            id: "ami-0a1b2c3d4e5f60718".to_owned(),
            name: "al2023-ami-2023.5.20241001.1-kernel-6.1-x86_64".to_owned(),
            owner: "137112412989".to_owned(),
            description: "Amazon Linux 2023".to_owned(),
        });
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// Writes a file with this mode in the home directory.
    pub(crate) fn file(&self, name: &str, content: &str, mode: u32) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
        path
    }

    /// Writes the config file of ec2ssh.
    pub(crate) fn config(&self, text: &str) {
        fs::write(self.path("config/ec2ssh/config.toml"), text).unwrap();
    }

    /// Has the next connection push a key: nobody finds the holder of the last one.
    pub(crate) fn forget_key(&self) {
        let _ = fs::remove_dir_all(self.path("run/ec2ssh"));
    }

    /// Returns the path of ec2ssh's known_hosts file.
    pub(crate) fn known_hosts(&self) -> PathBuf {
        self.path("data/ec2ssh/known_hosts")
    }

    /// Returns the environment variables of the binary.
    pub(crate) fn environment(&self) -> Vec<(&'static str, String)> {
        let path = |name: &str| self.path(name).display().to_string();
        vec![
            ("PATH", std::env::var("PATH").unwrap()),
            ("HOME", self.home.path().display().to_string()),
            ("XDG_CONFIG_HOME", path("config")),
            ("XDG_DATA_HOME", path("data")),
            ("XDG_CACHE_HOME", path("cache")),
            ("XDG_RUNTIME_DIR", path("run")),
            ("TERM", "xterm-256color".to_owned()),
            ("LANG", "C.UTF-8".to_owned()),
            ("AWS_ENDPOINT_URL", self.cloud.endpoint().to_owned()),
            ("AWS_REGION", "eu-west-1".to_owned()),
            ("AWS_ACCESS_KEY_ID", self.cloud.access_key().to_owned()),
            ("AWS_SECRET_ACCESS_KEY", ec2ssh_lab::SECRET.to_owned()),
            ("AWS_CA_BUNDLE", path("authority.pem")),
            ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
        ]
    }

    /// Creates a command that has only this world's environment, its home directory and no input.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env_clear().envs(self.environment()).current_dir(self.home.path()).stdin(Stdio::null());
        command
    }

    /// Creates a command for the binary, with the words of `line` as its arguments.
    pub(crate) fn ec2ssh(&self, line: &str) -> Command {
        let mut command = self.command(BINARY);
        command.args(line.split_whitespace());
        command
    }

    /// Runs the binary and waits until it exits.
    pub(crate) fn run(&self, line: &str) -> Run {
        Run::of(self.ec2ssh(line).output().unwrap())
    }

    /// Runs a command with `input` as its standard input.
    pub(crate) fn run_with_input(&self, mut command: Command, input: &[u8]) -> Run {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let input = input.to_vec();
        let writer = std::thread::spawn(move || {
            let _ = stdin.write_all(&input);
        });
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap();
        Run::of(output)
    }

    /// Runs the binary and returns status, standard output and standard error as one text for a snapshot, with the
    /// values that differ from run to run replaced.
    pub(crate) fn snapshot(&self, line: &str) -> String {
        self.redact(&format!("$ ec2ssh {line}\n{}", self.run(line)))
    }

    pub(crate) fn redact(&self, text: &str) -> String {
        text.replace(&self.home.path().display().to_string(), "HOME").replace(self.cloud.endpoint(), "ENDPOINT")
    }
}

/// Path of the binary that cargo built for this test.
pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_ec2ssh");

/// Exit status and output of a run.
#[derive(Debug)]
pub(crate) struct Run {
    pub code: i32,
    pub stdout: Vec<u8>,
    pub stderr: String,
}

impl Run {
    pub(crate) fn of(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: output.stdout,
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    pub(crate) fn out(&self) -> String {
        String::from_utf8(self.stdout.clone()).unwrap()
    }

    /// Fails the test unless the exit status is `code`.
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self}");
        self
    }
}

impl std::fmt::Display for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let stdout = String::from_utf8_lossy(&self.stdout);
        write!(f, "status: {}\n--- stdout\n{stdout}--- stderr\n{}", self.code, self.stderr)
    }
}

/// Time limit for a condition that has to come true.
const WAIT_TIMEOUT: Duration = Duration::from_secs(30);
/// Interval at which a condition is looked at.
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// Returns whether the condition comes true. Every wait of the tests goes through here.
pub(crate) fn comes_true(mut condition: impl FnMut() -> bool) -> bool {
    let begun = Instant::now();
    while !condition() {
        if begun.elapsed() > WAIT_TIMEOUT {
            return false;
        }
        std::thread::sleep(POLL_INTERVAL);
    }
    true
}

/// Waits until a condition holds, and fails the test if it does not come true.
#[track_caller]
pub(crate) fn wait_until(what: &str, condition: impl FnMut() -> bool) {
    assert!(comes_true(condition), "waited in vain: {what}");
}

/// Waits until a child has printed a line with this text, and returns what it has printed until then.
#[track_caller]
pub(crate) fn wait_for_line(output: impl Read, text: &str) -> String {
    let mut seen = String::new();
    let mut reader = BufReader::new(output);
    while !seen.contains(text) {
        assert_ne!(reader.read_line(&mut seen).unwrap(), 0, "it ended without {text:?}: {seen}");
    }
    seen
}
