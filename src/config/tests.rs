//! Parsing of the config file: which section wins, and errors that name the line.

use std::path::Path;

use clap::ValueEnum;

use crate::config::{AddressKind, Config, Error, HostKeyPolicy, Options, Via, expand_home};

fn parse(text: &str) -> Result<Config, Error> {
    Config::parse(text, Path::new("config.toml"))
}

/// For each key the first matching `[[host]]` that sets it wins, and `[defaults]` applies where none does.
#[test]
fn first_matching_host_wins_defaults_come_last() {
    let config = parse(
        r#"
        [defaults]
        profile = "dev"
        user = "everybody"
        host-keys = "accept-new"

        [[host]]
        match = "web-*"
        user = "ubuntu"
        address = "private"

        [[host]]
        match = "web-1"
        user = "admin"
        port = 2222
        identity = "~/k.pem"
        "#,
    )
    .unwrap();
    let defaults = Options {
        profile: Some("dev".into()),
        user: Some("everybody".into()),
        host_keys: Some(HostKeyPolicy::AcceptNew),
        ..Options::default()
    };
    assert_eq!(config.options_for(&["db"]), defaults);
    let web = Options { user: Some("ubuntu".into()), address: Some(AddressKind::Private), ..defaults };
    assert_eq!(config.options_for(&["web-2"]), web);
    assert_eq!(config.options_for(&["web-1"]), Options { port: Some(2222), identity: Some("~/k.pem".into()), ..web });
}

#[test]
fn parse_error_names_its_line() {
    let table = [
        ("[defaults]\nuser = \"a\"\nuzer = \"b\"\n", 3, "uzer"),
        ("\n[[host]]\nmatch = \"a\"\nprot = 1\n", 4, "prot"),
        ("[[host]]\nport = 1\n", 1, "match"),
        ("[defaults]\nmatch = \"a\"\n", 1, "match"),
        ("[defaults]\nport = \"ssh\"\n", 2, "a port is a number from 1 to 65535"),
        ("[defaults]\nport = 0\n", 2, "a port is a number from 1 to 65535"),
        ("[defaults]\nport = 1.5\n", 2, "a port is a number from 1 to 65535"),
        ("[defaults]\nuser = \"-oops\"\n", 2, "-oops"),
        ("[defaults]\nhost-keys = \"maybe\"\n", 2, "maybe"),
        ("[other]\n", 1, "other"),
        ("= broken\n", 1, ""),
    ];
    for (text, expected, word) in table {
        let Err(Error::Parse { line, message, .. }) = parse(text) else { panic!("{text} was taken") };
        assert_eq!(line, expected, "{text}: {message}");
        assert!(message.contains(word), "{message} does not say {word}");
    }
}

#[test]
fn missing_file_is_an_empty_config() {
    assert_eq!(Config::load(Path::new("/nowhere/at/all")).unwrap(), Config::default());
    assert!(matches!(Config::load(Path::new("/")), Err(Error::Read { .. })));
}

/// Values for tunnels are checked in the config file as on the command line.
#[test]
fn tunnel_options_in_config_are_checked() {
    for (text, words) in [
        ("max-tunnel-duration = 7200", "a tunnel lasts from 1 to 3600 seconds"),
        ("max-tunnel-duration = 0", "a tunnel lasts from 1 to 3600 seconds"),
        ("eice-id = \"nonsense\"", "an endpoint's id looks like this"),
        ("via = \"vpn\"", "unknown variant `vpn`"),
    ] {
        for table in ["[defaults]", "[[host]]\nmatch = \"x\""] {
            let error = Config::parse(&format!("{table}\n{text}\n"), Path::new("c.toml")).unwrap_err().to_string();
            assert!(error.contains(words) && error.starts_with("c.toml:"), "{error}");
        }
    }
}

/// A value is displayed in the word with which the option and the config file take it.
#[test]
fn values_are_displayed_as_they_are_typed() {
    fn check<T: ValueEnum + ToString>() {
        for value in T::value_variants() {
            assert_eq!(value.to_possible_value().unwrap().get_name(), value.to_string());
        }
    }
    check::<AddressKind>();
    check::<HostKeyPolicy>();
    check::<Via>();
}

#[test]
fn leading_tilde_is_the_home_folder() {
    let home = dirs::home_dir().unwrap();
    assert_eq!(expand_home(Path::new("~/k.pem")), home.join("k.pem"));
    for other in ["/etc/~/k.pem", "k.pem", "~other/k.pem"] {
        assert_eq!(expand_home(Path::new(other)), Path::new(other));
    }
}

#[test]
fn tunnel_duration_has_the_services_limits() {
    let read = |seconds: &str| parse(&format!("[defaults]\nmax-tunnel-duration = {seconds}\n"));
    for valid in ["1", "3600"] {
        assert_eq!(read(valid).unwrap().options_for(&["x"]).max_tunnel_duration, valid.parse().ok());
    }
    for invalid in ["0", "3601", "-1"] {
        assert!(read(invalid).is_err(), "{invalid}");
    }
}

/// A number in quotes was "invalid type: string".
#[test]
fn numbers_in_quotes_are_read() {
    let config = parse("[defaults]\nport = \"2222\"\nmax-tunnel-duration = \"600\"\n").unwrap();
    let options = config.options_for(&["x"]);
    assert_eq!((options.port, options.max_tunnel_duration), (Some(2222), Some(600)));
}
