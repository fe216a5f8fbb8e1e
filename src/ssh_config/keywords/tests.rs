//! Tables of options in all spellings, and those of other programs.

use super::*;
use crate::ssh_config::typed;

fn of(options: &[&str]) -> Result<Found, OptionError> {
    typed(&options.iter().map(|option| (*option).to_owned()).collect::<Vec<_>>())
}

#[test]
fn options_are_read_in_all_spellings() {
    for option in ["User=admin", "user admin", "USER  =  admin", "User=\"admin\"", "user\tadmin"] {
        assert_eq!(of(&[option]).unwrap().options.user.as_deref(), Some("admin"), "{option}");
    }
    let found =
        of(&["Port=2222", "Port=22", "ServerAliveInterval=1m30s", "ConnectTimeout=none", "AddressFamily=inet6"])
            .unwrap();
    assert_eq!(found.options.port, Some(2222), "the first one counts");
    assert_eq!(found.options.server_alive_interval, Some(90));
    assert_eq!((found.options.connect_timeout, found.ipv4), (None, Some(false)));
    let found =
        of(&["LocalForward=8080 localhost:80", "LocalForward=[::1]:81:h:82", "StrictHostKeyChecking=no"]).unwrap();
    assert_eq!(found.options.local_forward.map(|forwards| forwards.len()), Some(2));
    assert_eq!(found.options.host_keys, Some(HostKeyPolicy::AcceptNew));
}

/// The options that scp, sftp, rsync, git and ansible pass.
#[test]
fn options_of_other_programs_are_taken() {
    let found = of(&[
        "PermitLocalCommand=no",
        "ClearAllForwardings=yes",
        "RemoteCommand=none",
        "RequestTTY=no",
        "ForwardAgent=no",
        "ForwardX11 no",
        "SendEnv=GIT_PROTOCOL",
        "ControlMaster=auto",
        "ControlPersist=60s",
        "ControlPath=\"/tmp/x\"",
        "KbdInteractiveAuthentication=no",
        "PreferredAuthentications=gssapi-with-mic,publickey",
        "PasswordAuthentication=no",
        "ConnectTimeout=10",
        "BatchMode=yes",
    ])
    .unwrap();
    assert!(found.lacking.is_empty(), "{:?}", found.lacking);
    assert_eq!((found.clear_forwards, found.batch), (Some(true), Some(true)));
}

#[test]
fn invalid_options_are_errors() {
    assert_eq!(of(&["Usr=x"]), Err(OptionError::Unknown("Usr".to_owned())));
    for option in [
        "Port=x",
        "Port=0",
        "User=",
        "User",
        "Compression=maybe",
        "LogLevel=LOUD",
        "LocalForward=x",
        "SetEnv=A",
        "ConnectTimeout=5y",
        "User=-x",
    ] {
        assert!(matches!(of(&[option]), Err(OptionError::Value { .. } | OptionError::NoValue(_))), "{option}");
    }
    let found = of(&["SendEnv=A_* B_*", "SendEnv=-A_*"]).unwrap();
    assert_eq!(found.options.send_env, Some(vec!["B_*".to_owned()]));
    assert_eq!(of(&["Ciphers=aes128-ctr", "Ciphers=x", "Tunnel=no"]).unwrap().lacking, ["Ciphers"]);
}
