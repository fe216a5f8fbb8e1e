//! Runs the embedded cloud and a session through it, with one command and no AWS account.
//!
//! ```text
//! cargo run --example playground              a shell in which `ec2ssh` talks to the embedded cloud, begun on my-instance
//! cargo run --example playground -- COMMAND   runs one command on my-instance and exits with its status
//! ```
#![allow(clippy::print_stderr, reason = "a demonstration speaks to whoever runs it")]

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, ExitStatus};

use ec2ssh_lab::{Agent, Cloud, Endpoint, Image, Instance, Sshd};

/// The VPC that has an Instance Connect Endpoint.
const DB_VPC: &str = "vpc-0123456789abcdef1";

/// The file name of the embedded cloud's CA certificate, for `AWS_CA_BUNDLE`.
const CA_FILE: &str = "authority.pem";

/// Something to try for every command.
const TO_TRY: &str = r#"  ec2ssh list               the instances
  ec2ssh my-instanec        a name with a typo
  ec2ssh web                a name that two instances match
  ec2ssh sleeper            a stopped instance; then: ec2ssh --start sleeper
  ec2ssh web-1 uname -a     a command; the console has no host key, so you are asked
  ec2ssh --dry-run web-2    the plan only
  ec2ssh db-1               no public address: through an EC2 Instance Connect Endpoint
  ec2ssh batch-1            no public address and no endpoint: through Session Manager
  ec2ssh --via ssm db-1     a route that fails, and its error
  ec2ssh known-hosts        the host keys that are trusted by now, and why
  source <(ec2ssh completions bash)     then: ec2ssh w and the Tab key
  ec2ssh config print --match 'web-*' > "$XDG_RUNTIME_DIR/c"; ssh -F "$XDG_RUNTIME_DIR/c" ec2-user@web-2
                            plain ssh by name (`ec2ssh proxy`); scp, rsync and git work the same way"#;

const BINARY_NAME: &str = if cfg!(windows) { "ec2ssh.exe" } else { "ec2ssh" };

fn main() -> std::io::Result<ExitCode> {
    if is_called_as_ec2ssh() {
        return Ok(ec2ssh::cli::main(std::env::args_os()));
    }
    let words: Vec<String> = std::env::args().skip(1).collect();
    // The folder is private to the user and is removed when dropped.
    let folder = tempfile::Builder::new().prefix("ec2ssh-playground-").tempdir()?;
    let cloud = start_cloud(folder.path())?;
    let playground = Playground { ec2ssh: link_ec2ssh(folder.path())?, folder: folder.path(), cloud: &cloud };
    if words.is_empty() { playground.tour() } else { playground.run(&words) }
}

/// Starts a cloud with instances to try, and writes a config file with the ports of their SSH servers.
fn start_cloud(folder: &Path) -> std::io::Result<Cloud> {
    let cloud = Cloud::start();
    cloud.cost_key_lookup();
    cloud.add_image(Image {
        id: "ami-0a1b2c3d4e5f60718".to_owned(),
        name: "al2023-ami-2023.5.20241001.1-kernel-6.1-x86_64".to_owned(),
        owner: "137112412989".to_owned(),
        description: "Amazon Linux 2023".to_owned(),
    });
    let mut config = String::new();
    let instances = [
        Instance::named("i-0123456789abcde01", "my-instance").tag("Env", "dev"),
        Instance::named("i-0123456789abcde02", "web-1").tag("Env", "prod"),
        Instance::named("i-0123456789abcde03", "web-2").tag("Env", "prod"),
        Instance::named("i-0123456789abcde04", "sleeper").state("stopped"),
        // These two have no public address, and only one route each: EICE and SSM.
        Instance { vpc_id: DB_VPC.to_owned(), ..Instance::named("i-0123456789abcde05", "db-1").private() },
        Instance::named("i-0123456789abcde06", "batch-1").private(),
    ];
    cloud.add_endpoint(Endpoint { vpc_id: DB_VPC.to_owned(), ..Endpoint::new("eice-0123456789abcdef0") });
    cloud.agent("i-0123456789abcde06", Agent::recent());
    for instance in instances {
        let sshd = Sshd::default();
        let host_key = sshd.host_key.public_line();
        let port = cloud.sshd(&instance.id, sshd);
        let name = instance.tags[0].1.clone();
        cloud.port(&instance.id, 22, port);
        for pattern in [&name, &instance.id] {
            // Instances with a direct route are all on loopback, so only the port in the config file tells them apart.
            if instance.private_ip.as_ref().is_some_and(|ip| ip.starts_with("10.")) {
                config.push_str(&format!("[[host]]\nmatch = \"{pattern}\"\nport = {port}\n\n"));
            }
        }
        // One instance has no host key on its console, so the user is asked about its key.
        if name != "web-1" {
            cloud.print_host_keys(&instance.id, &[host_key]);
        }
        cloud.add(instance);
    }
    std::fs::write(folder.join(CA_FILE), Cloud::authority())?;
    // The config folders of Linux and of macOS.
    for place in ["config/ec2ssh", "Library/Application Support/ec2ssh"] {
        std::fs::create_dir_all(folder.join(place))?;
        std::fs::write(folder.join(place).join("config.toml"), &config)?;
    }
    Ok(cloud)
}

/// Links this program under the name of ec2ssh and returns the path. Linked with the library, it does all that
/// `main.rs` does, so nothing has to be built twice.
fn link_ec2ssh(folder: &Path) -> std::io::Result<PathBuf> {
    let link = folder.join("bin").join(BINARY_NAME);
    for name in ["bin", "run"] {
        std::fs::create_dir_all(folder.join(name))?;
    }
    #[cfg(unix)]
    std::os::unix::fs::symlink(std::env::current_exe()?, &link)?;
    #[cfg(not(unix))]
    std::fs::copy(std::env::current_exe()?, &link)?;
    Ok(link)
}

/// Whether this program was called under the name of ec2ssh.
fn is_called_as_ec2ssh() -> bool {
    let name = std::env::args_os().next().map(PathBuf::from);
    name.is_some_and(|name| name.file_name() == Some(BINARY_NAME.as_ref()))
}

struct Playground<'a> {
    ec2ssh: PathBuf,
    folder: &'a Path,
    cloud: &'a Cloud,
}

impl Playground<'_> {
    /// Builds a command that reaches only the embedded cloud and has folders of its own.
    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("AWS_")) {
            command.env_remove(name);
        }
        command
            .env("AWS_ENDPOINT_URL", self.cloud.endpoint())
            .env("AWS_REGION", "eu-west-1")
            .env("AWS_ACCESS_KEY_ID", self.cloud.access_key())
            .env("AWS_SECRET_ACCESS_KEY", ec2ssh_lab::SECRET)
            .env("AWS_CA_BUNDLE", self.folder.join(CA_FILE))
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("XDG_CONFIG_HOME", self.folder.join("config"))
            .env("XDG_DATA_HOME", self.folder.join("data"))
            .env("XDG_CACHE_HOME", self.folder.join("cache"))
            .env("XDG_RUNTIME_DIR", self.folder.join("run"));
        if cfg!(target_os = "macos") {
            command.env("HOME", self.folder);
        }
        command
    }

    /// Runs one command on my-instance.
    fn run(&self, words: &[String]) -> std::io::Result<ExitCode> {
        let mut command = self.command(&self.ec2ssh);
        let status = command.args(["my-instance", "--"]).args(words).status()?;
        Ok(code(status))
    }

    /// Opens a session on my-instance, then a shell to try more.
    fn tour(&self) -> std::io::Result<ExitCode> {
        eprintln!("An embedded cloud with six instances runs on loopback at {}.", self.cloud.endpoint());
        eprintln!(
            "Now: ec2ssh my-instance. It finds the instance by name, pushes a key that exists only in memory through"
        );
        eprintln!("EC2 Instance Connect, and opens a session. Leave it with `exit`, or with Enter ~.\n");
        let status = self.command(&self.ec2ssh).args(["-v", "my-instance"]).status()?;
        if !std::io::stdin().is_terminal() {
            return Ok(code(status));
        }
        eprintln!(
            "\nTry more in this shell (its `ec2ssh` reaches only the embedded cloud; `exit` ends the playground):"
        );
        eprintln!("{TO_TRY}");
        let shell = std::env::var_os("SHELL").unwrap_or_else(|| "/bin/sh".into());
        let path = self.ec2ssh.parent().map(Path::to_owned).unwrap_or_default();
        let old = std::env::var_os("PATH").unwrap_or_default();
        let all = std::env::join_paths(std::iter::once(path).chain(std::env::split_paths(&old)));
        let status = self.command(Path::new(&shell)).env("PATH", all.map_err(std::io::Error::other)?).status()?;
        Ok(code(status))
    }
}

fn code(status: ExitStatus) -> ExitCode {
    ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(255))
}
