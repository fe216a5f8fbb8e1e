//! Reports about Session Manager in the field.

use ec2ssh_lab::{Agent, Instance};

use crate::support::place::Place;
use crate::support::{ID, Run, World};

/// Gives the place's instance an agent in front of its real sshd, and no other route.
fn place(sshd_config: &str, change: impl FnOnce(&mut Agent)) -> Place {
    let place = Place::with(sshd_config, "");
    place.world.cloud.add(Instance::named(ID, "my-instance").private());
    place.world.cloud.port(ID, 22, place.sshd.port);
    let mut agent = Agent::recent();
    change(&mut agent);
    place.world.cloud.agent(ID, agent);
    place
}

/// After an hour the service closes the stream; the session was lost, because it was resumed with credentials that had expired.
#[test]
fn resumption_asks_for_credentials_anew() {
    let place = place("", |agent| agent.close_after = Some(1 << 20));
    let world = &place.world;
    let credentials = |key: &str| {
        let text = format!("[hour]\naws_access_key_id = {key}\naws_secret_access_key = {}\n", ec2ssh_lab::SECRET);
        world.file(".aws/credentials", &text, 0o600);
    };
    world.file(".aws/config", "[profile hour]\nregion = eu-west-1\n", 0o600);
    credentials("AKIAFIRSTHOUR");
    world.cloud.accept_key("AKIAFIRSTHOUR");
    // The remote command waits until the credentials are exchanged, and then sends what makes the service close the stream.
    let go = world.path("go");
    let script =
        format!("echo begun; while [ ! -e {} ]; do sleep 0.02; done; head -c 3000000 /dev/urandom", go.display());
    let mut command = world.ec2ssh(&format!("--profile hour --via ssm {}@my-instance", place.sshd.user));
    command.arg(script).env_remove("AWS_REGION");
    let child = command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap();
    crate::support::wait_until("the session has begun", || {
        world.cloud.count("StartSession") == 1 && place.sshd.sessions().len() > 1
    });
    world.cloud.expire_key("AKIAFIRSTHOUR");
    world.cloud.accept_key("AKIASECONDHOUR");
    credentials("AKIASECONDHOUR");
    std::fs::write(&go, "").unwrap();
    let run = Run::of(child.wait_with_output().unwrap()).expect(0);
    assert_eq!(run.stdout.len(), "begun\n".len() + 3_000_000, "{}", run.stderr);
    let resumed = world.cloud.calls().into_iter().find(|call| call.operation == "ResumeSession").unwrap();
    assert_eq!(resumed.access_key, "AKIASECONDHOUR");
}

/// A client that announced the oldest version that is accepted was locked out by the next raise.
#[test]
fn announced_version_is_current_and_can_be_changed() {
    let world = World::private();
    world.run("--via ssm db-1 true").expect(0);
    for (version, announced) in [("1.2.999.0", "1.2.999.0"), ("", "1.2.896.0"), ("newest", "1.2.896.0")] {
        let mut command = world.ec2ssh("--via ssm db-1 true");
        command.env("EC2SSH_SSM_CLIENT_VERSION", version);
        Run::of(command.output().unwrap()).expect(0);
        assert_eq!(world.cloud.client_versions().last().unwrap(), announced);
    }
    assert_eq!(world.cloud.client_versions()[0], "1.2.896.0");
}

/// PrivateLink without private DNS: the stream's public name cannot be reached.
#[test]
fn stream_goes_to_its_own_endpoint() {
    let world = World::private();
    world.cloud.stream_base("wss://ssmmessages.invalid");
    world.run("--via ssm db-1 true").expect(255);
    let mut command = world.ec2ssh("--via ssm db-1 true");
    command.env("AWS_ENDPOINT_URL_SSMMESSAGES", format!("https://localhost:{}", world.cloud.streams_port()));
    Run::of(command.output().unwrap()).expect(0);
    let config = format!(
        "[profile p]\nregion = eu-west-1\nservices = s\n[services s]\nssmmessages =\n  endpoint_url = https://localhost:{}\n",
        world.cloud.streams_port()
    );
    world.file(".aws/config", &config, 0o600);
    let mut command = world.ec2ssh("--via ssm db-1 true");
    command.env("AWS_PROFILE", "p");
    Run::of(command.output().unwrap()).expect(0);
}

/// The agent sends less than 1 MB/s: on this route ssh compresses, on the others only with `-C`.
#[test]
fn session_manager_route_is_compressed() {
    let place = place("LogLevel DEBUG1", |_| ());
    let negotiated = |line: &&str| line.contains("kex: server->client") && line.contains("zlib@openssh.com");
    let compressions = || place.sshd.log().lines().filter(negotiated).count();
    let data = "head -c 3000000 /dev/zero | tr '\\0' x; head -c 300000 /dev/urandom";
    let run = |options: &str| {
        let mut command = place.world.ec2ssh(&format!("{options} {}@my-instance", place.sshd.user));
        command.arg(data);
        Run::of(command.output().unwrap()).expect(0)
    };
    assert_eq!(run("--via ssm").stdout.len(), 3_300_000);
    assert_eq!(compressions(), 1, "{}", place.sshd.log());
    // What goes up is compressed, too, and arrives whole.
    let line = format!("--via ssm {}@my-instance wc -c", place.sshd.user);
    let up = place.world.run_with_input(place.world.ec2ssh(&line), &vec![b'x'; 3_000_000]).expect(0);
    assert_eq!(up.out().trim(), "3000000");
    assert_eq!(compressions(), 2);
    place.world.cloud.add(Instance::named(ID, "my-instance"));
    let direct = format!("--via direct -p {}", place.sshd.port);
    run(&direct);
    assert_eq!(compressions(), 2);
    assert_eq!(run(&format!("-C {direct}")).stdout.len(), 3_300_000);
    assert_eq!(compressions(), 3);
}
