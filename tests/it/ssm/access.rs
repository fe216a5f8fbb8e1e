//! Managed nodes, and just-in-time access.

use ec2ssh_lab::{Agent, Fault};

use super::{assert_well_behaved, started, world};
use crate::support::{Run, World};

const NODE: &str = "mi-0123456789abcdef0";

#[test]
fn managed_node_is_reached_by_its_id() {
    let agent = Agent::recent();
    let world = World::empty();
    world.cloud.agent(NODE, agent.clone());
    let mut command = world.ec2ssh(&format!("ssm {NODE}"));
    let ran = Run::of(command.arg("echo $((40+2))").output().unwrap()).expect(0);
    assert_eq!(ran.out(), "42\n");
    assert_eq!(started(&world)[0]["Target"], NODE);
    assert_eq!(world.cloud.count("DescribeInstances"), 0);
    assert_well_behaved(&world, &agent);
    let ssh = world.run(NODE).expect(255);
    assert!(ssh.stderr.contains(&format!("ec2ssh ssm {NODE}")), "{ssh}");
}

fn denied(world: &World, times: usize) {
    world.cloud.fail("StartSession", Fault::error(400, "AccessDeniedException", "is not authorized"), times);
}

#[test]
fn denied_session_has_the_hint_to_ask() {
    let world = world(Agent::recent());
    denied(&world, 1);
    let ran = world.run("ssm db-1").expect(255);
    assert!(ran.stderr.contains("ssm:StartSession") && ran.stderr.contains("--request-access REASON i-"), "{ran}");
    assert_eq!(world.cloud.count("StartAccessRequest"), 0);
}

#[test]
fn approved_request_leads_to_the_session() {
    let agent = Agent::recent();
    let world = world(agent.clone());
    world.cloud.decide_access("Approved");
    denied(&world, 3);
    let mut command = world.ec2ssh("ssm --request-access outage db-1");
    let ran = Run::of(command.arg("echo in").output().unwrap()).expect(0);
    assert_eq!(ran.out(), "in\n");
    assert!(ran.stderr.contains("oi-0123456789abcdef0") && ran.stderr.contains("was approved"), "{ran}");
    let keys: Vec<String> = world
        .cloud
        .calls()
        .iter()
        .filter(|call| call.operation == "StartSession")
        .map(|call| call.access_key.clone())
        .collect();
    assert_eq!(keys.last().unwrap(), "ASIAJUSTINTIME000001");
    assert!(!ran.stderr.contains("jit-token"), "{ran}");
    assert_well_behaved(&world, &agent);
}

#[test]
fn rejected_request_ends_it() {
    let world = world(Agent::recent());
    world.cloud.decide_access("Rejected");
    denied(&world, 1);
    let ran = world.run("ssm --request-access outage db-1").expect(255);
    assert!(ran.stderr.contains("the request oi-0123456789abcdef0 is rejected"), "{ran}");
}
