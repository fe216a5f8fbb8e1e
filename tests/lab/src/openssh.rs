//! A real OpenSSH server whose AuthorizedKeysCommand asks the embedded cloud for the keys pushed, so that only a pushed,
//! unexpired key gets in. For tests and benchmarks: what is missing on the machine ends them.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::Cloud;

/// The password file of one that knows a user more.
const PASSWD: &str = "passwd";

/// A running one. It ends with the drop.
pub struct RealSshd {
    child: Child,
    /// Where it listens on loopback.
    pub port: u16,
    /// Whom it lets in: who runs it.
    pub user: String,
    folder: tempfile::TempDir,
}

impl RealSshd {
    /// Starts one for an instance; `extra` are further lines of sshd_config.
    ///
    /// # Panics
    /// When it does not come up.
    pub fn start(cloud: &Cloud, instance_id: &str, extra: &str) -> Self {
        Self::start_for(cloud, instance_id, &whoami(), extra)
    }

    /// The same, which knows us as `user`: an instance's usual user is none of this machine's. Where we are not root, or may
    /// not have a view of the files of our own, it cannot, and lets in who runs it. As another it ends with us, however we end.
    ///
    /// # Panics
    /// When it does not come up.
    pub fn start_as(cloud: &Cloud, instance_id: &str, user: &str, extra: &str) -> Self {
        let unshare = || Command::new(tool("unshare")).args(["-m", "true"]).stderr(Stdio::null()).status();
        let can = whoami() == "root" && unshare().is_ok_and(|status| status.success());
        let user = if can { user.to_owned() } else { whoami() };
        Self::start_for(cloud, instance_id, &user, extra)
    }

    fn start_for(cloud: &Cloud, instance_id: &str, user: &str, extra: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for kind in ["ed25519", "ecdsa"] {
            keygen(folder.path(), kind, &["-t", kind, "-N", ""]);
        }
        let runner = whoami();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        // SHLVL: a bash that sshd runs would read the startup files of whoever runs the tests.
        let config = format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {0}/ed25519\nHostKey {0}/ecdsa\nPidFile none\nUsePAM no\n\
             StrictModes no\nPermitRootLogin yes\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n\
             AuthorizedKeysFile {0}/authorized_keys\nSubsystem sftp internal-sftp\nMaxStartups 100\nSetEnv SHLVL=2\n\
             AuthorizedKeysCommandUser {runner}\n\
             AuthorizedKeysCommand {1} -sf --max-time 5 {2}/lab/keys?instance={instance_id}&user=%u\n{extra}\n",
            folder.path().display(),
            tool("curl").display(),
            cloud.endpoint(),
        );
        let path = folder.path().join("sshd_config");
        fs::write(&path, config).unwrap();
        if runner == "root" {
            fs::create_dir_all("/run/sshd").unwrap();
        }
        if user != runner {
            let others = fs::read_to_string("/etc/passwd").unwrap();
            fs::write(folder.path().join(PASSWD), format!("{others}{user}:x:0:0::/root:/bin/sh\n")).unwrap();
        }
        let child = spawn(&folder);
        Self { child, port, user: user.to_owned(), folder }.up()
    }

    /// The same server again, with further lines in its sshd_config.
    ///
    /// # Panics
    /// When it does not come up.
    #[must_use]
    pub fn restart(mut self, extra: &str) -> Self {
        let path = self.folder.path().join("sshd_config");
        let config = fs::read_to_string(&path).unwrap();
        fs::write(&path, format!("{config}{extra}\n")).unwrap();
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.child = spawn(&self.folder);
        self.up()
    }

    fn up(self) -> Self {
        let sshd = self;
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", sshd.port)).is_err() {
            assert!(begun.elapsed() < Duration::from_secs(10), "sshd does not come up:\n{}", sshd.log());
            std::thread::sleep(Duration::from_millis(20));
        }
        sshd
    }

    /// Puts a public key into its authorized_keys.
    ///
    /// # Panics
    /// When the file cannot be written.
    pub fn authorize(&self, public_key: &str) {
        fs::write(self.folder.path().join("authorized_keys"), public_key).unwrap();
    }

    /// The processes that serve its connections.
    ///
    /// # Panics
    /// Without pgrep.
    pub fn sessions(&self) -> Vec<u32> {
        let children = |pid: u32| -> Vec<u32> {
            let output = Command::new(tool("pgrep")).args(["-P", &pid.to_string(), "sshd"]).output().unwrap();
            String::from_utf8(output.stdout).unwrap().split_whitespace().map(|pid| pid.parse().unwrap()).collect()
        };
        let monitors = children(self.child.id());
        let others: Vec<u32> = monitors.iter().flat_map(|pid| children(*pid)).collect();
        [monitors, others].concat()
    }

    /// What it has said so far.
    ///
    /// # Panics
    /// When the file cannot be read.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    /// The file of a host key's public half.
    pub fn host_key(&self, kind: &str) -> PathBuf {
        self.folder.path().join(format!("{kind}.pub"))
    }
}

impl Drop for RealSshd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(folder: &tempfile::TempDir) -> Child {
    let log = fs::File::create(folder.path().join("log")).unwrap();
    let mut command = Command::new(tool("sshd"));
    let passwd = folder.path().join(PASSWD);
    if passwd.exists() {
        // A view of the files of its own, in which the password file is another one.
        let bind = "mount --bind \"$0\" /etc/passwd && exec \"$@\"";
        command = Command::new(tool("unshare"));
        command.args(["-m", "/bin/sh", "-c", bind]).arg(passwd);
        command.arg(tool("setpriv")).args(["--pdeathsig", "KILL"]).arg(tool("sshd"));
    }
    command.args(["-D", "-e", "-f"]).arg(folder.path().join("sshd_config"));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap()
}

fn whoami() -> String {
    let output = Command::new("id").arg("-un").output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A program that the tests need.
///
/// # Panics
/// Where it is missing: `make` was not used.
pub fn tool(name: &str) -> PathBuf {
    let folders = std::env::var("PATH").unwrap() + ":/usr/sbin:/usr/local/sbin";
    let found = std::env::split_paths(&folders).map(|folder| folder.join(name)).find(|path| path.is_file());
    found.unwrap_or_else(|| panic!("{name} is not installed: run `make test`, which installs what the tests need"))
}

/// Makes a key pair by ssh-keygen; returns the private file's path.
///
/// # Panics
/// When that fails.
pub fn keygen(folder: &Path, name: &str, arguments: &[&str]) -> PathBuf {
    let path = folder.join(name);
    let made = Command::new(tool("ssh-keygen")).args(["-q", "-C", "test", "-f"]).arg(&path).args(arguments).output();
    let made = made.unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    path
}
