//! Many logins with look-ups of keys at their real cost: at once, and one after another.

use std::time::Duration;

use crate::process::{end, start};
use crate::setup::{Distance, Setup, ec2ssh_binary};
use crate::{Outcome, routes};

const AT_ONCE: usize = 40;
const IN_A_ROW: usize = 25;
const LIMIT: Duration = Duration::from_secs(90);

pub(crate) fn run() -> Vec<(String, Outcome)> {
    let setup = Setup::new(Distance::NONE, Duration::ZERO);
    setup.cloud.cost_key_lookup();
    let start_one = |options: &str| start(setup.command(ec2ssh_binary()), &format!("-q {options} my-instance true"));
    let forget = || {
        let _ = std::fs::remove_dir_all(setup.path("run/ec2ssh"));
        assert!(setup.command(setup.path("no-keys")).status().unwrap().success());
    };
    end(start_one("--via eice"), LIMIT);
    let mut all = Vec::new();
    for (route, options) in routes(&setup) {
        forget();
        let children: Vec<_> = (0..AT_ONCE).map(|_| start_one(&options)).collect();
        let ended: Vec<_> = children.into_iter().map(|child| end(child, LIMIT)).collect();
        all.push((format!("{AT_ONCE} at once, {route}"), all_in(ended.iter().map(|ended| ended.code))));
        forget();
        let codes: Vec<_> = (0..IN_A_ROW).map(|_| end(start_one(&options), LIMIT).code).collect();
        all.push((format!("{IN_A_ROW} in a row, {route}"), all_in(codes.into_iter())));
    }
    all
}

fn all_in(codes: impl Iterator<Item = Option<i32>>) -> Outcome {
    let codes: Vec<_> = codes.collect();
    let logged_in = codes.iter().filter(|code| **code == Some(0)).count();
    let text = format!("{logged_in} of {} logged in", codes.len());
    if logged_in == codes.len() { Ok(text) } else { Err(text) }
}
