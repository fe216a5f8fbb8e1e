//! `ec2ssh rdp`: the password, the certificate, the tunnel, and the client that is started.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use ec2ssh_lab::{Agent, Endpoint, Fault, Instance, RdpServer, TunnelFault};

use crate::support::pty::Terminal;
use crate::support::{EICE, ID, World, keygen, tool, wait_for_line, wait_until};

const PASSWORD: &str = "p@ss w0rd;'\"$% ";

/// A world with a private Windows instance: its endpoint, its agent, its RDP server, its console and its password.
fn world() -> (World, RdpServer) {
    let world = World::empty();
    world.cloud.add(windows());
    world.cloud.add_endpoint(Endpoint::new(EICE));
    world.cloud.agent(ID, Agent { windows: true, ..Agent::recent() });
    let server = world.cloud.rdp(ID);
    world.cloud.console(ID, server.console(), "");
    set_password(&world, "ops");
    (world, server)
}

fn windows() -> Instance {
    Instance { platform: "Windows".to_owned(), ..Instance::named(ID, "win-1").private() }
}

/// Makes a key pair of this name in ~/.ssh, and has the real openssl encrypt the password with it.
fn set_password(world: &World, name: &str) {
    let key = keygen(&world.path(".ssh"), &format!("{name}.pem"), &["-t", "rsa", "-b", "2048", "-m", "PEM", "-N", ""]);
    fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o400)).unwrap();
    let sealed = openssl_encrypt(&key, PASSWORD.as_bytes());
    world.cloud.password(ID, &sealed);
}

fn openssl_encrypt(key: &std::path::Path, plain: &[u8]) -> Vec<u8> {
    let mut openssl = Command::new(tool("openssl"));
    openssl.args(["pkeyutl", "-encrypt", "-pkeyopt", "rsa_padding_mode:pkcs1", "-inkey"]).arg(key);
    let mut child = openssl.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(plain).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    output.stdout
}

/// Puts a program in the place of FreeRDP, which writes down its words and its standard input, and asks the tunnel for RDP.
fn client(world: &World, exit: i32) {
    fs::create_dir_all(world.path("bin")).unwrap();
    let script = format!(
        "#!/bin/bash\nprintf '%s\\n' \"$@\" > \"$HOME/words\"\ntr '\\0' '\\n' < /proc/$PPID/cmdline > \"$HOME/parent\"\n\
         cat > \"$HOME/stdin\"\nport=${{1##*:}}\nexec 3<>/dev/tcp/127.0.0.1/$port\n\
         printf '\\003\\000\\000\\023\\016\\340\\000\\000\\000\\000\\000\\001\\000\\010\\000\\003\\000\\000\\000' >&3\n\
         head -c 2 <&3 | od -An -tx1 > \"$HOME/answer\"\nexit {exit}\n"
    );
    world.file("bin/xfreerdp", &script, 0o755);
}

fn rdp(world: &World, line: &str) -> Command {
    let mut command = world.ec2ssh(line);
    let path = format!("{}:{}", world.path("bin").display(), std::env::var("PATH").unwrap());
    command.env("PATH", path).env("DISPLAY", ":99");
    command
}

fn run(world: &World, line: &str) -> crate::support::Run {
    crate::support::Run::of(rdp(world, line).output().unwrap())
}

fn read(world: &World, name: &str) -> String {
    fs::read_to_string(world.path(name)).unwrap()
}

/// The certificate is the console's, the password goes by standard input, and the client reaches the server through the endpoint.
#[test]
fn client_gets_tunnel_password_and_pin() {
    let (world, server) = world();
    client(&world, 0);
    run(&world, "rdp win-1").expect(0);
    let words = read(&world, "words");
    let pin = format!("/cert:deny,name:ec2ssh-{ID},fingerprint:sha256:{}", server.sha256);
    for word in ["/u:Administrator", "/d:", "/from-stdin", &pin] {
        assert!(words.lines().any(|line| line == word), "{word}: {words}");
    }
    assert_eq!(read(&world, "stdin"), format!("{PASSWORD}\n"));
    assert!(!words.contains(PASSWORD) && !read(&world, "parent").contains(PASSWORD));
    assert_eq!(read(&world, "answer").trim(), "03 00", "the server answers through the tunnel");
    assert!(world.cloud.tunnels().iter().all(|tunnel| tunnel.contains(&("remotePort".to_owned(), "3389".to_owned()))));
    assert_eq!(world.cloud.count("StartSession"), 0);
    wait_until("the tunnels are closed", || world.cloud.open_tunnels() == 0);
    let known = world.run("known-hosts").expect(0);
    assert!(known.out().contains("RDP certificate") && known.out().contains("console"), "{known}");
}

#[test]
fn tunnel_falls_back_to_session_manager() {
    let world = World::empty();
    world.cloud.add(windows());
    world.cloud.agent(ID, Agent { windows: true, ..Agent::recent() });
    let server = world.cloud.rdp(ID);
    world.cloud.console(ID, "", server.console());
    set_password(&world, "ops");
    client(&world, 0);
    run(&world, "rdp win-1").expect(0);
    assert_eq!(read(&world, "answer").trim(), "03 00");
    assert!(world.cloud.calls().iter().any(|call| call.body.contains("AWS-StartPortForwardingSession")));
}

/// An endpoint opens its tunnel, and then finds that nothing answers: its security group is not admitted.
#[test]
fn tunnel_to_nobody_is_not_the_last_way() {
    let (world, server) = world();
    world.cloud.fail_tunnels(TunnelFault::Close(1011, "Unable to connect to target".to_owned()));
    client(&world, 0);
    run(&world, "rdp win-1").expect(0);
    assert_eq!(read(&world, "answer").trim(), "03 00");
    assert!(read(&world, "words").contains(&server.sha256));
    world.cloud.add(Instance::named(ID, "win-1").private());
    let linux = run(&world, "rdp --via eice win-1").expect(1);
    assert!(linux.stderr.contains("it runs Linux/UNIX, not Windows"), "{linux}");
}

#[test]
fn unreachable_desktop_says_each_way() {
    let world = World::empty();
    world.cloud.add(windows());
    let ran = run(&world, "rdp win-1").expect(1);
    for part in ["RDP server of i-", "on port 3389", "EICE: ", "Session Manager: ", "direct: ", "ec2ssh doctor i-"] {
        assert!(ran.stderr.contains(part), "{ran}");
    }
}

/// A server that is not the console's gets neither a client nor the password, in every mode.
#[test]
fn hostile_certificate_is_refused() {
    let (world, server) = world();
    client(&world, 0);
    let hostile = world.cloud.rdp(ID);
    for options in ["", "--host-keys accept-new", "--host-keys strict"] {
        let ran = run(&world, &format!("rdp {options} win-1")).expect(1);
        for part in ["certificate verification failed", &hostile.thumbprint, &server.thumbprint, "--thumbprint"] {
            assert!(ran.stderr.contains(part), "{part}: {ran}");
        }
        assert!(!world.path("words").exists());
    }
    run(&world, &format!("rdp --thumbprint {} win-1", server.thumbprint)).expect(1);
    assert!(!world.path("words").exists());
    run(&world, &format!("rdp --thumbprint {} win-1", hostile.thumbprint.to_lowercase())).expect(0);
    assert!(read(&world, "words").contains(&hostile.sha256));
    world.cloud.rdp(ID);
    let changed = run(&world, "rdp win-1").expect(1);
    assert!(changed.stderr.contains("had another certificate before"), "{changed}");
    world.run(&format!("known-hosts forget {ID}")).expect(0);
}

#[test]
fn silent_console_leaves_it_to_the_person() {
    let (world, server) = world();
    world.cloud.console(ID, "", "");
    client(&world, 0);
    let strict = run(&world, "rdp --host-keys strict win-1").expect(1);
    assert!(strict.stderr.contains("prints no thumbprint"), "{strict}");
    let path = format!("{}:$PATH", world.path("bin").display());
    let mut terminal =
        Terminal::run(&world, &format!("PATH={path} DISPLAY=:99 \"$EC2SSH\" rdp win-1; echo \"status $?\""));
    terminal.wait_for("SHA-1 thumbprint is");
    terminal.wait_for("Is this the certificate of the instance?");
    terminal.type_in(&format!("{}\r", server.thumbprint));
    terminal.wait_for("status 0");
    assert!(read(&world, "words").contains(&server.sha256));
}

#[test]
fn password_is_printed_and_nothing_else() {
    let (world, _) = world();
    let ran = run(&world, "rdp --password win-1").expect(0);
    assert_eq!(ran.out(), format!("{PASSWORD}\n"));
    assert_eq!((world.cloud.tunnels().len(), world.cloud.count("GetPasswordData")), (0, 1));
    let traced = run(&world, "rdp -vvv --password win-1").expect(0);
    assert!(!traced.stderr.contains(PASSWORD), "a log has no secret");
}

/// Each reason why there is no password is said, with what to type.
#[test]
fn lack_of_a_password_has_its_reason() {
    let (world, _) = world();
    let expect = |parts: &[&str]| {
        let ran = run(&world, "rdp --password win-1").expect(1);
        for part in parts {
            assert!(ran.stderr.contains(part), "{part}: {ran}");
        }
    };
    keygen(&world.path(".ssh"), "other.pem", &["-t", "rsa", "-b", "2048", "-N", ""]);
    let other = openssl_encrypt(&world.path(".ssh/ops.pem"), b"x");
    let wrong: Vec<u8> = other.iter().rev().copied().collect();
    world.cloud.password(ID, &wrong);
    expect(&["ops.pem does not decrypt it", "encrypted for the key pair ops"]);
    world.cloud.password(ID, b"");
    expect(&["it has made none", "net user Administrator"]);
    let young = windows().launched_ago(std::time::Duration::from_secs(120));
    world.cloud.add(young);
    expect(&["launched 2 min ago", "--wait"]);
    fs::remove_file(world.path(".ssh/ops.pem")).unwrap();
    expect(&["private key of its key pair ops is not at any of", "ec2ssh rdp -i ops.pem"]);
    keygen(&world.path(".ssh"), "ops", &["-t", "ed25519", "-N", ""]);
    set_sealed(&world, &[7; 256]);
    expect(&["it is not an RSA key"]);
    world.cloud.add(Instance { key_name: None, ..windows() });
    expect(&["launched without a key pair", "-l USER"]);
    world.cloud.add(windows());
    world.cloud.fail("GetPasswordData", Fault::error(403, "UnauthorizedOperation", "no"), 1);
    expect(&["ec2:GetPasswordData"]);
}

fn set_sealed(world: &World, sealed: &[u8]) {
    world.cloud.password(ID, sealed);
}

/// Without a password the client is started all the same, and asks: the user may have set one.
#[test]
fn client_asks_where_there_is_no_password() {
    let (world, _) = world();
    client(&world, 0);
    world.cloud.password(ID, b"");
    let ran = run(&world, "rdp win-1").expect(0);
    assert!(ran.stderr.contains("No password of Administrator"), "{ran}");
    assert!(!read(&world, "words").contains("/from-stdin"));
    run(&world, "rdp -l alice win-1 -- /f").expect(0);
    let words = read(&world, "words");
    assert!(words.contains("/u:alice") && words.ends_with("/f\n") && !words.contains("/from-stdin"), "{words}");
}

#[test]
fn failed_client_is_reported() {
    let (world, _) = world();
    client(&world, 131);
    let ran = run(&world, "rdp win-1").expect(1);
    assert!(ran.stderr.contains("xfreerdp ended with exit status: 131"), "{ran}");
    client(&world, 12);
    run(&world, "rdp win-1").expect(0);
}

fn spawn(world: &World, line: &str) -> Child {
    rdp(world, line).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
}

#[test]
fn printed_address_leads_to_the_server() {
    let (world, _) = world();
    let mut child = spawn(&world, "rdp --print win-1");
    let seen = wait_for_line(child.stdout.take().unwrap(), "127.0.0.1:");
    let mut stream = TcpStream::connect(seen.trim()).unwrap();
    stream.write_all(&[3, 0, 0, 19, 14, 0xe0, 0, 0, 0, 0, 0, 1, 0, 8, 0, 3, 0, 0, 0]).unwrap();
    let mut answer = [0; 4];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(answer, [3, 0, 0, 19]);
    assert_eq!(world.cloud.count("GetPasswordData"), 0);
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    wait_until("the tunnels are closed", || world.cloud.open_tunnels() == 0);
}

/// The clipboard's program gets the password by its standard input.
#[test]
fn password_goes_to_the_clipboard() {
    let (world, _) = world();
    fs::create_dir_all(world.path("bin")).unwrap();
    world.file("bin/wl-copy", "#!/bin/sh\ncat > \"$HOME/clipboard\"\n", 0o755);
    let ran = run(&world, "rdp --password --copy win-1").expect(0);
    assert_eq!(read(&world, "clipboard"), PASSWORD, "{ran}");
}

/// Where SSH is impossible, the last hint names the command that works.
#[test]
fn failed_ssh_names_the_desktop() {
    let (world, _) = world();
    let failed = world.run("win-1").expect(255);
    let last = failed.stderr.lines().last().unwrap();
    assert!(last.contains(&format!("ec2ssh rdp {ID}")) && last.contains(&format!("ec2ssh ssm {ID}")), "{failed}");
    let doctor = world.run("doctor --no-checkip win-1").expect(1);
    assert!(
        doctor.out().contains("Without SSH: ec2ssh rdp win-1, or ec2ssh ssm win-1, or ec2ssh serial win-1"),
        "{doctor}"
    );
}
