//! EC2 Instance Connect: SendSSHPublicKey with the service's checks, and the real key lifetime of 60 seconds.

use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::Response;
use serde_json::Value;

use crate::fault::{error, respond};
use crate::state::{PushedKey, State};

const LIFETIME: Duration = Duration::from_secs(60);

/// Answers SendSSHPublicKey and stores the key.
pub(crate) fn send_ssh_public_key(state: &mut State, body: &str) -> Response<Body> {
    let Ok(request) = serde_json::from_str::<Value>(body) else {
        return error(400, "InvalidArgsException", "not JSON", true);
    };
    let field = |name: &str| request[name].as_str().unwrap_or_default().to_owned();
    let (instance_id, user, key) = (field("InstanceId"), field("InstanceOSUser"), field("SSHPublicKey"));
    let key_fits = (80..=4096).contains(&key.len()) && (key.starts_with("ssh-ed25519 ") || key.starts_with("ssh-rsa "));
    if !key_fits || !(1..=32).contains(&user.len()) {
        return error(400, "InvalidArgsException", "the key or the user is not valid", true);
    }
    let Some(instance) = state.instances.iter().find(|instance| instance.id == instance_id) else {
        return error(400, "EC2InstanceNotFoundException", "the instance does not exist", true);
    };
    if instance.state != "running" {
        return error(400, "EC2InstanceStateInvalidException", "the instance is not running", true);
    }
    state.pushed.push(PushedKey { instance_id, user, key, at: Instant::now(), aged: Duration::ZERO });
    let answer = serde_json::json!({ "RequestId": "00000000-0000-0000-0000-000000000000", "Success": true });
    respond(200, "application/x-amz-json-1.1", answer.to_string())
}

/// The instance types without a serial console: those before Nitro.
const BEFORE_NITRO: [&str; 5] = ["t1.", "t2.", "m3.", "m4.", "c4."];

/// Answers SendSerialConsoleSSHPublicKey and stores the key for the user of the console.
pub(crate) fn send_serial_console_key(state: &mut State, body: &str) -> Response<Body> {
    let request: Value = serde_json::from_str(body).unwrap_or_default();
    let field = |name: &str| request[name].as_str().unwrap_or_default().to_owned();
    let (instance_id, key) = (field("InstanceId"), field("SSHPublicKey"));
    if request["SerialPort"] != 0 || !(80..=4096).contains(&key.len()) {
        return error(400, "InvalidArgsException", "the port or the key is not valid", true);
    }
    let Some(instance) = state.instances.iter().find(|instance| instance.id == instance_id) else {
        return error(400, "EC2InstanceNotFoundException", "the instance does not exist", true);
    };
    if BEFORE_NITRO.iter().any(|family| instance.instance_type.starts_with(family)) {
        return error(400, "EC2InstanceTypeInvalidException", "the instance type is not supported", true);
    }
    let user = format!("{instance_id}.port0");
    state.pushed.push(PushedKey { instance_id, user, key, at: Instant::now(), aged: Duration::ZERO });
    let answer = serde_json::json!({ "RequestId": "00000000-0000-0000-0000-000000000000", "Success": true });
    respond(200, "application/x-amz-json-1.1", answer.to_string())
}

impl State {
    /// Returns the keys pushed for this user that have not expired.
    pub(crate) fn pushed_keys(&self, instance_id: &str, user: &str) -> Vec<String> {
        let alive = self.pushed.iter().filter(|pushed| pushed.at.elapsed() + pushed.aged < LIFETIME);
        let mine = alive.filter(|pushed| pushed.instance_id == instance_id && pushed.user == user);
        mine.map(|pushed| pushed.key.clone()).collect()
    }

    /// Replaces all pushed keys with these, one per line, as if they had just been pushed.
    pub(crate) fn set_keys(&mut self, instance_id: &str, user: &str, keys: &str) {
        self.pushed.clear();
        self.push_others(instance_id, user, keys.lines().map(str::to_owned).collect());
    }

    /// Adds these keys, as if they had just been pushed.
    pub(crate) fn push_others(&mut self, instance_id: &str, user: &str, keys: Vec<String>) {
        let (instance_id, user) = (instance_id.to_owned(), user.to_owned());
        let pushed = |key| PushedKey {
            instance_id: instance_id.clone(),
            user: user.clone(),
            key,
            at: Instant::now(),
            aged: Duration::ZERO,
        };
        self.pushed.extend(keys.into_iter().map(pushed));
    }

    /// Makes all pushed keys older.
    pub(crate) fn age_keys(&mut self, by: Duration) {
        for pushed in &mut self.pushed {
            pushed.aged += by;
        }
    }
}
