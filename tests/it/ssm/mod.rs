//! `ec2ssh ssm`: shells and commands through Session Manager, without SSH.

mod access;
mod command;
mod shell;

use ec2ssh_lab::{Agent, Instance};

use crate::support::{ID, World};

/// A world with a private instance that has an agent, and no sshd, user or key.
fn world(agent: Agent) -> World {
    let world = World::empty();
    world.cloud.add(Instance::named(ID, "db-1").private());
    world.cloud.agent(ID, agent);
    world
}

/// Checks that the client broke none of the protocol's rules, and that no session was left behind.
#[track_caller]
fn assert_well_behaved(world: &World, agent: &Agent) {
    assert_eq!(*agent.protocol_errors.lock().unwrap(), Vec::<String>::new());
    crate::support::wait_until("the sessions have ended", || world.cloud.open_sessions() == 0);
    assert_eq!(world.cloud.count("SendSSHPublicKey"), 0);
}

/// Returns the bodies of the StartSession calls.
fn started(world: &World) -> Vec<serde_json::Value> {
    let calls = world.cloud.calls();
    let started = calls.iter().filter(|call| call.operation == "StartSession");
    started.map(|call| serde_json::from_str(&call.body).unwrap()).collect()
}
