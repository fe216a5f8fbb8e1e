//! The setup of a measurement: the embedded cloud, a real sshd behind it, and a home folder of its own.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use ec2ssh_lab::openssh::{RealSshd, keygen, tool};
use ec2ssh_lab::{Agent, Cloud, Endpoint, Image, Instance, SECRET};

pub(crate) const ID: &str = "i-0123456789abcde01";
pub(crate) const EICE: &str = "eice-0123456789abcdef0";

/// Returns the path of the ec2ssh binary that was built beside this program.
pub(crate) fn ec2ssh_binary() -> String {
    let here = std::env::current_exe().unwrap();
    let path = here.parent().and_then(Path::parent).unwrap().join("ec2ssh");
    assert!(path.exists(), "{} is not there: `make bench` builds it", path.display());
    path.display().to_string()
}

/// Returns the path of another build of ec2ssh to compare with, or of another program, if the variable names one.
pub(crate) fn other(variable: &str) -> Option<PathBuf> {
    std::env::var_os(variable).map(PathBuf::from).filter(|path| path.exists())
}

/// Returns the command line with another build in place of this one.
pub(crate) fn with_other_build(line: &str) -> Option<String> {
    Some(line.replacen(&ec2ssh_binary(), other("OTHER_EC2SSH")?.to_str()?, 1))
}

/// The simulated distance to the instance and to AWS.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Distance {
    /// The round-trip time to the instance.
    pub round_trip: Duration,
    /// The delay of each API call.
    pub call: Duration,
    /// Whether the API calls use TLS, through a relay one round trip away.
    pub tls: bool,
}

impl Distance {
    pub(crate) const NONE: Self = Self { round_trip: Duration::ZERO, call: Duration::ZERO, tls: false };
    pub(crate) const FAR: Self =
        Self { round_trip: Duration::from_millis(80), call: Duration::from_millis(80), tls: false };
}

/// The time that an instance takes to look up pushed keys, each time sshd asks for them.
pub(crate) const KEY_LOOKUP_TIME: Duration = Duration::from_millis(190);

pub(crate) struct Setup {
    pub cloud: Cloud,
    pub sshd: RealSshd,
    /// The port of the sshd, or of the relay in front of it if there is a distance.
    pub port: u16,
    endpoint: String,
    home: tempfile::TempDir,
}

impl Setup {
    pub(crate) fn new(distance: Distance, key_lookup: Duration) -> Self {
        Self::create(distance, key_lookup, "")
    }

    /// Creates a setup without any distance whose sshd has these lines in its configuration.
    #[allow(dead_code, reason = "`make soak` uses it")]
    pub(crate) fn with_sshd(config: &str) -> Self {
        Self::create(Distance::NONE, Duration::ZERO, config)
    }

    fn create(distance: Distance, key_lookup: Duration, sshd_config: &str) -> Self {
        let cloud = Cloud::start();
        let image = "al2023-ami-2023.5.20241001.1-kernel-6.1-x86_64";
        cloud.add_image(Image {
            id: "ami-0a1b2c3d4e5f60718".to_owned(),
            name: image.to_owned(),
            owner: "137112412989".to_owned(),
            description: "Amazon Linux 2023".to_owned(),
        });
        cloud.add(Instance::named(ID, "my-instance"));
        cloud.add_endpoint(Endpoint::new(EICE));
        cloud.agent(ID, Agent::recent());
        cloud.delay_calls(distance.call);
        cloud.delay_key_lookup(key_lookup);
        let sshd = RealSshd::start_as(&cloud, ID, "ec2-user", sshd_config);
        let keys = ["ed25519", "ecdsa"].map(|kind| fs::read_to_string(sshd.host_key(kind)).unwrap().trim().to_owned());
        cloud.print_host_keys(ID, &keys);
        let near = distance.round_trip.is_zero();
        let port = if near { sshd.port } else { cloud.relay(sshd.port, distance.round_trip) };
        cloud.port(ID, 22, port);
        let endpoint = if distance.tls {
            let address = cloud.tls_endpoint();
            let behind = address.rsplit(':').next().unwrap().parse().unwrap();
            format!("https://localhost:{}", cloud.relay(behind, distance.round_trip))
        } else {
            cloud.endpoint().to_owned()
        };
        let setup = Self { cloud, sshd, port, endpoint, home: tempfile::tempdir().unwrap() };
        setup.write_files(&keys[0]);
        setup
    }

    fn write_files(&self, host_key: &str) {
        for folder in ["bin", "run", "config/ec2ssh", ".ssh"] {
            fs::create_dir_all(self.path(folder)).unwrap();
        }
        fs::write(self.path("authority.pem"), Cloud::authority()).unwrap();
        keygen(&self.path(".ssh"), "floor", &["-t", "ed25519", "-N", ""]);
        keygen(&self.path(".ssh"), "filed", &["-t", "ed25519", "-N", ""]);
        self.sshd.authorize(&fs::read_to_string(self.path(".ssh/filed.pub")).unwrap());
        fs::write(self.path(".ssh/known_hosts"), format!("[127.0.0.1]:{} {host_key}\n", self.port)).unwrap();
        let config = format!(
            "BatchMode yes\nIdentitiesOnly yes\nStrictHostKeyChecking yes\nUserKnownHostsFile {}\n\
             GlobalKnownHostsFile /dev/null\n",
            self.path(".ssh/known_hosts").display()
        );
        fs::write(self.path("ssh_config"), config).unwrap();
        // Set the login user if it is not the image's usual user.
        let user = &self.sshd.user;
        let host =
            if user == "ec2-user" { String::new() } else { format!("[[host]]\nmatch = \"*\"\nuser = \"{user}\"\n") };
        fs::write(self.path("config/ec2ssh/config.toml"), host).unwrap();
        // The AWS CLI and mssh run the first `ssh` in PATH and give it no remote command.
        let ssh = format!("exec {} -F {} -T \"$@\" true", tool("ssh").display(), self.path("ssh_config").display());
        self.script("bin/ssh", &ssh);
        // The URL is in a file and not on the command line: with the access key, any user of this machine could push a
        // key and log in.
        let access_key = self.cloud.access_key();
        let keys = format!("{}/lab/keys?instance={ID}&user={user}&access_key={access_key}", self.cloud.endpoint());
        fs::write(self.path("put"), format!("silent\nfail\nrequest = PUT\nurl = \"{keys}\"\n")).unwrap();
        let (curl, settings) = (tool("curl"), self.path("put"));
        let put = |body: &str| format!("{} -K {} --data-binary {body}", curl.display(), settings.display());
        self.script("keep-keys", "true");
        self.script("no-keys", &put("''"));
        self.script("floor-key", &put(&format!("@{}", self.path(".ssh/floor.pub").display())));
        let forget = format!("rm -rf {0}/cache {0}/data; {1}", self.home.path().display(), put("''"));
        self.script("nothing-known", &forget);
    }

    /// Writes an executable shell script, for `hyperfine --prepare` or as the `ssh` in PATH, and returns its path.
    pub(crate) fn script(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// Builds a command that sees only the home folder and the embedded cloud of this setup.
    pub(crate) fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new(program.as_ref());
        let path = format!("{}:{}", self.path("bin").display(), std::env::var("PATH").unwrap());
        command.env_clear().env("PATH", path).current_dir(self.home.path()).stdin(std::process::Stdio::null());
        for (name, folder) in [
            ("HOME", ""),
            ("XDG_CONFIG_HOME", "config"),
            ("XDG_DATA_HOME", "data"),
            ("XDG_CACHE_HOME", "cache"),
            ("XDG_RUNTIME_DIR", "run"),
            ("AWS_CA_BUNDLE", "authority.pem"),
        ] {
            command.env(name, self.path(folder));
        }
        command
            .env("TERM", "xterm-256color")
            .env("LANG", "C.UTF-8")
            .env("AWS_ENDPOINT_URL", &self.endpoint)
            .env("AWS_REGION", "eu-west-1")
            .env("AWS_DEFAULT_REGION", "eu-west-1")
            .env("AWS_ACCESS_KEY_ID", self.cloud.access_key())
            .env("AWS_SECRET_ACCESS_KEY", SECRET)
            .env("AWS_EC2_METADATA_DISABLED", "true");
        command
    }

    /// Returns the command line of `ec2ssh NAME` with the port of this setup.
    pub(crate) fn ec2ssh(&self, rest: &str) -> String {
        format!("{} -q -p {} {rest}", ec2ssh_binary(), self.port)
    }

    /// Returns the command line of `ec2ssh NAME` without a port, because tunnels lead to the default port.
    pub(crate) fn ec2ssh_by_tunnel(rest: &str) -> String {
        format!("{} -q {rest}", ec2ssh_binary())
    }

    /// Returns the command line of plain ssh with one of the keys.
    pub(crate) fn ssh(&self, key: &str, rest: &str) -> String {
        format!(
            "{} -F {} -i {} -p {} {}@127.0.0.1 {rest}",
            tool("ssh").display(),
            self.path("ssh_config").display(),
            self.path(".ssh").join(key).display(),
            self.port,
            self.sshd.user
        )
    }

    /// Runs a command line without quoting to its end, and panics if it fails.
    pub(crate) fn run(&self, line: &str) {
        let mut words = line.split_whitespace();
        let status = self.command(words.next().unwrap()).args(words).status().unwrap();
        assert!(status.success(), "{line}: {status}");
    }
}
