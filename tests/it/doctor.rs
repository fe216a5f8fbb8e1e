//! `ec2ssh doctor`: broken worlds, each with the causes that must be named and no other.

use std::sync::Mutex;

use ec2ssh_lab::broken::{Broken, CALLER, NAME, WORLDS};
use serde_json::Value;

use crate::support::{Run, World};

/// The number of worlds that are looked at side by side; most of the time is spent waiting for answers that do not come.
const SIDE_BY_SIDE: usize = 16;

fn world(broken: &Broken) -> (World, Option<u16>) {
    let world = World::empty();
    if broken.name != "debian" {
        world.add_amazon_linux();
    }
    let port = broken.build(&world.cloud);
    (world, port)
}

/// Runs `doctor` in a broken world. A public address has another port than 22 on loopback.
fn diagnose(broken: &Broken, arguments: &str) -> Run {
    let (world, port) = world(broken);
    doctor(&world, broken, port, arguments)
}

fn doctor(world: &World, broken: &Broken, port: Option<u16>, arguments: &str) -> Run {
    let port = port.map_or(String::new(), |port| format!("-p {port}"));
    world.run(&format!("doctor --from {CALLER} {port} {} {arguments} {NAME}", broken.arguments))
}

fn json(run: &Run) -> Value {
    serde_json::from_str(&run.out()).unwrap_or_else(|error| panic!("{error}: {run}"))
}

fn codes(report: &Value) -> Vec<String> {
    let findings = report["findings"].as_array().unwrap();
    findings.iter().map(|finding| finding["code"].as_str().unwrap().to_owned()).collect()
}

/// Does the work for each world, side by side, and returns what it found wrong.
fn in_each_world(work: impl Fn(&Broken) -> Option<String> + Sync) -> Vec<String> {
    let (left, wrong) = (Mutex::new(WORLDS.iter()), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..SIDE_BY_SIDE {
            scope.spawn(|| {
                while let Some(broken) = { left.lock().unwrap().next() } {
                    let found = work(broken);
                    wrong.lock().unwrap().extend(found);
                }
            });
        }
    });
    wrong.into_inner().unwrap()
}

#[test]
fn each_broken_world_has_its_cause() {
    assert!(WORLDS.iter().filter(|broken| !broken.causes.is_empty()).count() >= 40);
    let wrong = in_each_world(|broken| {
        let run = diagnose(broken, "--json");
        let (found, code) = (codes(&json(&run)), i32::from(!broken.causes.is_empty()));
        let is_right = found == broken.causes && run.code == code;
        (!is_right).then(|| format!("{}: {found:?}, exit {}: {}", broken.name, run.code, run.stderr))
    });
    assert!(wrong.is_empty(), "{wrong:#?}");
}
