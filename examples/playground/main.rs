//! Runs the embedded cloud and a session through it, with one command and no AWS account.
//!
//! ```text
//! cargo run --example playground              a session on my-instance, then a shell in which `ec2ssh` reaches the embedded cloud
//! cargo run --example playground -- COMMAND   runs one command on my-instance and exits with its status
//! cargo run --example playground -- broken    lists worlds with something in the way; with a NAME, runs `ec2ssh doctor` in it
//! ```
//!
//! Everything is in a folder of its own, which is HOME in the shell, and is removed at the end.
#![allow(clippy::print_stderr, reason = "a demonstration speaks to whoever runs it")]

mod broken;
mod cleanup;
mod folder;

use std::io::IsTerminal;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::{Command, ExitCode, ExitStatus};

use ec2ssh_lab::{Agent, Cloud, Endpoint, Image, Instance, Machine, Metadata, Sshd};

use folder::{BINARY_NAME, CA_FILE, Folder};

/// The VPC that has an Instance Connect Endpoint.
const DB_VPC: &str = "vpc-0123456789abcdef1";

const WINDOWS_ID: &str = "i-0123456789abcde07";
/// The name of the serial console's server in this region.
const SERIAL_HOST: &str = "serial-console.ec2-instance-connect.eu-west-1.aws";

/// Something to try for every command; a test runs it line by line.
const TOUR: &str = include_str!("tour.txt");

fn main() -> std::io::Result<ExitCode> {
    if folder::is_called_as(BINARY_NAME) {
        return Ok(ec2ssh::cli::main(std::env::args_os()));
    }
    let words: Vec<String> = std::env::args().skip(1).collect();
    if words.first().is_some_and(|word| word == "broken") {
        return broken::run(&words[1..]);
    }
    let folder = Folder::create()?;
    let cloud = start_cloud(&folder)?;
    cleanup::at_signals(&cloud, folder.path());
    let playground = Playground { folder: &folder, cloud: &cloud };
    if words.is_empty() { playground.tour() } else { playground.run(&words) }
}

/// Starts a cloud with instances to try, and writes a config file with the ports of their SSH servers.
fn start_cloud(folder: &Folder) -> std::io::Result<Cloud> {
    let cloud = Cloud::start();
    cloud.cost_key_lookup();
    cloud.add_image(Image {
        id: "ami-0a1b2c3d4e5f60718".to_owned(),
        name: "al2023-ami-2023.5.20241001.1-kernel-6.1-x86_64".to_owned(),
        owner: "137112412989".to_owned(),
        description: "Amazon Linux 2023".to_owned(),
    });
    let metadata = cloud.metadata(Metadata::On);
    let mut config = String::new();
    let mut newer = Instance::named("i-0123456789abcde03", "web-2").tag("Env", "prod");
    newer.launched = "2026-11-21T08:30:00.000Z".to_owned();
    let instances = [
        Instance::named("i-0123456789abcde01", "my-instance").tag("Env", "dev"),
        Instance::named("i-0123456789abcde02", "web-1").tag("Env", "prod"),
        newer,
        Instance::named("i-0123456789abcde04", "sleeper").state("stopped"),
        // These two have no public address, and only one route each: EICE and SSM.
        Instance { vpc_id: DB_VPC.to_owned(), ..Instance::named("i-0123456789abcde05", "db-1").private() },
        Instance::named("i-0123456789abcde06", "batch-1").private(),
        windows(),
    ];
    cloud.add_endpoint(Endpoint { vpc_id: DB_VPC.to_owned(), ..Endpoint::new("eice-0123456789abcdef0") });
    let home = Some(folder.machine("batch-1")?);
    cloud.agent("i-0123456789abcde06", Agent { home, ..Agent::recent() });
    let server = cloud.rdp(WINDOWS_ID);
    cloud.console(WINDOWS_ID, server.console(), "");
    folder.write_key("ops.pem", &cloud.password_of_key_pair(WINDOWS_ID, "correct horse battery"))?;
    for (number, mut instance) in (11..).zip(instances) {
        let name = instance.tags[0].1.clone();
        if instance.id == WINDOWS_ID {
            cloud.add(instance);
            continue;
        }
        // A started instance gets the address of loopback itself. The others have one of their own; macOS has no more.
        let is_direct = instance.public_ip.is_some();
        let has_own = is_direct && cfg!(target_os = "linux");
        let host = if has_own { Ipv4Addr::new(127, 0, 0, number) } else { Ipv4Addr::LOCALHOST };
        let machine = Machine { home: folder.machine(&name)?, metadata: Some(metadata.clone()) };
        let sshd = Sshd { host, machine: Some(machine), ..Sshd::default() };
        let host_key = sshd.host_key.public_line();
        let port = cloud.sshd(&instance.id, sshd);
        if name == "my-instance" {
            // Its server stands for the serial console's, too.
            folder.write_serial_host(SERIAL_HOST, &host_key, (host, port))?;
        }
        cloud.port(&instance.id, 22, port);
        if is_direct || instance.state == "stopped" {
            instance.public_ip = instance.public_ip.map(|_| host.to_string());
            config += &format!("[[host]]\nmatch = \"{}\"\nport = {port}\n\n", instance.id);
        }
        // One instance has no host key on its console, so the user is asked about its key.
        if name != "web-1" {
            cloud.print_host_keys(&instance.id, &[host_key]);
        }
        cloud.web(&instance.id, 8080, &format!("This is the web server of {name}.\n"));
        cloud.add(instance);
    }
    folder.write_config(&config)?;
    Ok(cloud)
}

/// The instance with a desktop. Like the database, it has no public address.
fn windows() -> Instance {
    let platform = "Windows".to_owned();
    Instance { vpc_id: DB_VPC.to_owned(), platform, ..Instance::named(WINDOWS_ID, "win-1").private() }
}

struct Playground<'a> {
    folder: &'a Folder,
    cloud: &'a Cloud,
}

impl Playground<'_> {
    /// Builds a command that reaches only the embedded cloud and has a home folder of its own.
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
            .env("AWS_CA_BUNDLE", self.folder.path().join(CA_FILE))
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .envs(self.folder.environment())
            .current_dir(self.folder.home());
        command
    }

    /// Runs one command on my-instance.
    fn run(&self, words: &[String]) -> std::io::Result<ExitCode> {
        let mut command = self.command(&self.folder.ec2ssh());
        let status = command.args(["my-instance", "--"]).args(words).status()?;
        eprintln!("\nThat ran on my-instance, in the embedded cloud; {}.", ended(status));
        eprintln!("More to try, in a shell: cargo run --example playground");
        Ok(code(status))
    }

    /// Opens a session on my-instance, then a shell to try more.
    fn tour(&self) -> std::io::Result<ExitCode> {
        eprintln!("A cloud with seven instances runs on loopback. Now: ec2ssh my-instance");
        eprintln!("It finds the instance by its name, pushes a key that exists only in memory,");
        eprintln!("checks the host key and opens a session. Leave it with: exit\n");
        let status = self.command(&self.folder.ec2ssh()).arg("my-instance").status()?;
        if !std::io::stdin().is_terminal() {
            return Ok(code(status));
        }
        eprintln!("\nThe session is over: {}. This is the playground. Try:\n", ended(status));
        eprint!("{TOUR}");
        eprintln!("\nThis list again: tour. Tab completes names. The end: exit\n");
        let status = self.command(&self.folder.shell()).args(self.folder.shell_arguments()).status()?;
        Ok(code(status))
    }
}

fn ended(status: ExitStatus) -> String {
    status.code().map_or("it was ended by a signal".to_owned(), |code| format!("its exit status is {code}"))
}

fn code(status: ExitStatus) -> ExitCode {
    ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(255))
}
