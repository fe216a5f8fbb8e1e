//! GetConsoleOutput, and the console output of cloud-init at first boot.

use axum::body::Body;
use axum::http::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::ec2::{parameter, unknown_instance, xml};
use crate::state::State;

/// Answers GetConsoleOutput. `Latest` is supported on Nitro instances only; every instance here is one.
pub(crate) fn get_console_output(state: &State, body: &str) -> Response<Body> {
    let id = parameter(body, "InstanceId").unwrap_or_default();
    if !state.instances.iter().any(|instance| instance.id == id) {
        return unknown_instance(&id);
    }
    let latest = parameter(body, "Latest").is_some_and(|value| value == "true");
    let found = state.consoles.iter().find(|(other, ..)| *other == id);
    let output = found.map(|(_, posted, now)| if latest { now } else { posted });
    let output = output.filter(|output| !output.is_empty());
    // The element is missing if there is no output.
    let output = output.map_or(String::new(), |bytes| format!("<output>{}</output>", STANDARD.encode(bytes)));
    let time = "<timestamp>2026-11-20T08:33:00.000Z</timestamp>";
    xml("GetConsoleOutput", &format!("<instanceId>{id}</instanceId>{time}{output}"))
}

/// Returns the console output of a first boot that prints these host keys.
pub(crate) fn boot(keys: &[String]) -> Vec<u8> {
    let keys: String = keys.iter().map(|key| format!("{key} root@ip-10-0-0-1\r\n")).collect();
    format!(
        "[    0.000000] Linux version 6.1.112 (mockbuild@ip-10-0-0-9)\r\n\
         [    8.115] cloud-init[2133]: Cloud-init v. 22.2.2 running 'modules:final'\r\n\
         -----BEGIN SSH HOST KEY KEYS-----\r\n{keys}-----END SSH HOST KEY KEYS-----\r\n\
         [    8.327] cloud-init[2133]: Cloud-init v. 22.2.2 finished\r\n\r\nip-10-0-0-1 login: "
    )
    .into_bytes()
}
