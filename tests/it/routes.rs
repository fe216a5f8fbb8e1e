//! The routes to an instance that has no address from outside: an endpoint, Session Manager, and the choice between them.

use ec2ssh_lab::{Agent, Endpoint, Instance, Sshd, TunnelFault};

use crate::support::{EICE, ID, World};

#[test]
fn a_private_instance_is_reached_by_each_route() {
    let world = World::private();
    for via in ["eice", "ssm", "auto"] {
        let run = world.run(&format!("-v --via {via} db-1 echo hello")).expect(0);
        println!("{run}");
        assert_eq!(run.out(), "hello\n");
    }
}
