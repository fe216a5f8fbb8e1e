//! Rules and what they let through, as tables.

use super::*;

fn rule(group: &str, protocol: &str, ports: [i32; 2], peer: &str) -> GroupRule {
    let peer = match peer {
        list if list.starts_with("pl-") => Peer::PrefixList(list.to_owned()),
        group if group.starts_with("sg-") => Peer::Group(group.to_owned()),
        "" => Peer::Unknown,
        network => Peer::Network(network.parse().unwrap()),
    };
    GroupRule {
        id: "sgr-1".to_owned(),
        group_id: group.to_owned(),
        is_egress: false,
        transport: Transport::of(Some(protocol), ports.map(Some)),
        peer,
    }
}

fn word(admission: &Admission) -> &'static str {
    match admission {
        Admission::Allowed(_) => "allowed",
        Admission::Denied(_) => "denied",
        Admission::Partial(_) => "partial",
        Admission::Unknown(_) => "unknown",
    }
}

fn lists() -> PrefixLists {
    BTreeMap::from([
        ("pl-office".to_owned(), Fact::Known(vec!["198.51.100.0/24".parse().unwrap()])),
        ("pl-denied".to_owned(), Fact::Denied("ec2:GetManagedPrefixListEntries")),
    ])
}

const CALLER: &str = "203.0.113.7";

#[test]
fn each_kind_of_peer_is_read() {
    let ssh = [22, 22];
    // (rule, the caller's address, the verdict)
    let table: &[(GroupRule, &str, &str)] = &[
        (rule("sg-a", "tcp", ssh, "203.0.113.7/32"), CALLER, "allowed"),
        (rule("sg-a", "6", ssh, "203.0.113.0/24"), CALLER, "allowed"),
        (rule("sg-a", "-1", [-1, -1], "0.0.0.0/0"), CALLER, "allowed"),
        (rule("sg-a", "tcp", [0, 65_535], "0.0.0.0/0"), CALLER, "allowed"),
        (rule("sg-a", "tcp", ssh, "198.51.100.0/24"), CALLER, "denied"),
        (rule("sg-a", "tcp", [80, 443], "0.0.0.0/0"), CALLER, "denied"),
        (rule("sg-a", "udp", ssh, "0.0.0.0/0"), CALLER, "denied"),
        (rule("sg-a", "icmp", [-1, -1], "0.0.0.0/0"), CALLER, "denied"),
        // All of IPv4 is not all of IPv6.
        (rule("sg-a", "tcp", ssh, "::/0"), CALLER, "denied"),
        (rule("sg-a", "tcp", ssh, "0.0.0.0/0"), "2001:db8::1", "denied"),
        (rule("sg-a", "tcp", ssh, "::/0"), "2001:db8::1", "allowed"),
        (rule("sg-a", "tcp", ssh, "pl-office"), "198.51.100.9", "allowed"),
        (rule("sg-a", "tcp", ssh, "pl-office"), CALLER, "denied"),
        (rule("sg-a", "tcp", ssh, "pl-denied"), CALLER, "unknown"),
        (rule("sg-a", "tcp", ssh, "pl-other"), CALLER, "unknown"),
        // A group stands for private addresses, never for a public one.
        (rule("sg-a", "tcp", ssh, "sg-b"), CALLER, "denied"),
        (rule("sg-a", "tcp", ssh, "sg-b"), "10.0.0.9", "unknown"),
        (rule("sg-a", "tcp", ssh, ""), CALLER, "unknown"),
        // The rule is another group's.
        (rule("sg-z", "tcp", ssh, "0.0.0.0/0"), CALLER, "denied"),
    ];
    for (rule, caller, expected) in table {
        let other = Other::Address(caller.parse().unwrap());
        let groups = ["sg-a".to_owned()];
        let verdict = groups_admit(std::slice::from_ref(rule), &groups, (false, 22), other, &lists());
        assert_eq!(word(&verdict), *expected, "{rule:?} {caller}: {verdict:?}");
    }
}

/// The rules of all groups are one list; egress is another one.
#[test]
fn groups_are_a_union() {
    let groups = ["sg-a".to_owned(), "sg-b".to_owned()];
    let closed = rule("sg-a", "tcp", [443, 443], "0.0.0.0/0");
    let open = rule("sg-b", "tcp", [22, 22], "203.0.113.0/24");
    let egress = GroupRule { is_egress: true, ..rule("sg-a", "-1", [-1, -1], "0.0.0.0/0") };
    let other = Other::Address(CALLER.parse().unwrap());
    let admits = |rules: &[GroupRule]| word(&groups_admit(rules, &groups, (false, 22), other, &lists()));
    assert_eq!(admits(&[closed.clone(), open]), "allowed");
    assert_eq!(admits(&[closed, egress]), "denied");
    assert_eq!(admits(&[]), "denied");
}

#[test]
fn unknown_address_is_decided_by_rules_for_all() {
    let groups = ["sg-a".to_owned()];
    let admits = |peer: &str, v6| {
        let rules = [rule("sg-a", "tcp", [22, 22], peer)];
        word(&groups_admit(&rules, &groups, (false, 22), Other::SomeAddress { v6 }, &lists()))
    };
    assert_eq!(admits("0.0.0.0/0", false), "allowed");
    assert_eq!(admits("0.0.0.0/0", true), "denied");
    assert_eq!(admits("203.0.113.0/24", false), "partial");
    assert_eq!(admits("::/0", false), "denied");
}

#[test]
fn members_are_admitted_by_group_or_network() {
    let theirs = ["sg-eice".to_owned()];
    let networks: [IpNet; 1] = ["10.0.1.0/24".parse().unwrap()];
    let admits = |peer: &str| {
        let rules = [rule("sg-a", "tcp", [22, 22], peer)];
        let other = Other::Member(&theirs, &networks);
        word(&groups_admit(&rules, &["sg-a".to_owned()], (false, 22), other, &lists()))
    };
    assert_eq!(admits("sg-eice"), "allowed");
    assert_eq!(admits("sg-other"), "denied");
    assert_eq!(admits("10.0.0.0/16"), "allowed");
    assert_eq!(admits("10.0.1.64/26"), "partial");
    assert_eq!(admits("10.0.2.0/24"), "denied");
}

fn entry(number: i32, allows: bool, ports: Option<[i32; 2]>, network: &str) -> AclEntry {
    let transport = ports.map_or(Transport::All, |ports| Transport::of(Some("6"), ports.map(Some)));
    AclEntry { number, is_egress: false, allows, transport, network: network.parse().unwrap() }
}

#[test]
fn first_rule_of_an_acl_decides() {
    let last = || entry(32_767, false, None, "0.0.0.0/0");
    let udp = AclEntry { transport: Transport::Other, ..entry(50, false, None, "0.0.0.0/0") };
    let table: &[(Vec<AclEntry>, &str, Admission)] = &[
        (vec![entry(100, true, None, "0.0.0.0/0"), last()], CALLER, Admission::Allowed("rule 100".to_owned())),
        (vec![last()], CALLER, Admission::Denied(32_767)),
        (vec![], CALLER, Admission::Denied(32_767)),
        (
            vec![entry(100, true, None, "0.0.0.0/0"), entry(90, false, Some([22, 22]), "0.0.0.0/0")],
            CALLER,
            Admission::Denied(90),
        ),
        (
            vec![entry(90, false, None, "198.51.100.0/24"), entry(100, true, Some([22, 22]), "203.0.113.0/24")],
            CALLER,
            Admission::Allowed("rule 100".to_owned()),
        ),
        (vec![udp, entry(100, true, None, "0.0.0.0/0")], CALLER, Admission::Allowed("rule 100".to_owned())),
        (vec![entry(100, true, None, "0.0.0.0/0")], "2001:db8::1", Admission::Denied(32_767)),
        (vec![entry(100, true, None, "::/0")], "2001:db8::1", Admission::Allowed("rule 100".to_owned())),
    ];
    for (entries, caller, expected) in table {
        let other = Other::Address(caller.parse().unwrap());
        assert_eq!(acl_admits(entries, false, 22..=22, other), *expected, "{entries:?}");
    }
    let some = Other::SomeAddress { v6: false };
    let narrow = [entry(90, false, None, "198.51.100.0/24"), entry(100, true, None, "0.0.0.0/0")];
    assert_eq!(word(&acl_admits(&narrow, false, 22..=22, some)), "unknown");
    assert_eq!(word(&acl_admits(&narrow[1..], false, 22..=22, some)), "allowed");
}

#[test]
fn ranges_may_be_allowed_in_part() {
    let caller = Other::Address(CALLER.parse().unwrap());
    let admits = |entries: &[AclEntry]| acl_admits(entries, false, 1024..=65_535, caller);
    let all = entry(100, true, Some([1024, 65_535]), "0.0.0.0/0");
    assert_eq!(word(&admits(std::slice::from_ref(&all))), "allowed");
    let halves = [entry(1, true, Some([0, 40_000]), "0.0.0.0/0"), entry(2, true, Some([40_001, 65_535]), "0.0.0.0/0")];
    assert_eq!(word(&admits(&halves)), "allowed");
    let part = [entry(100, true, Some([32_768, 61_000]), "0.0.0.0/0")];
    assert_eq!(admits(&part), Admission::Partial("ports 32768-61000".to_owned()));
    let hole = [entry(90, false, Some([3389, 3389]), "0.0.0.0/0"), all];
    assert_eq!(admits(&hole), Admission::Partial("ports 1024-3388, 3390-65535".to_owned()));
}
