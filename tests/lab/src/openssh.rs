//! A real OpenSSH server whose AuthorizedKeysCommand asks the embedded cloud for the pushed keys, so that only a
//! pushed, unexpired key is accepted. For tests and benchmarks: panics if a required program is missing.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::Cloud;

/// The name of the password file of a server with one more user.
const PASSWD: &str = "passwd";
/// The name of the PAM configuration of a server that uses PAM.
const PAM: &str = "pam";

/// A running OpenSSH server, which is killed when dropped.
pub struct RealSshd {
    child: Child,
    /// The port on loopback that the server listens on.
    pub port: u16,
    /// The user that may log in.
    pub user: String,
    folder: tempfile::TempDir,
}

impl RealSshd {
    /// Starts a server whose PAM configuration is `pam`, in a mount namespace of its own, which needs root. `None` where there is
    /// none.
    ///
    /// # Panics
    /// If sshd does not start.
    pub fn start_with_pam(cloud: &Cloud, instance_id: &str, pam: &str, extra: &str) -> Option<Self> {
        if !can_unshare() {
            return None;
        }
        let sshd = Self::start(cloud, instance_id, &format!("UsePAM yes\n{extra}"));
        fs::write(sshd.folder.path().join(PAM), pam).unwrap();
        Some(sshd.restart(""))
    }

    /// Starts a server for an instance; `extra` is lines for sshd_config that go before the usual ones.
    ///
    /// # Panics
    /// If sshd does not start.
    pub fn start(cloud: &Cloud, instance_id: &str, extra: &str) -> Self {
        Self::start_for(cloud, instance_id, &whoami(), extra)
    }

    /// Starts a server at which the current user logs in as `user`, because an instance's usual user does not exist on
    /// this machine. This needs root and a mount namespace; without them, the login user is the current user. A server
    /// with another login user is killed when its parent process ends, for whatever reason.
    ///
    /// # Panics
    /// If sshd does not start.
    pub fn start_as(cloud: &Cloud, instance_id: &str, user: &str, extra: &str) -> Self {
        let user = if can_unshare() { user.to_owned() } else { whoami() };
        Self::start_for(cloud, instance_id, &user, extra)
    }

    fn start_for(cloud: &Cloud, instance_id: &str, user: &str, extra: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for kind in ["ed25519", "ecdsa"] {
            keygen(folder.path(), kind, &["-t", kind, "-N", ""]);
        }
        let runner = whoami();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        // SHLVL is set because otherwise a bash started by sshd would read the startup files of the user who runs the
        // tests.
        let config = format!(
            "{extra}\nPort {port}\nListenAddress 127.0.0.1\nHostKey {0}/ed25519\nHostKey {0}/ecdsa\nPidFile none\nUsePAM no\n\
             StrictModes no\nPermitRootLogin yes\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n\
             AuthorizedKeysFile {0}/authorized_keys\nSubsystem sftp internal-sftp\nMaxStartups 100\nSetEnv SHLVL=2\n\
             AuthorizedKeysCommandUser {runner}\n\
             AuthorizedKeysCommand {1} -sf --max-time 5 {2}/lab/keys?instance={instance_id}&user=%u\n",
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

    /// Restarts the server with further lines in its sshd_config.
    ///
    /// # Panics
    /// If sshd does not start.
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

    /// Makes new host keys, which the server presents to the next connections.
    ///
    /// # Panics
    /// If ssh-keygen fails.
    pub fn replace_host_keys(&mut self) {
        for kind in ["ed25519", "ecdsa"] {
            fs::remove_file(self.folder.path().join(kind)).unwrap();
            keygen(self.folder.path(), kind, &["-t", kind, "-N", ""]);
        }
        let id = self.child.id().to_string();
        let hung_up = Command::new("kill").args(["-HUP", &id]).status().unwrap();
        assert!(hung_up.success());
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

    /// Puts a public key into the server's authorized_keys, replacing its content.
    ///
    /// # Panics
    /// If the file cannot be written.
    pub fn authorize(&self, public_key: &str) {
        fs::write(self.folder.path().join("authorized_keys"), public_key).unwrap();
    }

    /// Returns the ids of the processes that serve the server's connections.
    ///
    /// # Panics
    /// If pgrep is missing.
    pub fn sessions(&self) -> Vec<u32> {
        let children = |pid: u32| -> Vec<u32> {
            let output = Command::new(tool("pgrep")).args(["-P", &pid.to_string(), "sshd"]).output().unwrap();
            String::from_utf8(output.stdout).unwrap().split_whitespace().map(|pid| pid.parse().unwrap()).collect()
        };
        let monitors = children(self.child.id());
        let others: Vec<u32> = monitors.iter().flat_map(|pid| children(*pid)).collect();
        [monitors, others].concat()
    }

    /// Returns the log of the server so far.
    ///
    /// # Panics
    /// If the file cannot be read.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    /// Returns the path of a host key's public half.
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
    for (name, target) in [(PASSWD, "/etc/passwd"), (PAM, "/etc/pam.d/sshd")] {
        let file = folder.path().join(name);
        if file.exists() {
            // A mount namespace of its own, in which the file is replaced.
            let bind = format!("mount --bind \"$0\" {target} && exec \"$@\"");
            command = Command::new(tool("unshare"));
            command.args(["-m", "/bin/sh", "-c", &bind]).arg(file);
            command.arg(tool("setpriv")).args(["--pdeathsig", "KILL"]).arg(tool("sshd"));
        }
    }
    command.args(["-D", "-e", "-f"]).arg(folder.path().join("sshd_config"));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap()
}

/// Whether a program can be given a mount namespace of its own.
fn can_unshare() -> bool {
    let unshare = || Command::new(tool("unshare")).args(["-m", "true"]).stderr(Stdio::null()).status();
    whoami() == "root" && unshare().is_ok_and(|status| status.success())
}

fn whoami() -> String {
    let output = Command::new("id").arg("-un").output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Returns the path of a program that the tests need.
///
/// # Panics
/// If the program is missing; `make test` installs it. Also in nextest's profile `quick`, which needs no program.
pub fn tool(name: &str) -> PathBuf {
    let is_quick = std::env::var("NEXTEST_PROFILE").is_ok_and(|profile| profile == "quick");
    assert!(!is_quick, "this test needs {name}: exclude it from the profile `quick` in .config/nextest.toml");
    let folders = std::env::var("PATH").unwrap() + ":/usr/sbin:/usr/local/sbin";
    let found = std::env::split_paths(&folders).map(|folder| folder.join(name)).find(|path| path.is_file());
    found.unwrap_or_else(|| panic!("{name} is not installed: run `make test`, which installs what the tests need"))
}

/// Makes a key pair with ssh-keygen and returns the private file's path.
///
/// # Panics
/// If ssh-keygen fails.
pub fn keygen(folder: &Path, name: &str, arguments: &[&str]) -> PathBuf {
    let path = folder.join(name);
    let made = Command::new(tool("ssh-keygen")).args(["-q", "-C", "test", "-f"]).arg(&path).args(arguments).output();
    let made = made.unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    path
}
