//! A real OpenSSH server whose AuthorizedKeysCommand asks the embedded cloud for the keys pushed, so that only a pushed,
//! unexpired key gets in.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::{World, keygen, tool};

pub struct RealSshd {
    child: Child,
    pub port: u16,
    pub user: String,
    folder: tempfile::TempDir,
}

impl RealSshd {
    /// Starts one for an instance; `extra` are further lines of sshd_config.
    pub fn start(world: &World, instance_id: &str, extra: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for kind in ["ed25519", "ecdsa"] {
            keygen(folder.path(), kind, &["-t", kind, "-N", ""]);
        }
        let user = whoami();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        // SHLVL: a bash that sshd runs would read the startup files of whoever runs the tests.
        let config = format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {0}/ed25519\nHostKey {0}/ecdsa\nPidFile none\nUsePAM no\n\
             StrictModes no\nPermitRootLogin yes\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n\
             AuthorizedKeysFile {0}/authorized_keys\nSubsystem sftp internal-sftp\nMaxStartups 100\nSetEnv SHLVL=2\n\
             AuthorizedKeysCommandUser {user}\n\
             AuthorizedKeysCommand {1} -sf --max-time 5 {2}/lab/keys?instance={instance_id}&user=%u\n{extra}\n",
            folder.path().display(),
            tool("curl").display(),
            world.cloud.endpoint(),
        );
        let path = folder.path().join("sshd_config");
        fs::write(&path, config).unwrap();
        if user == "root" {
            fs::create_dir_all("/run/sshd").unwrap();
        }
        let child = spawn(&folder);
        Self { child, port, user, folder }.up()
    }

    /// The same server again, with further lines in its sshd_config.
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
    pub fn authorize(&self, public_key: &str) {
        fs::write(self.folder.path().join("authorized_keys"), public_key).unwrap();
    }

    /// The processes that serve its connections.
    pub fn sessions(&self) -> Vec<u32> {
        let children = |pid: u32| -> Vec<u32> {
            let output = Command::new(tool("pgrep")).args(["-P", &pid.to_string(), "sshd"]).output().unwrap();
            String::from_utf8(output.stdout).unwrap().split_whitespace().map(|pid| pid.parse().unwrap()).collect()
        };
        let monitors = children(self.child.id());
        let others: Vec<u32> = monitors.iter().flat_map(|pid| children(*pid)).collect();
        [monitors, others].concat()
    }

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
    command.args(["-D", "-e", "-f"]).arg(folder.path().join("sshd_config"));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap()
}

fn whoami() -> String {
    let output = Command::new("id").arg("-un").output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
