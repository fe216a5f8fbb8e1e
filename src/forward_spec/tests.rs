//! Tables of specifications in all their forms.

use super::*;

fn tcp(host: &str, port: u16) -> Destination {
    Destination::Tcp { host: host.to_owned(), port }
}

fn on(bind: Bind, port: u16) -> Listen {
    Listen::Tcp { bind, port }
}

fn at(address: &str) -> Bind {
    Bind::Address(address.to_owned())
}

fn unix(path: &str) -> Listen {
    Listen::Unix(path.to_owned())
}

#[test]
fn local_forwards_are_read_as_ssh_does() {
    let table = [
        ("8080:localhost:80", on(Bind::Default, 8080), tcp("localhost", 80)),
        ("127.0.0.1:8080:db.internal:5432", on(at("127.0.0.1"), 8080), tcp("db.internal", 5432)),
        ("*:8080:h:80", on(Bind::All, 8080), tcp("h", 80)),
        (":8080:h:80", on(Bind::All, 8080), tcp("h", 80)),
        ("[::1]:8080:[2001:db8::7]:443", on(at("::1"), 8080), tcp("2001:db8::7", 443)),
        ("0:h:80", on(Bind::Default, 0), tcp("h", 80)),
        ("/tmp/s:/run/docker.sock", unix("/tmp/s"), Destination::Unix("/run/docker.sock".to_owned())),
        ("/tmp/s:h:80", unix("/tmp/s"), tcp("h", 80)),
        ("8080:/run/docker.sock", on(Bind::Default, 8080), Destination::Unix("/run/docker.sock".to_owned())),
        ("h:8080:/run/a\\:b", on(at("h"), 8080), Destination::Unix("/run/a:b".to_owned())),
        // The short forms are ours.
        ("8080", on(Bind::Default, 8080), tcp("localhost", 8080)),
        (":80", on(Bind::Default, 0), tcp("localhost", 80)),
        ("8080:80", on(Bind::Default, 8080), tcp("localhost", 80)),
    ];
    for (spec, listen, to) in table {
        assert_eq!(Forward::local(spec), Ok(Forward { listen, to }), "{spec}");
    }
}

#[test]
fn remote_and_dynamic_forwards_are_read() {
    let remote = [
        ("8080:localhost:80", on(Bind::Default, 8080), tcp("localhost", 80)),
        ("localhost:0:localhost:80", on(at("localhost"), 0), tcp("localhost", 80)),
        ("/tmp/s:/run/x", unix("/tmp/s"), Destination::Unix("/run/x".to_owned())),
        ("1080", on(Bind::Default, 1080), Destination::Socks),
        ("*:1080", on(Bind::All, 1080), Destination::Socks),
    ];
    for (spec, listen, to) in remote {
        assert_eq!(Forward::remote(spec), Ok(Forward { listen, to }), "{spec}");
    }
    let dynamic = [
        ("1080", on(Bind::Default, 1080)),
        ("[::1]:1080", on(at("::1"), 1080)),
        ("*:1080", on(Bind::All, 1080)),
        ("0", on(Bind::Default, 0)),
    ];
    for (spec, listen) in dynamic {
        assert_eq!(Forward::dynamic(spec), Ok(Forward { listen, to: Destination::Socks }), "{spec}");
    }
    assert_eq!(stdio("[::1]:22"), Ok(tcp("::1", 22)));
    assert_eq!(stdio("db:5432"), Ok(tcp("db", 5432)));
    assert_eq!(stdio("/run/x"), Ok(Destination::Unix("/run/x".to_owned())));
}

#[test]
fn words_of_ssh_config_are_a_forward() {
    let forward = Forward::of_words("[127.0.0.1]:8080", "[localhost]:80").unwrap();
    assert_eq!(forward, Forward { listen: on(at("127.0.0.1"), 8080), to: tcp("localhost", 80) });
    let forward = Forward::of_words("1080", "[socks]:0").unwrap();
    assert_eq!(forward, Forward { listen: on(Bind::Default, 1080), to: Destination::Socks });
    let forward = Forward::of_words("8080", "/run/x").unwrap();
    assert_eq!(forward, Forward { listen: on(Bind::Default, 8080), to: Destination::Unix("/run/x".to_owned()) });
}

#[test]
fn arguments_of_forward_are_read() {
    let table = [
        ("5432", on(Bind::Default, 5432), tcp("localhost", 5432)),
        ("8080:80", on(Bind::Default, 8080), tcp("localhost", 80)),
        (":80", on(Bind::Default, 0), tcp("localhost", 80)),
        ("5432@db.internal", on(Bind::Default, 5432), tcp("db.internal", 5432)),
        ("15432:5432@db.internal", on(Bind::Default, 15432), tcp("db.internal", 5432)),
        (":5432@2001:db8::7", on(Bind::Default, 0), tcp("2001:db8::7", 5432)),
        ("443@[2001:db8::7]", on(Bind::Default, 443), tcp("2001:db8::7", 443)),
        ("0.0.0.0:8080:80", on(at("0.0.0.0"), 8080), tcp("localhost", 80)),
        ("/run/docker.sock", unix(""), Destination::Unix("/run/docker.sock".to_owned())),
        ("d.sock:/run/docker.sock", unix("d.sock"), Destination::Unix("/run/docker.sock".to_owned())),
        ("/tmp/d:/run/docker.sock", unix("/tmp/d"), Destination::Unix("/run/docker.sock".to_owned())),
        ("2375:/run/docker.sock", on(Bind::Default, 2375), Destination::Unix("/run/docker.sock".to_owned())),
        (":/run/docker.sock", on(Bind::Default, 0), Destination::Unix("/run/docker.sock".to_owned())),
    ];
    for (spec, listen, to) in table {
        assert_eq!(Forward::of_command(spec), Ok(Forward { listen, to }), "{spec}");
    }
}

#[test]
fn invalid_forwards_say_what_is_wrong() {
    for spec in
        ["", "x", "65536", "8080:h:0", "8080::80", "a:b:c:d:e", "[::1:80:h:80", "2001:db8::1:80:h:80", "-1:h:80"]
    {
        assert!(Forward::local(spec).is_err(), "{spec}");
    }
    for spec in ["", "99999:h:80", "h", "8080:h:x"] {
        assert!(Forward::remote(spec).is_err(), "{spec}");
    }
    for spec in ["", "a:b:c", "1:h:80"] {
        assert!(Forward::dynamic(spec).is_err(), "{spec}");
    }
    for spec in [
        "",
        "x",
        "5432@",
        "70000",
        "db:5432:x",
        "0",
        "8080:0",
        "80:80:80",
        "5432@a@b",
        "http://localhost:8080",
        "localhost:80",
        "*:80",
    ] {
        assert!(Forward::of_command(spec).is_err(), "{spec}");
    }
    // As in ssh, a host first: it would be a socket in the current folder.
    let error = Forward::of_command("db.internal:5432").unwrap_err().to_string();
    assert!(error.contains("neither a port nor a path; a host stands behind: 5432@db.internal"), "{error}");
    let error = Forward::local("70000:h:80").unwrap_err().to_string();
    assert!(error.starts_with("\"70000\" is no port (0 to 65535); it looks like this: "), "{error}");
    let error = Forward::of_command("8080:").unwrap_err().to_string();
    assert!(error.starts_with("a port is missing; "), "{error}");
}
