//! Commands: their streams, their status and their input, whatever the account's documents are.

use ec2ssh_lab::Agent;

use super::{assert_well_behaved, started, world};
use crate::support::pty::Terminal;
use crate::support::{ID, Run, World};

const NON_INTERACTIVE: &str = "AWS-StartNonInteractiveCommand";
const INTERACTIVE: &str = "AWS-StartInteractiveCommand";

fn run(world: &World, options: &[&str], command: &str) -> Run {
    let mut line = world.ec2ssh("ssm");
    Run::of(line.args(options).args(["db-1", command]).output().unwrap())
}

/// The agents of which each runs commands in another way: separate streams, one stream, one document less, and two less.
fn agents() -> [Agent; 4] {
    [
        Agent::recent(),
        Agent { separates: false, ..Agent::recent() },
        Agent { lacks: vec![NON_INTERACTIVE], ..Agent::recent() },
        Agent { lacks: vec![NON_INTERACTIVE, INTERACTIVE], ..Agent::recent() },
    ]
}

#[test]
fn streams_and_status_are_the_command_s_own() {
    for agent in agents() {
        let world = world(agent.clone());
        let ran = run(&world, &[], "echo out; echo err >&2; printf '\\377\\0\\357\\277\\275x'; exit 7").expect(7);
        assert_eq!(ran.stdout, b"out\n\xff\0\xef\xbf\xbdx", "{ran}");
        assert_eq!(ran.stderr, "err\n");
        assert_well_behaved(&world, &agent);
    }
}

#[test]
fn shell_syntax_and_signals_are_kept() {
    let world = world(Agent::recent());
    let quoted = run(&world, &[], "echo \"it's {{.Names}}\" | tr a-z A-Z && echo $((1+2))").expect(0);
    assert_eq!(quoted.out(), "IT'S {{.NAMES}}\n3\n");
    run(&world, &[], "kill -9 $$").expect(137);
    run(&world, &[], "if").expect(2);
    assert_eq!(run(&world, &[], "").code, 0);
}

#[test]
fn standard_input_is_carried() {
    let input: Vec<u8> = (0..60_000_u32).map(|n| (n * 7 % 256) as u8).collect();
    for lacks in [vec![], vec![INTERACTIVE]] {
        let agent = Agent { lacks, ..Agent::recent() };
        let world = world(agent.clone());
        let mut command = world.ec2ssh("ssm db-1");
        command.arg("cat; echo end >&2; exit 3");
        let ran = world.run_with_input(command, &input).expect(3);
        assert!(ran.stdout == input, "{} bytes", ran.stdout.len());
        assert_eq!(ran.stderr, "end\n");
        assert_well_behaved(&world, &agent);
    }
}

#[test]
fn command_need_not_read_its_input() {
    let world = world(Agent::recent());
    let mut command = world.ec2ssh("ssm db-1");
    command.arg("head -c 3");
    let ran = world.run_with_input(command, &vec![b'x'; 20_000]).expect(0);
    assert_eq!(ran.out(), "xxx");
}

/// A reader of our output that has seen enough is no error.
#[test]
fn closed_output_ends_the_session() {
    let agent = Agent::recent();
    let world = world(agent.clone());
    let line = format!("'{}' ssm db-1 yes | head -n 2", crate::support::BINARY);
    let ran = Run::of(world.command("/bin/sh").args(["-c", &line]).output().unwrap());
    assert_eq!((ran.out().as_str(), ran.stderr.as_str()), ("y\ny\n", ""), "{ran}");
    assert_well_behaved(&world, &agent);
}

#[test]
fn encrypted_command_has_its_status() {
    let world = world(Agent::recent());
    let agent = Agent { kms: Some(world.cloud.kms().with_challenge()), ..Agent::recent() };
    world.cloud.agent(ID, agent.clone());
    let ran = run(&world, &[], "echo out; echo err >&2; exit 4").expect(4);
    assert_eq!((ran.out().as_str(), ran.stderr.as_str()), ("out\n", "err\n"));
    assert_well_behaved(&world, &agent);
}

#[test]
fn command_in_a_terminal_has_its_status() {
    let agent = Agent::recent();
    let world = world(agent.clone());
    let mut terminal = Terminal::run(&world, "\"$EC2SSH\" ssm -t db-1 'stty size; read x; exit 9'; echo \"status $?\"");
    terminal.wait_raw(true);
    terminal.type_in("\r");
    terminal.wait_for("status 9");
    assert!(!terminal.text().contains("ec2ssh-"), "the mark is cut off: {}", terminal.text());
    assert_eq!(started(&world)[0]["DocumentName"], INTERACTIVE);
    assert_well_behaved(&world, &agent);
}

/// A command that prints nothing gets its input, and begins in a terminal of the right size.
#[test]
fn silent_command_in_a_terminal_gets_input() {
    let agent = Agent::recent();
    let world = world(agent.clone());
    let line = "\"$EC2SSH\" ssm -t db-1 'read x; stty size; ps -eo args; echo got-$x; exit 4'; echo \"status $?\"";
    let mut terminal = Terminal::run_at(&world, 132, line);
    terminal.wait_raw(true);
    terminal.type_in("ab''c\r");
    terminal.wait_for("got-ab''c");
    terminal.wait_for("status 4");
    assert_well_behaved(&world, &agent);
    let mut sized = Terminal::run_at(&world, 132, "\"$EC2SSH\" ssm -t db-1 'stty size'; echo \"status $?\"");
    sized.wait_for("24 132");
    sized.wait_for("status 0");
}

#[test]
fn unfinished_line_of_input_ends() {
    let world = world(Agent::recent());
    let shell = world.run_with_input(world.ec2ssh("ssm db-1"), b"echo a''b").expect(0);
    assert!(shell.out().contains("ab\r\n"), "{shell}");
    let mut command = world.ec2ssh("ssm -t db-1");
    command.arg("cat; echo; exit 3");
    let ran = world.run_with_input(command, b"abc").expect(3);
    assert!(ran.out().contains("abc"), "{ran}");
}

/// A document of one's own may wait for input and print nothing.
#[test]
fn silent_own_document_gets_input() {
    let world = world(Agent::recent());
    let mut command = world.ec2ssh("ssm --document AWS-StartInteractiveCommand db-1");
    command.args(["--parameter", "command=read x; echo got-$x"]);
    let ran = world.run_with_input(command, b"abc\n").expect(0);
    assert!(ran.out().contains("got-abc"), "{ran}");
}

/// Files of /proc have no size; what they have is carried all the same.
#[test]
fn input_without_a_size_is_carried() {
    let world = world(Agent::recent());
    let mut command = world.ec2ssh("ssm db-1");
    command.arg("cat").stdin(std::fs::File::open("/proc/version").unwrap());
    let ran = Run::of(command.output().unwrap()).expect(0);
    assert_eq!(ran.out(), std::fs::read_to_string("/proc/version").unwrap());
}

/// PowerShell gets the line; standard input cannot be carried, so it is refused before anything runs.
#[test]
fn windows_runs_the_line_as_it_is() {
    let agent = Agent { windows: true, ..Agent::recent() };
    let world = World::empty();
    let windows = ec2ssh_lab::Instance { platform: "Windows".to_owned(), ..ec2ssh_lab::Instance::named(ID, "db-1") };
    world.cloud.add(windows);
    world.cloud.agent(ID, agent.clone());
    let ran = run(&world, &[], "echo out; echo err >&2; exit 7").expect(7);
    assert_eq!((ran.out().as_str(), ran.stderr.as_str()), ("out\n", "err\n"));
    assert_eq!(started(&world)[0]["Parameters"]["command"][0], "echo out; echo err >&2; exit 7");
    let mut command = world.ec2ssh("ssm db-1");
    command.arg("sort");
    let refused = world.run_with_input(command, b"b\na\n").expect(255);
    assert!(refused.stderr.contains("has no standard input") && refused.stderr.contains("-n"), "{refused}");
    assert_eq!(world.cloud.count("StartSession"), 1);
    let mut terminal = Terminal::run(&world, "\"$EC2SSH\" ssm -t db-1 'echo o''ut'; echo \"status $?\"");
    terminal.wait_for("out");
    terminal.wait_for("tells no exit status");
    terminal.wait_for("status 255");
    assert_well_behaved(&world, &agent);
}

/// A status that is missing is 255, never 0.
#[test]
fn killed_session_has_no_status() {
    let killed = Agent { windows: true, ..Agent::recent() };
    let world = World::empty();
    world.cloud.add(ec2ssh_lab::Instance { platform: "Windows".to_owned(), ..ec2ssh_lab::Instance::named(ID, "db-1") });
    world.cloud.agent(ID, killed);
    let ran = run(&world, &[], "kill -9 $$").expect(255);
    assert!(ran.stderr.contains("without an exit status"), "{ran}");
}

#[test]
fn instance_without_the_tools_says_so() {
    let world = world(Agent::recent());
    let folder = world.path("only-sh");
    std::fs::create_dir(&folder).unwrap();
    std::os::unix::fs::symlink("/bin/sh", folder.join("sh")).unwrap();
    world.cloud.agent(ID, Agent { path: Some(folder.display().to_string()), ..Agent::recent() });
    let ran = run(&world, &[], "true").expect(255);
    for part in ["the command could not be started", "base64: not found", "ec2ssh ssm i-"] {
        assert!(ran.stderr.contains(part), "{ran}");
    }
}

#[test]
fn session_that_ends_at_once_is_no_success() {
    let world = world(Agent { closes_with: Some(""), ..Agent::recent() });
    let ran = run(&world, &[], "true").expect(255);
    assert!(ran.stderr.contains("the command could not be started"), "{ran}");
    let shell = world.run("ssm -n db-1");
    assert_eq!(shell.code, 0, "{shell}");
}

/// As with ssh: there is no input, so a shell ends.
#[test]
fn shell_without_input_ends() {
    let agent = Agent::recent();
    let world = world(agent.clone());
    world.run("ssm -n db-1").expect(0);
    assert_well_behaved(&world, &agent);
}

#[test]
fn reason_and_own_document_reach_the_service() {
    let agent = Agent::recent();
    let world = world(agent.clone());
    run(&world, &["--reason", "ticket 42"], "true").expect(0);
    let own = format!("ssm --document {INTERACTIVE} --parameter command=echo\\ a=b --reason why db-1");
    let mut command = world.command(crate::support::BINARY);
    command.args(["ssm", "--document", INTERACTIVE, "--parameter", "command=echo a=b", "--reason", "why", "db-1"]);
    let ran = Run::of(command.output().unwrap()).expect(0);
    assert_eq!(ran.out(), "a=b\r\n", "{own}");
    let started = started(&world);
    assert_eq!((&started[0]["Reason"], &started[1]["Reason"]), (&"ticket 42".into(), &"why".into()));
    assert_eq!(started[1]["Parameters"]["command"][0], "echo a=b");
    let missing = world.run("ssm --document My-Doc db-1").expect(255);
    assert!(missing.stderr.contains("InvalidDocument") && missing.stderr.contains("list-documents"), "{missing}");
}

#[test]
fn own_document_for_a_port_is_refused() {
    let world = world(Agent::recent());
    let ran = world.run("ssm --document AWS-StartPortForwardingSession --parameter portNumber=22 db-1").expect(255);
    assert!(ran.stderr.contains("session type 'Port'") && ran.stderr.contains("forward --no-login"), "{ran}");
}
