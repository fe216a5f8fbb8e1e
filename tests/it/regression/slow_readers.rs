//! Reports about output that nobody takes for a while: `| less`, Ctrl-S, text that is being selected.

use std::io::Read;
use std::process::{Child, Stdio};
use std::time::Duration;

use ec2ssh_lab::{Agent, Endpoint, Instance};
use portable_pty::{CommandBuilder, PtySize, native_pty_system};

use crate::support::{BINARY, EICE, ID, RealSshd, Run, World};

/// The server gives up after 3 unanswered keepalives, one a second. CIS's benchmarks ask for 15 seconds.
const IMPATIENT: &str = "ClientAliveInterval 1\nClientAliveCountMax 3";
/// The time for which nobody reads: longer than the server waits.
const PAUSE: Duration = Duration::from_secs(15);
/// More than the buffers of both sides and of the network hold.
const SIZE: usize = 30_000_000;

/// Creates a world with two instances of the same sshd: `web-1` is reached directly, `db-1` by tunnels.
fn world(sshd_config: &str) -> (World, RealSshd) {
    let world = World::empty();
    world.add_amazon_linux();
    world.cloud.add(Instance::named(ID, "web-1"));
    let sshd = RealSshd::start(&world.cloud, ID, sshd_config);
    world.cloud.port(ID, 22, sshd.port);
    world.cloud.add_endpoint(Endpoint::new(EICE));
    world.cloud.agent(ID, Agent::recent());
    (world, sshd)
}

fn line(sshd: &RealSshd, way: &str, command: &str) -> String {
    let port = if way.starts_with("--via") { String::new() } else { format!("-p {}", sshd.port) };
    format!("-q --host-keys accept-new {way} {port} {}@web-1 {command}", sshd.user)
}

/// 3.8 of 30 MB arrived, and ssh got all. With the second configuration a key exchange begins in the middle of the pause.
#[test]
fn paused_pipe_loses_nothing() {
    let command = format!("head -c {SIZE} /dev/zero; exit 3");
    let worlds = [IMPATIENT.to_owned(), format!("{IMPATIENT}\nRekeyLimit 1M")].map(|config| world(&config));
    let start = |(world, sshd): &(World, RealSshd), way: &str| -> Child {
        let mut command = world.ec2ssh(&line(sshd, way, &command));
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let ways = ["", "--via eice", "--via ssm"];
    let children: Vec<(&str, Child)> =
        worlds.iter().flat_map(|world| ways.map(|way| (way, start(world, way)))).collect();
    std::thread::sleep(PAUSE);
    for (index, (way, child)) in children.into_iter().enumerate() {
        let run = Run::of(child.wait_with_output().unwrap());
        assert_eq!((run.stdout.len(), run.code), (SIZE, 3), "{index} {way}: {}", run.stderr);
    }
}

#[test]
fn paused_terminal_loses_nothing() {
    let (world, sshd) = world(IMPATIENT);
    let pair = native_pty_system().openpty(PtySize::default()).unwrap();
    let mut command = CommandBuilder::new(BINARY);
    let script = format!("head -c {SIZE} /dev/zero | tr '\\0' x; exit 3");
    let words = line(&sshd, "-t", "");
    command.args(words.split_whitespace());
    command.arg(script);
    command.env_clear();
    world.environment().into_iter().for_each(|(name, value)| command.env(name, value));
    let mut child = pair.slave.spawn_command(command).unwrap();
    drop(pair.slave);
    let mut reader = pair.master.try_clone_reader().unwrap();
    std::thread::sleep(PAUSE);
    let (mut seen, mut chunk) = (0, [0; 65_536]);
    while let Ok(count @ 1..) = reader.read(&mut chunk) {
        seen += chunk[..count].iter().filter(|byte| **byte == b'x').count();
    }
    assert_eq!((seen, child.wait().unwrap().exit_code()), (SIZE, 3));
}
