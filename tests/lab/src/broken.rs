//! Broken worlds: each has one instance, and one thing or more in the way to it. For the tests of `ec2ssh doctor`, and to try in the
//! playground.

use crate::faulty_port::{self, Manner};
use crate::{Acl, AclEntry, Agent, Cloud, Endpoint, GroupRule, HostKey, Image, Instance, Network, RouteTable, Sshd};

/// The instance of every broken world, and its Name tag.
pub const ID: &str = "i-0123456789abcde01";
/// The Name tag of that instance.
pub const NAME: &str = "web-1";
/// The address that the rules of the worlds are judged for.
pub const CALLER: &str = "203.0.113.7";
/// The security group of that instance.
const GROUP: &str = "sg-0123456789abcdef0";
const ENDPOINT: &str = "eice-0123456789abcdef0";
const ENDPOINT_GROUP: &str = "sg-0123456789abcdef9";

/// A world with something in the way.
pub struct Broken {
    /// The name of the world.
    pub name: &'static str,
    /// The causes in the way, the first cause first; none in a healthy world.
    pub causes: &'static [&'static str],
    /// Further arguments of `ec2ssh doctor`.
    pub arguments: &'static str,
    port: Port,
    breaks: fn(&mut World<'_>),
}

/// The manner of the instance's port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Port {
    Ssh,
    Faulty(Manner),
}

const SSH: Port = Port::Ssh;
const DROPS: Port = Port::Faulty(Manner::Drops);
const REFUSES: Port = Port::Faulty(Manner::Refuses);

/// A world that is being made.
struct World<'a> {
    cloud: &'a Cloud,
    instance: Instance,
}

impl World<'_> {
    fn network(&self, change: impl FnOnce(&mut Network)) {
        self.cloud.network(|network| {
            network.add_for(&self.instance);
            change(network);
        });
    }

    /// Replaces what the instance's group lets in.
    fn admits(&self, rules: &[GroupRule]) {
        self.network(|network| {
            network.rules.retain(|rule| rule.group != GROUP || rule.egress);
            network.rules.extend_from_slice(rules);
        });
    }

    fn acl(&self, entries: &[AclEntry]) {
        self.network(|network| network.acls.iter_mut().for_each(|acl: &mut Acl| acl.entries = entries.to_vec()));
    }

    /// Replaces the route to the internet.
    fn route(&self, routes: &[(&str, &str, bool)]) {
        let routes: Vec<_> =
            routes.iter().map(|(to, via, active)| ((*to).to_owned(), (*via).to_owned(), *active)).collect();
        self.network(|network| {
            network.route_tables.iter_mut().for_each(|table: &mut RouteTable| {
                table.routes.retain(|route| route.1 == "local");
                table.routes.extend_from_slice(&routes);
            });
        });
    }

    fn status(&self, checks: [&'static str; 3]) {
        self.network(|network| {
            let _ = network.status.insert(ID.to_owned(), checks);
        });
    }

    fn console(&self, text: &str) {
        self.cloud.console(ID, "", format!("[    0.000000] Linux version 6.1.112\r\n{text}\r\n"));
    }

    fn private(&mut self) {
        self.instance = self.instance.clone().private();
    }

    /// Makes the instance private, with an endpoint whose group lets everything out, and which the instance's group admits.
    fn endpoint(&mut self, change: impl FnOnce(&mut Endpoint)) {
        self.private();
        let mut endpoint = Endpoint::new(ENDPOINT);
        endpoint.groups = vec![ENDPOINT_GROUP.to_owned()];
        change(&mut endpoint);
        self.cloud.add_endpoint(endpoint);
        self.network(|network| network.rules.push(GroupRule::egress(ENDPOINT_GROUP, "0.0.0.0/0")));
        self.admits(&[GroupRule::ingress(GROUP, (22, 22), ENDPOINT_GROUP)]);
    }

    fn agent(&mut self, ping: &'static str, version: &str) {
        self.private();
        self.cloud.agent(ID, Agent { ping, version: version.to_owned(), ..Agent::recent() });
    }

    fn image(&self, name: &str) {
        let id = self.instance.image_id.clone();
        let (name, owner, description) = (name.to_owned(), "111122223333".to_owned(), String::new());
        self.cloud.add_image(Image { id, name, owner, description });
    }
}

const fn broken(name: &'static str, causes: &'static [&'static str], port: Port, breaks: fn(&mut World<'_>)) -> Broken {
    Broken { name, causes, arguments: "", port, breaks }
}

const fn with(arguments: &'static str, broken: Broken) -> Broken {
    Broken { arguments, ..broken }
}

/// All worlds, the healthy ones first.
pub const WORLDS: &[Broken] = &[
    broken("healthy", &[], SSH, |_| ()),
    broken("healthy-endpoint", &[], SSH, |world| world.endpoint(|_| ())),
    broken("healthy-agent", &[], SSH, |world| world.agent("Online", "3.3.3572.0")),
    // What the rules say does not count where the server answers: the caller may come another way.
    broken("healthy-although-closed", &[], SSH, |world| world.admits(&[])),
    broken("healthy-although-noisy", &[], SSH, |world| world.console("Out of memory: Killed process 812 (java)")),
    broken("healthy-by-agent-although-closed", &[], DROPS, |world| {
        world.admits(&[]);
        world.cloud.agent(ID, Agent::recent());
    }),
    broken("stopped", &["instance-stopped"], SSH, |world| {
        world.instance = world.instance.clone().state("stopped");
    }),
    broken("stopping", &["instance-stopping"], SSH, |world| world.instance.state = "stopping"),
    broken("pending", &["instance-pending"], SSH, |world| world.instance.state = "pending"),
    broken("host-impaired", &["system-status-impaired", "connection-timed-out"], DROPS, |world| {
        world.status(["impaired", "insufficient-data", "ok"]);
    }),
    broken("instance-impaired", &["instance-status-impaired", "connection-timed-out"], DROPS, |world| {
        world.status(["ok", "impaired", "ok"]);
    }),
    broken("volume-impaired", &["ebs-status-impaired", "connection-timed-out"], DROPS, |world| {
        world.status(["ok", "ok", "impaired"]);
    }),
    broken("booting", &["boot-not-finished", "connection-refused"], REFUSES, |world| {
        world.status(["ok", "initializing", "ok"]);
    }),
    broken("kernel-panic", &["boot-kernel-panic", "connection-timed-out"], DROPS, |world| {
        world.console("[    1.9] Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000100");
    }),
    broken("no-root", &["boot-no-root-file-system", "connection-timed-out"], DROPS, |world| {
        world.console(
            "[    1.2] VFS: Unable to mount root fs on unknown-block(0,0)\r\n[    1.3] Kernel panic - not syncing: VFS",
        );
    }),
    broken("emergency", &["boot-emergency-mode", "connection-timed-out"], DROPS, |world| {
        world.console("You are in emergency mode. After logging in, type \"journalctl -xb\" to view logs.");
    }),
    broken("fsck", &["boot-file-system-check", "connection-timed-out"], DROPS, |world| {
        world.console("/dev/nvme0n1p1: UNEXPECTED INCONSISTENCY; RUN fsck MANUALLY.");
    }),
    broken("disk-full", &["boot-disk-full", "connection-refused"], REFUSES, |world| {
        world.console("sshd[812]: error: write: No space left on device");
    }),
    broken("out-of-memory", &["boot-out-of-memory", "server-silent"], Port::Faulty(Manner::Silent), |world| {
        world.console("[ 9912.1] Out of memory: Killed process 812 (sshd) total-vm:14812kB");
    }),
    broken("sshd-failed", &["boot-sshd-failed", "connection-refused"], REFUSES, |world| {
        world.console("[FAILED] Failed to start OpenSSH server daemon.");
    }),
    broken("cloud-init-failed", &["boot-cloud-init-failed", "connection-refused"], REFUSES, |world| {
        world.console("[FAILED] Failed to start Initial cloud-init job (metadata service crawler).");
    }),
    broken("boot-before", &["connection-refused"], REFUSES, |world| {
        world.console("Kernel panic - not syncing: x\r\n[    0.000000] Linux version 6.1.112\r\nlogin:");
    }),
    broken("group-without-port", &["security-group-closed"], DROPS, |world| {
        world.admits(&[GroupRule::ingress(GROUP, (443, 443), "0.0.0.0/0")]);
    }),
    broken("group-for-others", &["security-group-closed"], DROPS, |world| {
        world.admits(&[GroupRule::ingress(GROUP, (22, 22), "198.51.100.0/24")]);
    }),
    broken("group-of-udp", &["security-group-closed"], DROPS, |world| {
        world.admits(&[GroupRule { protocol: "udp".to_owned(), ..GroupRule::ingress(GROUP, (22, 22), "0.0.0.0/0") }]);
    }),
    broken("group-of-ipv6", &["security-group-closed"], DROPS, |world| {
        world.admits(&[GroupRule::ingress(GROUP, (22, 22), "::/0")]);
    }),
    broken("group-of-members", &["security-group-closed"], DROPS, |world| {
        world.admits(&[GroupRule::ingress(GROUP, (22, 22), "sg-0123456789abcdef7")]);
    }),
    broken("group-of-a-list", &["security-group-closed"], DROPS, |world| {
        world.admits(&[GroupRule::ingress(GROUP, (22, 22), "pl-0123456789abcdef0")]);
        let networks = vec!["198.51.100.0/24".to_owned(), "192.0.2.0/24".to_owned()];
        world.network(|network| drop(network.prefix_lists.insert("pl-0123456789abcdef0".to_owned(), networks)));
    }),
    broken("group-empty", &["security-group-closed"], DROPS, |world| world.admits(&[])),
    broken("acl-closed", &["network-acl-inbound"], DROPS, |world| {
        world.acl(&[AclEntry::all(32_767, false, false, "0.0.0.0/0"), AclEntry::all(100, true, true, "0.0.0.0/0")]);
    }),
    broken("acl-denies-ssh", &["network-acl-inbound"], DROPS, |world| {
        world.acl(&[
            AclEntry::tcp(90, false, false, (22, 22), "0.0.0.0/0"),
            AclEntry::all(100, false, true, "0.0.0.0/0"),
            AclEntry::all(100, true, true, "0.0.0.0/0"),
        ]);
    }),
    broken("acl-denies-caller", &["network-acl-inbound"], DROPS, |world| {
        world.acl(&[
            AclEntry::all(90, false, false, "203.0.113.0/24"),
            AclEntry::all(100, false, true, "0.0.0.0/0"),
            AclEntry::all(100, true, true, "0.0.0.0/0"),
        ]);
    }),
    broken("acl-without-answers", &["network-acl-outbound"], DROPS, |world| {
        world.acl(&[
            AclEntry::all(100, false, true, "0.0.0.0/0"),
            AclEntry::tcp(100, true, true, (443, 443), "0.0.0.0/0"),
        ]);
    }),
    broken("acl-with-some-answers", &["network-acl-outbound", "connection-timed-out"], DROPS, |world| {
        world.acl(&[
            AclEntry::all(100, false, true, "0.0.0.0/0"),
            AclEntry::tcp(100, true, true, (32_768, 40_000), "0.0.0.0/0"),
        ]);
    }),
    broken("no-route", &["no-route-to-caller"], DROPS, |world| world.route(&[])),
    broken("blackhole", &["route-blackhole"], DROPS, |world| {
        world.route(&[("0.0.0.0/0", "igw-0123456789abcdef0", false)]);
    }),
    broken("nat-only", &["route-outbound-only"], DROPS, |world| {
        world.route(&[("0.0.0.0/0", "nat-0123456789abcdef0", true)]);
    }),
    broken("blackhole-to-caller", &["route-blackhole"], DROPS, |world| {
        world
            .route(&[("0.0.0.0/0", "igw-0123456789abcdef0", true), ("203.0.113.0/24", "pcx-0123456789abcdef0", false)]);
    }),
    broken("private-table", &["no-route-to-caller"], DROPS, |world| {
        let subnets = vec![world.instance.subnet_id.clone()];
        let vpc_id = world.instance.vpc_id.clone();
        let routes = vec![("10.0.0.0/16".to_owned(), "local".to_owned(), true)];
        let table = RouteTable { id: "rtb-0123456789abcdef1".to_owned(), vpc_id, main: false, subnets, routes };
        world.network(|network| network.route_tables.push(table));
    }),
    broken("access-blocked", &["public-access-blocked"], DROPS, |world| {
        world.network(|network| network.block_mode = "block-bidirectional");
    }),
    broken("access-blocked-inward", &["public-access-blocked"], DROPS, |world| {
        world.network(|network| {
            network.block_mode = "block-ingress";
            // This one lets only outward traffic pass.
            network.exclusions.push(("vpc-0123456789abcdef0".to_owned(), "allow-egress"));
        });
    }),
    broken("access-excluded", &["connection-timed-out"], DROPS, |world| {
        world.network(|network| {
            network.block_mode = "block-bidirectional";
            network.exclusions.push(("subnet-0123456789abcdef0".to_owned(), "allow-bidirectional"));
        });
    }),
    broken("host-firewall", &["connection-timed-out"], DROPS, |_| ()),
    broken("no-sshd", &["connection-refused"], REFUSES, |_| ()),
    broken("silent-server", &["server-silent"], Port::Faulty(Manner::Silent), |_| ()),
    broken("web-server", &["server-not-ssh"], Port::Faulty(Manner::Web), |_| ()),
    broken("other-machine", &["host-key-contradicted"], SSH, |world| {
        world.cloud.print_host_keys(ID, &[HostKey::fresh().public_line()]);
    }),
    broken("private", &["no-public-address"], SSH, |world| world.private()),
    broken("endpoint-failed", &["endpoint-not-ready"], SSH, |world| {
        world.endpoint(|endpoint| endpoint.state = "create-failed");
    }),
    broken("endpoint-without-way-out", &["endpoint-egress-closed"], SSH, |world| {
        world.endpoint(|_| ());
        world.network(|network| network.rules.retain(|rule| rule.group != ENDPOINT_GROUP));
    }),
    broken("endpoint-not-admitted", &["endpoint-not-admitted"], SSH, |world| {
        world.endpoint(|_| ());
        world.admits(&[GroupRule::ingress(GROUP, (22, 22), "203.0.113.7/32")]);
    }),
    broken("endpoint-with-client-address", &["endpoint-not-admitted"], SSH, |world| {
        world.endpoint(|endpoint| endpoint.preserve_client_ip = true);
    }),
    broken("endpoint-of-ipv6", &["endpoint-address-family"], SSH, |world| {
        world.endpoint(|endpoint| endpoint.address_type = "ipv6");
    }),
    broken("agent-lost", &["agent-offline"], SSH, |world| world.agent("ConnectionLost", "3.3.3572.0")),
    broken("agent-inactive", &["agent-offline"], SSH, |world| world.agent("Inactive", "3.3.3572.0")),
    broken("agent-old", &["agent-too-old"], SSH, |world| world.agent("Online", "2.3.50.0")),
    with("--via eice", broken("no-endpoint", &["endpoint-missing"], SSH, |world| world.private())),
    with("--via ssm", broken("no-agent", &["agent-missing"], SSH, |world| world.private())),
    broken("metadata-off", &["metadata-disabled"], SSH, |world| world.instance.metadata = "disabled"),
    broken("debian", &["instance-connect-missing"], SSH, |world| world.image("debian-12-amd64-20240702-1796")),
    broken("local-zone", &["local-zone"], SSH, |world| world.instance.zone = "eu-west-1-lon-1a".to_owned()),
    // Two faults at once: the nearer one is named first.
    broken("closed-and-metadata-off", &["security-group-closed", "metadata-disabled"], DROPS, |world| {
        world.admits(&[]);
        world.instance.metadata = "disabled";
    }),
    broken("no-route-and-closed", &["no-route-to-caller", "security-group-closed"], DROPS, |world| {
        world.route(&[]);
        world.admits(&[]);
    }),
    broken("stopped-and-closed", &["instance-stopped"], DROPS, |world| {
        world.instance.state = "stopped";
        world.admits(&[]);
    }),
    broken("closed-and-agent-lost", &["security-group-closed", "agent-offline"], DROPS, |world| {
        world.admits(&[]);
        world.cloud.agent(ID, Agent { ping: "ConnectionLost", ..Agent::recent() });
    }),
];

impl Broken {
    /// Builds the world, and returns the port of the instance's SSH server, if it has a public address. The rules for port 22 are for
    /// that port then.
    ///
    /// # Panics
    /// If no port of loopback can be listened on.
    pub fn build(&self, cloud: &Cloud) -> Option<u16> {
        let port = match self.port {
            Port::Ssh => {
                let sshd = Sshd::default();
                cloud.print_host_keys(ID, &[sshd.host_key.public_line()]);
                cloud.sshd(ID, sshd)
            }
            Port::Faulty(manner) => cloud.hold(faulty_port::open(manner)),
        };
        cloud.port(ID, 22, port);
        let mut world = World { cloud, instance: Instance::named(ID, NAME) };
        (self.breaks)(&mut world);
        let instance = world.instance;
        let port = instance.public_ip.is_some().then_some(port);
        cloud.add(instance);
        cloud.network(|network| port.into_iter().for_each(|port| replace_port(network, port)));
        port
    }
}

/// Replaces port 22 in all rules.
fn replace_port(network: &mut Network, port: u16) {
    for rule in network.rules.iter_mut().filter(|rule| rule.ports == (22, 22)) {
        rule.ports = (port.into(), port.into());
    }
    let entries = network.acls.iter_mut().flat_map(|acl| &mut acl.entries);
    for entry in entries.filter(|entry| entry.ports == Some((22, 22))) {
        entry.ports = Some((port, port));
    }
}
