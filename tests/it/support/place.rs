//! A fixture with a real sshd and an ssh_config that contains the block of `ec2ssh config`.

use std::fs;
use std::os::unix::fs::FileTypeExt;
use std::path::PathBuf;
use std::process::Command;

use super::RealSshd;
use super::{ID, Run, World, comes_true, tool};

/// A real sshd whose host keys are on its instance's console, and an ssh_config with the block.
pub(crate) struct Place {
    pub world: World,
    pub sshd: RealSshd,
    pub config: PathBuf,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self::with("", "--match my-* --match *.ec2")
    }

    /// Starts the fixture with these lines in sshd_config and these options for the block.
    pub(crate) fn with(sshd_config: &str, options: &str) -> Self {
        Self::at(ID, sshd_config, options)
    }

    /// Starts the fixture with an sshd that accepts the keys pushed to this instance.
    pub(crate) fn at(instance_id: &str, sshd_config: &str, options: &str) -> Self {
        let (world, _) = World::with_instance();
        let sshd = RealSshd::start(&world.cloud, instance_id, sshd_config);
        let keys = ["ed25519", "ecdsa"].map(|kind| fs::read_to_string(sshd.host_key(kind)).unwrap().trim().to_owned());
        world.cloud.print_host_keys(ID, &keys);
        let block = world.run(&format!("config print {options}")).expect(0).out();
        let home = world.home.path().display();
        // These are the user's own lines in the file. ssh takes `~` from the password file, not from HOME, so the paths
        // are absolute.
        let rest = format!(
            "Port {}\nUser {}\nUserKnownHostsFile {home}/.ssh/known_hosts\nGlobalKnownHostsFile /dev/null\n",
            sshd.port, sshd.user
        );
        let config = world.file("ssh_config", &(block + &rest), 0o600);
        Self { world, sshd, config }
    }

    /// Starts an sshd that ignores pushed keys, like an instance without Instance Connect.
    pub(crate) fn without_instance_connect() -> Self {
        Self::at("i-0123456789abcde09", "", "--match my-*")
    }

    /// Starts the fixture without ProxyUseFdpass, so that the proxy process relays the connection.
    pub(crate) fn new_without_fdpass() -> Self {
        Self::new().without_fdpass()
    }

    pub(crate) fn without_fdpass(self) -> Self {
        let place = self;
        let text = fs::read_to_string(&place.config).unwrap();
        let text = text.replace(" --fdpass", "").replace("    ProxyUseFdpass yes\n", "");
        fs::write(&place.config, text).unwrap();
        place
    }

    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = self.world.command(tool(program));
        command.arg("-F").arg(&self.config).args(["-o", "BatchMode=yes"]);
        command
    }

    pub(crate) fn ssh(&self, words: &[&str]) -> Run {
        Run::of(self.command("ssh").args(words).output().unwrap())
    }

    /// Returns the ssh command line for programs that run ssh themselves.
    pub(crate) fn ssh_command(&self) -> String {
        format!("{} -F {} -o BatchMode=yes", tool("ssh").display(), self.config.display())
    }

    /// Returns the agent sockets, the links to them and the ec2ssh processes that still exist.
    pub(crate) fn leftovers(&self) -> Vec<String> {
        let folder = self.world.path("run/ec2ssh");
        let entries = fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path());
        let sockets = entries.filter(|path| {
            // The holder of a shared key outlives the connections on purpose.
            let is_holder = path.file_name().unwrap().to_str().unwrap().starts_with("key-");
            let kind = fs::symlink_metadata(path).map(|found| found.file_type());
            !is_holder && kind.is_ok_and(|kind| kind.is_socket() || kind.is_symlink())
        });
        let sockets = sockets.map(|path| path.display().to_string());
        let pattern = format!("ec2ssh proxy.*{}", self.world.home.path().display());
        let found = Command::new(tool("pgrep")).args(["-fa", &pattern]).output().unwrap();
        let processes = String::from_utf8(found.stdout).unwrap();
        sockets.chain(processes.lines().map(str::to_owned)).collect()
    }

    #[track_caller]
    pub(crate) fn assert_clean(&self) {
        assert!(comes_true(|| self.leftovers().is_empty()), "left over: {:?}", self.leftovers());
    }
}
