//! Tests of the one pushed key for all connections of a user to an instance.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use ec2ssh_lab::Fault;

use crate::support::RealSshd;
use crate::support::place::Place;
use crate::support::{BINARY, ID, Run, World, keygen, tool, wait_until};

const PUSH: &str = "SendSSHPublicKey";

/// Returns the holders' sockets.
fn sockets(world: &World) -> Vec<PathBuf> {
    let entries = fs::read_dir(world.path("run/ec2ssh")).into_iter().flatten().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with("key-")).collect()
}

/// Returns the process ids of the holders.
fn holders(world: &World) -> Vec<String> {
    let pattern = format!("hold-key.*{}", world.home.path().display());
    let found = Command::new(tool("pgrep")).args(["-f", &pattern]).output().unwrap();
    String::from_utf8(found.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// Waits for all of them, and returns how each ended.
fn finish(children: Vec<Child>) -> Vec<Run> {
    children.into_iter().map(|child| Run::of(child.wait_with_output().unwrap())).collect()
}

fn at_once(count: usize, command: impl Fn() -> Command) -> Vec<Run> {
    let start = |_| command().stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    finish((0..count).map(start).collect())
}

#[test]
fn connections_share_one_key() {
    let place = Place::new();
    place.ssh(&["my-instance", "true"]).expect(0);
    for _ in 0..2 {
        let run = place.world.run(&format!("-v -p {} {}@my-instance true", place.sshd.port, place.sshd.user)).expect(0);
        assert!(run.stderr.contains("using the public key that was pushed"), "{run}");
    }
    place.ssh(&["my-instance", "true"]).expect(0);
    assert_eq!(place.world.cloud.count(PUSH), 1);
    place.world.run(&format!("-p {} another@my-instance true", place.sshd.port)).expect(255);
    assert!(place.world.cloud.count(PUSH) > 1, "another user has another key");
    place.assert_clean();
}

/// With a key each, not one of 20 at once got in: every key made each look-up of the instance slower (0 of 20 reported).
#[test]
fn twenty_at_once_get_in_with_one_key() {
    let place = Place::new();
    let world = &place.world;
    world.cloud.cost_key_lookup();
    let target = format!("-q -p {} {}@my-instance", place.sshd.port, place.sshd.user);
    for run in at_once(20, || world.ec2ssh(&format!("{target} true"))) {
        run.expect(0);
    }
    assert_eq!(world.cloud.count(PUSH), 1);
}

#[test]
fn twenty_ssh_at_once_share_one_key() {
    let place = Place::new();
    place.world.cloud.cost_key_lookup();
    let command = || {
        let mut command = place.command("ssh");
        command.args(["my-instance", "true"]);
        command
    };
    for run in at_once(20, command) {
        run.expect(0);
    }
    assert_eq!(place.world.cloud.count(PUSH), 1);
    place.assert_clean();
}

/// ssh has its own key, and the same one is not pushed again while the instance knows it.
#[test]
fn own_public_key_is_pushed_once() {
    let world = World::empty();
    world.add_amazon_linux();
    world.cloud.add(ec2ssh_lab::Instance::named(ID, "my-instance"));
    let sshd = RealSshd::start(&world.cloud, ID, "");
    keygen(world.home.path(), ".ssh/id_ed25519", &["-t", "ed25519", "-N", ""]);
    let connect = || {
        let proxy = format!("ProxyCommand={BINARY} proxy -p {} %r@%h", sshd.port);
        let mut ssh = world.command(tool("ssh"));
        ssh.args(["-F", "none", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", &proxy]);
        ssh.arg("-i").arg(world.path(".ssh/id_ed25519"));
        ssh.args([&format!("{}@my-instance", sshd.user), "true"]);
        Run::of(ssh.output().unwrap()).expect(0);
        world.cloud.count(PUSH)
    };
    assert_eq!([connect(), connect()], [1, 1]);
    world.forget_key();
    assert_eq!(connect(), 2);
}

#[test]
fn sharing_can_be_turned_off() {
    let (world, port) = World::trusted();
    world.run(&format!("-q --no-share-key -p {port} my-instance true")).expect(0);
    assert_eq!(world.cloud.count(PUSH), 2);
    world.config("[defaults]\nshare-key = false\n");
    world.run(&format!("-q -p {port} my-instance true")).expect(0);
    assert_eq!(world.cloud.count(PUSH), 3);
}

/// The instance knows the shared key no more, whatever the clocks say.
#[test]
fn denied_shared_key_is_replaced() {
    let (world, port) = World::trusted();
    world.cloud.age_keys(Duration::from_secs(61));
    for _ in 0..2 {
        world.run(&format!("-q -p {port} my-instance true")).expect(0);
        assert_eq!(world.cloud.count(PUSH), 2);
    }
}

#[test]
fn killed_holder_is_replaced() {
    let (world, port) = World::trusted();
    let killed = holders(&world);
    assert_eq!(killed.len(), 1, "{killed:?}");
    Command::new("kill").args(["-9", &killed[0]]).status().unwrap();
    wait_until("the holder has gone", || holders(&world).is_empty());
    world.run(&format!("-q -p {port} my-instance true")).expect(0);
    assert_eq!((world.cloud.count(PUSH), sockets(&world).len()), (2, 1));
}

/// A denied login's key is kept by nobody, and so is one whose socket was removed.
#[test]
fn unused_holders_end() {
    let (world, port) = World::trusted();
    fs::remove_dir_all(world.path("run/ec2ssh")).unwrap();
    wait_until("the holder without a socket ends", || holders(&world).is_empty());
    world.run(&format!("-q -p {port} nobody@my-instance true")).expect(0);
    world.cloud.age_keys(Duration::from_secs(61));
    world.cloud.fail(PUSH, Fault::error(400, "AccessDeniedException", "no"), 9);
    world.run(&format!("-q -p {port} nobody@my-instance true")).expect(255);
    wait_until("the holder of the denied key ends", || holders(&world).len() < 2);
}

#[test]
fn failed_push_fails_all_at_once() {
    let (world, port) = World::with_instance();
    let refused = Fault::error(400, "AccessDeniedException", "not authorized to perform: SendSSHPublicKey");
    world.cloud.fail(PUSH, refused, 1000);
    let line = format!("-q --host-keys accept-new -p {port} my-instance true");
    for run in at_once(6, || world.ec2ssh(&line)) {
        assert!(run.stderr.contains("ec2-instance-connect:SendSSHPublicKey"), "{run}");
    }
}

/// The holder outlives its first connection by a minute, and takes nothing of it along: no credentials, no folder, no lock.
#[test]
fn holder_keeps_nothing_of_its_first_connection() {
    let (world, port) = World::with_instance();
    let script = format!("exec 9>lock; {BINARY} -q --host-keys accept-new -p {port} my-instance true");
    Run::of(world.command("/bin/sh").args(["-c", &script]).output().unwrap()).expect(0);
    let holder = PathBuf::from("/proc").join(&holders(&world)[0]);
    // Only root may look into a process that keeps its memory to itself, and only Linux shows it.
    if fs::read(holder.join("environ")).is_err() {
        return;
    }
    assert_eq!(fs::read(holder.join("environ")).unwrap(), b"");
    assert_eq!(fs::read_link(holder.join("cwd")).unwrap(), PathBuf::from("/"));
    for open in fs::read_dir(holder.join("fd")).unwrap() {
        let leads_to = fs::read_link(open.unwrap().path()).unwrap().display().to_string();
        assert!(!leads_to.contains(world.home.path().to_str().unwrap()), "{leads_to}");
    }
}

/// Sends a message to a holder and returns its answer.
fn ask(holder: &mut UnixStream, message: &serde_json::Value) -> serde_json::Value {
    let body = message.to_string();
    holder.write_all(&u32::try_from(body.len()).unwrap().to_be_bytes()).unwrap();
    holder.write_all(body.as_bytes()).unwrap();
    let mut length = [0; 4];
    holder.read_exact(&mut length).unwrap();
    let mut answer = vec![0; u32::from_be_bytes(length) as usize];
    holder.read_exact(&mut answer).unwrap();
    serde_json::from_slice(&answer).unwrap()
}

/// Returns a login request of RFC 4252, section 7, with this key.
fn login(user: &str, key: &[u8]) -> Vec<u8> {
    let string = |bytes: &[u8]| [&u32::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat();
    let algorithm = string(b"ssh-ed25519");
    let (user, service, method) = (string(user.as_bytes()), string(b"ssh-connection"), string(b"publickey"));
    [string(&[7; 32]), vec![50], user, service, method, vec![1], algorithm, string(key)].concat()
}

#[test]
fn holder_signs_logins_of_its_user_only() {
    let (world, _) = World::trusted();
    let mut holder = UnixStream::connect(&sockets(&world)[0]).unwrap();
    let line = ask(&mut holder, &"Key".into())["Key"].as_str().unwrap().to_owned();
    let key = base64(line.split(' ').nth(1).unwrap());
    let mut signs = |data: &[u8]| !ask(&mut holder, &serde_json::json!({ "Sign": data }))["Signature"].is_null();
    assert!(signs(&login("ec2-user", &key)));
    assert!(!signs(&login("root", &key)));
    assert!(!signs(&login("ec2-user", &key[1..])));
    assert!(!signs(b"anything else"));
}

/// Returns the bytes of a text in base64 (RFC 4648).
fn base64(text: &str) -> Vec<u8> {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits = text.bytes().filter_map(|digit| DIGITS.iter().position(|known| *known == digit));
    let bits: String = digits.map(|digit| format!("{digit:06b}")).collect();
    bits.as_bytes()
        .chunks_exact(8)
        .map(|byte| u8::from_str_radix(std::str::from_utf8(byte).unwrap(), 2).unwrap())
        .collect()
}

/// A denial after 5 seconds is the look-up of too many keys: it is retried, and the keys have expired by then.
#[test]
fn slow_denial_is_retried() {
    let (world, port) = World::trusted();
    world.cloud.cost_key_lookup();
    world.cloud.push_others(ID, "ec2-user", 200);
    let before = world.cloud.key_lookups();
    let run = world.ec2ssh(&format!("-v -p {port} my-instance true")).stderr(Stdio::piped()).spawn().unwrap();
    wait_until("the instance looks the keys up", || world.cloud.key_lookups() > before);
    world.cloud.age_keys(Duration::from_secs(61));
    let run = Run::of(run.wait_with_output().unwrap()).expect(0);
    assert!(run.stderr.contains("the instance did not finish looking up its keys: trying again in"), "{run}");
}
