//! Reports about what is seen: colors, widths, waits without a word.

use std::time::Duration;

use ec2ssh_lab::{Fault, Instance};

use crate::support::pty::Terminal;
use crate::support::{ID, Run, World};

fn fleet() -> World {
    let world = World::empty();
    world.add_amazon_linux();
    let add = |id: &str, name: &str, state| {
        // Short enough for ages of any length in lines of 40 columns.
        let private_ip = Some(format!("10.0.0.{}", &id[id.len() - 1..]));
        world.cloud.add(Instance { private_ip, ..Instance::named(id, name).state(state) });
    };
    add(ID, "a-rather-long-name-for-a-web-server", "running");
    add("i-0123456789abcde02", "a-database", "stopped");
    add("i-0123456789abcde03", "a-queue", "running");
    world
}

/// Replaces the instances' ages, which grow.
fn without_ages(screen: &str) -> String {
    let is_age = |word: &str| word.strip_suffix('d').is_some_and(|days| days.parse::<u32>().is_ok());
    let replaced = screen.lines().map(|line| match line.rsplit_once(' ') {
        Some((before, last)) if is_age(last) => format!("{before} AGE"),
        _ => line.to_owned(),
    });
    replaced.collect::<Vec<_>>().join("\n")
}

/// An id was cut in the middle at 80 columns, so that it could not be typed.
#[test]
fn ids_are_whole_at_any_width() {
    let world = fleet();
    for columns in [40, 80, 120] {
        let mut terminal = Terminal::run_at(&world, columns, "\"$EC2SSH\" list; \"$EC2SSH\" a-");
        terminal.wait_for("Which one?");
        insta::assert_snapshot!(format!("screen_at_{columns}"), without_ages(&terminal.text()));
        let colored = terminal.colored_text().replace('\u{1b}', "ESC");
        insta::assert_snapshot!(format!("colors_at_{columns}"), without_ages(&colored));
    }
}

#[test]
fn colors_follow_terminal_and_variables() {
    let world = fleet();
    let colored = |variables: &str| {
        let mut terminal =
            Terminal::run(&world, &format!("{variables} \"$EC2SSH\" list; {variables} \"$EC2SSH\" nobody; echo done"));
        terminal.wait_for("done");
        let text = terminal.colored_text();
        (text.contains("\u{1b}[32mrunning"), text.contains("mError:\u{1b}"))
    };
    assert_eq!(colored(""), (true, true));
    for variables in ["NO_COLOR=1", "TERM=dumb", "CLICOLOR=0"] {
        assert_eq!(colored(variables), (false, false), "{variables}");
    }
    // A pipe has none, unless they are forced.
    let run = |variable: &str| {
        let mut command = world.ec2ssh("list");
        Run::of(command.env(variable, "1").output().unwrap()).out()
    };
    assert!(run("CLICOLOR_FORCE").contains("\u{1b}[32mrunning\u{1b}[0m"));
    assert!(!run("ANYTHING").contains('\u{1b}'));
}

/// Two seconds of silence look like a program that hangs.
#[test]
fn slow_step_is_shown_after_a_second() {
    let (world, port) = World::with_instance();
    world.cloud.fail("DescribeInstances", Fault::Delay(Duration::from_millis(2500)), 1);
    let line =
        format!("\"$EC2SSH\" --host-keys accept-new -p {port} my-instance 'sleep 1; echo in'; echo \"status $?\"");
    let mut terminal = Terminal::run(&world, &line);
    terminal.wait_for("asking AWS for my-instance");
    terminal.wait_for("status 0");
    assert!(!terminal.text().contains("asking"), "{}", terminal.text());
    // A server that accepts connections and says nothing.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let mut terminal = Terminal::run(&world, &format!("\"$EC2SSH\" -p {port} --via direct my-instance"));
    terminal.wait_for("exchanging keys with i-0123456789abcde01");
}

/// The shell's prompt stood behind the ^C, or behind the question.
#[test]
fn interrupt_leaves_the_prompt_a_line() {
    let (world, _) = World::with_instance();
    world.cloud.fail("DescribeInstances", Fault::Hang, 9);
    let mut terminal = Terminal::run(&world, "trap : INT; \"$EC2SSH\" my-instance; echo \"status $?\"");
    terminal.wait_for("asking AWS");
    terminal.type_in("\u{3}");
    terminal.wait_until("a line of its own", |screen| screen.lines().any(|line| line == "status 130"));
}

#[test]
fn times_in_json_are_iso_8601() {
    let (world, _) = World::with_instance();
    for line in ["list --json", "--dry-run --json my-instance"] {
        let json = world.run(line).expect(0).out();
        assert!(json.contains("\"launched\": \"2026-11-20T08:30:00Z\""), "{json}");
    }
}
