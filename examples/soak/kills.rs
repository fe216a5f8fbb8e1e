//! Sessions that are killed at random moments: nothing may be left behind that is in the way of the next.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::process::{Pid, Signal, kill_process};

use crate::process::{comes_true, end, of_home, start};
use crate::setup::{Distance, Setup, ec2ssh_binary};
use crate::{Outcome, routes};

const KILLS: usize = 50;
/// The longest time from the start to the signal: a login with a warm cache takes about half of it.
const LATEST: u64 = 1000;
const SIGNALS: [Signal; 4] = [Signal::KILL, Signal::TERM, Signal::INT, Signal::HUP];
/// The time in which agents and key holders end by themselves: a key is good for 50 seconds.
const REST: Duration = Duration::from_secs(75);
const LIMIT: Duration = Duration::from_secs(20);

pub(crate) fn run() -> Vec<(String, Outcome)> {
    let setup = Setup::new(Distance::NONE, Duration::ZERO);
    setup.cloud.delay_calls(Duration::from_millis(20));
    let (routes, mut random) = (routes(&setup), Random::from_clock());
    println!("       kills: seed {}", random.0);
    let mut hung = 0;
    for count in 0..KILLS {
        let options = &routes[count % routes.len()].1;
        // Every second one begins without what is remembered.
        if count % 2 == 1 {
            let _ = std::fs::remove_dir_all(setup.path("cache"));
        }
        let child = start(setup.command(ec2ssh_binary()), &format!("-q {options} my-instance sleep 5"));
        std::thread::sleep(Duration::from_millis(random.below(LATEST)));
        let signal = SIGNALS[usize::try_from(random.below(4)).unwrap()];
        let _ = kill_process(Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap(), signal);
        hung += usize::from(end(child, LIMIT).timed_out);
    }
    let next = routes.map(|(route, options)| {
        let ended = end(start(setup.command(ec2ssh_binary()), &format!("-q {options} my-instance true")), LIMIT);
        let held = if ended.code == Some(0) { Ok("logged in".to_owned()) } else { Err(ended.stderr) };
        (format!("the next login after {KILLS}, {route}"), held)
    });
    let home = setup.path("").display().to_string();
    let nothing_left = comes_true(REST, || of_home(&home).is_empty());
    let left = format!("{} left after {} s at most", of_home(&home).len(), REST.as_secs());
    let ended = format!("{hung} of {KILLS} did not end within {} s", LIMIT.as_secs());
    let mut all = vec![
        ("ends".to_owned(), if hung == 0 { Ok(ended) } else { Err(ended) }),
        ("processes".to_owned(), if nothing_left { Ok(left) } else { Err(left) }),
        ("tunnels".to_owned(), closed(&setup)),
    ];
    all.extend(next);
    all
}

fn closed(setup: &Setup) -> Outcome {
    comes_true(LIMIT, || setup.cloud.open_tunnels() == 0);
    let open = setup.cloud.open_tunnels();
    let text = format!("{open} are open");
    if open == 0 { Ok(text) } else { Err(text) }
}

/// A small generator (xorshift), whose seed is printed.
struct Random(u64);

impl Random {
    fn from_clock() -> Self {
        Self(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis().try_into().unwrap_or(1))
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}
