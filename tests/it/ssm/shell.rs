//! Shells: the terminal, the size, the escapes, encryption, and the reasons for an end.

use ec2ssh_lab::{Agent, Fault};

use super::{assert_well_behaved, started, world};
use crate::support::pty::{PRINT_MODES, Terminal};
use crate::support::{World, wait_until};

/// Opens a shell under a shell that prints the exit status and the terminal's modes.
fn shell(world: &World, options: &str) -> Terminal {
    Terminal::run(world, &format!("\"$EC2SSH\" ssm {options} db-1; {PRINT_MODES}"))
}

#[test]
fn shell_has_the_terminal_s_size() {
    let agent = Agent::recent();
    let world = world(agent.clone());
    let mut terminal = shell(&world, "");
    terminal.wait_raw(true);
    terminal.type_in("until stty size | grep '24 8''0'; do sleep 0.1; done; echo $TERM\r");
    terminal.wait_for("24 80");
    terminal.wait_for("xterm-256color");
    terminal.resize(40, 100);
    terminal.type_in("until stty size | grep '40 1''00'; do sleep 0.1; done\r");
    terminal.wait_for("40 100");
    terminal.type_in("trap 'echo caught' INT; sh -c 'echo rea\"\"dy; exec sleep 30'\r");
    terminal.wait_for("ready");
    terminal.type_in("\x03");
    terminal.wait_for("caught");
    terminal.type_in("exit\r");
    terminal.assert_restored(0);
    assert_well_behaved(&world, &agent);
    assert_eq!(started(&world)[0]["DocumentName"], serde_json::Value::Null, "the account's own document");
    assert_eq!(world.cloud.count("TerminateSession"), 0);
}

/// The agent's shells know no flag that ends a session, so the service is told.
#[test]
fn escape_ends_the_session() {
    let agent = Agent::recent();
    let world = world(agent.clone());
    let mut terminal = shell(&world, "");
    terminal.wait_raw(true);
    terminal.type_in("\r~?");
    terminal.wait_for("end the session");
    assert!(!terminal.text().contains("forwarded"), "{}", terminal.text());
    terminal.type_in("\r~.");
    terminal.wait_for("Disconnected (~.).");
    terminal.assert_restored(255);
    assert_eq!(world.cloud.count("TerminateSession"), 1);
    assert_well_behaved(&world, &agent);
}

#[test]
fn lost_connection_is_resumed() {
    let faulty = Agent { cut: Some((3000, 2)), duplicate: true, lose_data: Some(7), ..Agent::recent() };
    let world = world(faulty.clone());
    let mut terminal = shell(&world, "");
    terminal.wait_raw(true);
    terminal.type_in("i=0; while [ $i -lt 2000 ]; do i=$((i+1)); echo line $i; done\r");
    terminal.wait_for("line 2000");
    terminal.type_in("exit\r");
    terminal.assert_restored(0);
    assert!(world.cloud.sessions().1 >= 2, "{:?}", world.cloud.sessions());
    assert_well_behaved(&world, &faulty);
}

#[test]
fn encrypted_shell_uses_the_account_s_key() {
    for challenge in [false, true] {
        let world = world(Agent::recent());
        let kms = if challenge { world.cloud.kms().with_challenge() } else { world.cloud.kms() };
        let agent = Agent { kms: Some(kms), message: Some("Be \x1b[31mcareful".to_owned()), ..Agent::recent() };
        world.cloud.agent(crate::support::ID, agent.clone());
        let mut terminal = shell(&world, "");
        terminal.wait_for("Session Manager says: Be");
        terminal.wait_raw(true);
        terminal.type_in("until stty size | grep '24 8''0'; do sleep 0.1; done; exit\r");
        terminal.wait_for("24 80");
        terminal.assert_restored(0);
        assert_eq!(world.cloud.count("GenerateDataKey"), 1);
        assert_well_behaved(&world, &agent);
    }
}

#[test]
fn denied_data_key_names_action_and_key() {
    let world = world(Agent::recent());
    world.cloud.agent(crate::support::ID, Agent { kms: Some(world.cloud.kms()), ..Agent::recent() });
    world.cloud.fail("GenerateDataKey", Fault::error(400, "AccessDeniedException", "not authorized"), 9);
    let run = world.run("ssm db-1").expect(255);
    for part in ["no data key for the encrypted session", "kms:GenerateDataKey on arn:aws:kms:", "in the key's policy"]
    {
        assert!(run.stderr.contains(part), "{run}");
    }
    assert_eq!(world.cloud.count("TerminateSession"), 1);
    wait_until("the session has ended", || world.cloud.open_sessions() == 0);
}

#[test]
fn run_as_user_that_is_missing_is_named() {
    let text =
        "\n----------ERROR-------\nUnable to start command: failed to start pty since RunAs user deploy does not exist";
    let world = world(Agent { closes_with: Some(text), ..Agent::recent() });
    let run = world.run("ssm db-1").expect(255);
    assert!(run.stderr.contains("RunAs user deploy does not exist") && run.stderr.contains("Run As"), "{run}");
    assert!(run.stdout.is_empty(), "{run}");
}

#[test]
fn service_says_why_a_session_has_ended() {
    let world = world(Agent::recent());
    let mut terminal = shell(&world, "");
    terminal.wait_raw(true);
    world.cloud.end_sessions("Your session timed out due to inactivity and has been terminated.");
    terminal.wait_for("timed out due to inactivity");
    terminal.wait_for("idle session timeout");
    terminal.assert_restored(255);
}

/// A shell without a terminal of ours: its input ends with Ctrl-D, and its size is not invented.
#[test]
fn piped_input_is_typed_into_the_shell() {
    let agent = Agent::recent();
    let world = world(agent.clone());
    let run = world.run_with_input(world.ec2ssh("ssm db-1"), b"stty size; echo a''b\n").expect(0);
    assert!(run.out().contains("ab\r\n"), "{run}");
    assert_well_behaved(&world, &agent);
}

/// An instance that boots has its agent a while later; a managed node is waited for, too.
#[test]
fn agent_is_waited_for() {
    let node = "mi-0123456789abcdef0";
    let world = world(Agent { ping: "ConnectionLost", ..Agent::recent() });
    world.cloud.agent(node, Agent { ping: "ConnectionLost", ..Agent::recent() });
    let mut waiting: Vec<_> = ["db-1", node]
        .map(|target| {
            let mut command = world.ec2ssh(&format!("ssm --wait=60 {target}"));
            command.arg("true").stderr(std::process::Stdio::null()).spawn().unwrap()
        })
        .into();
    wait_until("both have asked", || world.cloud.count("StartSession") >= 2);
    for id in [crate::support::ID, node] {
        world.cloud.agent(id, Agent::recent());
    }
    assert!(waiting.iter_mut().all(|child| child.wait().unwrap().success()));
}

#[test]
fn offline_agent_has_a_hint() {
    let run = world(Agent { ping: "ConnectionLost", ..Agent::recent() }).run("ssm db-1").expect(255);
    assert!(run.stderr.contains("TargetNotConnected") && run.stderr.contains("ec2ssh ssm --wait i-"), "{run}");
}
