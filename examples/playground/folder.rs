//! The folder of the playground: the home folder of its shell, those of the instances, and the programs in PATH. Nothing outside of it
//! is written.

use std::fs;
use std::io;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use ec2ssh_lab::Cloud;

/// The file name of the embedded cloud's CA certificate, for `AWS_CA_BUNDLE`.
pub(crate) const CA_FILE: &str = "authority.pem";
/// The file of ssh's configuration in ~/.ssh that includes the user's own, `config`.
const SSH_CONFIG: &str = "playground_config";
pub(crate) const BINARY_NAME: &str = if cfg!(windows) { "ec2ssh.exe" } else { "ec2ssh" };

/// The prompt of the playground, in the language of each shell.
const BASH_RC: &str = "PS1='playground:\\w\\$ '\nsource <(ec2ssh completions bash)\n";
const ZSH_RC: &str = "PROMPT='playground:%~%# '\n";
const FISH_RC: &str = "function fish_prompt; echo -n 'playground:'(prompt_pwd)'> '; end\nset fish_greeting\n";

/// A folder that is private to the user and is removed when dropped.
pub(crate) struct Folder(tempfile::TempDir);

impl Folder {
    /// Makes the folder, with the programs and the files of the shell.
    pub(crate) fn create() -> io::Result<Self> {
        let folder = Self(tempfile::Builder::new().prefix("ec2ssh-playground-").tempdir()?);
        for name in ["bin", "run", "home/.ssh", "home/.config/fish"] {
            fs::create_dir_all(folder.path().join(name))?;
        }
        fs::write(folder.path().join(CA_FILE), Cloud::authority())?;
        for (name, text) in [(".bashrc", BASH_RC), (".zshrc", ZSH_RC), (".config/fish/config.fish", FISH_RC)] {
            fs::write(folder.home().join(name), text)?;
        }
        folder.link_ec2ssh()?;
        folder.write_programs()?;
        Ok(folder)
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Returns the home folder of the shell.
    pub(crate) fn home(&self) -> PathBuf {
        self.path().join("home")
    }

    /// Returns the path of ec2ssh.
    pub(crate) fn ec2ssh(&self) -> PathBuf {
        self.path().join("bin").join(BINARY_NAME)
    }

    /// Makes the home folder of an instance.
    pub(crate) fn machine(&self, name: &str) -> io::Result<PathBuf> {
        let home = self.path().join("instances").join(name);
        fs::create_dir_all(&home)?;
        fs::write(home.join("README"), format!("This is {name}, an instance of the embedded cloud.\n"))?;
        fs::write(home.join(".bashrc"), format!("PS1='[ec2-user@{name} \\W]\\$ '\n"))?;
        Ok(home)
    }

    /// Writes the config file of ec2ssh, where Linux and macOS have it.
    pub(crate) fn write_config(&self, config: &str) -> io::Result<()> {
        for place in [".config/ec2ssh", "Library/Application Support/ec2ssh"] {
            fs::create_dir_all(self.home().join(place))?;
            fs::write(self.home().join(place).join("config.toml"), config)?;
        }
        Ok(())
    }

    /// Writes the private key of a key pair.
    pub(crate) fn write_key(&self, name: &str, pem: &str) -> io::Result<()> {
        let path = self.home().join(".ssh").join(name);
        fs::write(&path, pem)?;
        #[cfg(unix)]
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o400))?;
        Ok(())
    }

    /// Leads ssh to the server that stands for the serial console's, and vouches for its host key.
    pub(crate) fn write_serial_host(&self, name: &str, key: &str, at: (Ipv4Addr, u16)) -> io::Result<()> {
        let ssh = self.home().join(".ssh");
        fs::write(ssh.join("known_hosts"), format!("{name} {key}\n"))?;
        let (host, port) = at;
        let own = format!("Host {name}\n  HostName {host}\n  Port {port}\n");
        fs::write(ssh.join(SSH_CONFIG), format!("{own}Match all\nInclude {}\n", ssh.join("config").display()))
    }

    /// Returns the variables that keep everything in this folder.
    pub(crate) fn environment(&self) -> Vec<(&'static str, std::ffi::OsString)> {
        let home = self.home();
        let old = std::env::var_os("PATH").unwrap_or_default();
        let path = std::iter::once(self.path().join("bin")).chain(std::env::split_paths(&old));
        let of_home = |name: &str| home.join(name).into_os_string();
        vec![
            ("HOME", home.clone().into_os_string()),
            ("ZDOTDIR", home.clone().into_os_string()),
            ("XDG_CONFIG_HOME", of_home(".config")),
            ("XDG_DATA_HOME", of_home(".local/share")),
            ("XDG_CACHE_HOME", of_home(".cache")),
            ("XDG_RUNTIME_DIR", self.path().join("run").into_os_string()),
            ("HISTFILE", of_home(".history")),
            ("PATH", std::env::join_paths(path).unwrap_or(old)),
        ]
    }

    /// Returns the user's shell, or bash, which edits lines, where it is not set.
    pub(crate) fn shell(&self) -> PathBuf {
        let own = std::env::var_os("SHELL").map(PathBuf::from).filter(|shell| !shell.as_os_str().is_empty());
        let is_known = |shell: &PathBuf| {
            shell.file_name().is_some_and(|name| ["bash", "zsh", "fish"].iter().any(|known| name == *known))
        };
        let bash = ["/bin/bash", "/usr/bin/bash"].map(PathBuf::from).into_iter().find(|path| path.exists());
        own.filter(is_known).or(bash).unwrap_or_else(|| PathBuf::from("/bin/sh"))
    }

    /// Returns the arguments with which the shell reads the files of this folder.
    pub(crate) fn shell_arguments(&self) -> Vec<std::ffi::OsString> {
        let is_bash = self.shell().file_name().is_some_and(|name| name == "bash");
        if is_bash { vec!["--rcfile".into(), self.home().join(".bashrc").into()] } else { Vec::new() }
    }

    /// Links this program under the name of ec2ssh. Linked with the library, it does all that `main.rs` does, so nothing has to be
    /// built twice.
    fn link_ec2ssh(&self) -> io::Result<()> {
        #[cfg(unix)]
        std::os::unix::fs::symlink(std::env::current_exe()?, self.ec2ssh())?;
        #[cfg(not(unix))]
        drop(fs::copy(std::env::current_exe()?, self.ec2ssh())?);
        Ok(())
    }

    /// Writes `tour`, and an ssh, scp and sftp that read this home folder's configuration: OpenSSH takes the account's, whatever HOME
    /// says.
    fn write_programs(&self) -> io::Result<()> {
        let tour = self.path().join("tour.txt");
        fs::write(&tour, super::TOUR)?;
        self.script("tour", &format!("exec cat '{}'", tour.display()))?;
        fs::write(self.home().join(".ssh/config"), "")?;
        let ssh = self.home().join(".ssh").display().to_string();
        let options = format!("-F '{ssh}/{SSH_CONFIG}' -o UserKnownHostsFile='{ssh}/known_hosts'");
        let folders = std::env::var_os("PATH").unwrap_or_default();
        for name in ["ssh", "scp", "sftp"] {
            let found = std::env::split_paths(&folders).map(|folder| folder.join(name)).find(|path| path.is_file());
            if let Some(program) = found {
                self.script(name, &format!("exec '{}' {options} \"$@\"", program.display()))?;
            }
        }
        Ok(())
    }

    fn script(&self, name: &str, text: &str) -> io::Result<()> {
        let path = self.path().join("bin").join(name);
        fs::write(&path, format!("#!/bin/sh\n{text}\n"))?;
        #[cfg(unix)]
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
        Ok(())
    }
}

/// Whether this program was called under this name.
pub(crate) fn is_called_as(program: &str) -> bool {
    let name = std::env::args_os().next().map(PathBuf::from);
    name.is_some_and(|name| name.file_name() == Some(program.as_ref()))
}
