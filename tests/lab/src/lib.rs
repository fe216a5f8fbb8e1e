//! The embedded cloud: EC2, EC2 Instance Connect and Systems Manager over HTTP, the websockets of the last two, and an SSH
//! server per instance, on loopback and in process. For the tests and the playground; the product knows nothing of it and
//! reaches it by `AWS_ENDPOINT_URL`.
//!
//! ```text
//! http.rs        one listener: EC2's query protocol, Instance Connect's JSON, and /lab/keys for a real sshd
//! ec2.rs         DescribeInstances (filters, paging), DescribeImages, StartInstances
//! console.rs     GetConsoleOutput, and what cloud-init prints at first boot
//! connect.rs     SendSSHPublicKey and the keys pushed, for 60 seconds
//! streams.rs     one TLS listener for all websockets (authority.rs: its certificate; sigv4.rs: their signatures)
//! eice.rs        Instance Connect Endpoints and their tunnels
//! ssm.rs         Session Manager's calls
//! agent.rs       its data channel: service and agent in one, with knobs for what goes wrong
//! sshd.rs        an SSH server that lets pushed keys in
//! program.rs     what runs in its sessions
//! fault.rs       what goes wrong on demand
//! openssh.rs     a real sshd, which asks for the pushed keys as an instance's does
//! relay.rs       distance: a relay that delays what it passes on
//! ```

mod agent;
mod authority;
mod connect;
mod console;
mod ec2;
mod eice;
mod fault;
mod http;
pub mod openssh;
mod program;
mod relay;
mod sigv4;
mod sshd;
mod ssm;
mod state;
mod streams;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub use agent::Agent;
pub use eice::{Endpoint, TunnelFault};
pub use fault::Fault;
pub use sshd::{HostKey, Sshd};
pub use state::{Image, Instance, Recorded};

use state::State;
use streams::Service;

/// The secret that goes with a cloud's access key.
pub const SECRET: &str = "secret-for-tests";

/// A running cloud. It ends with the process or when dropped.
pub struct Cloud {
    endpoint: String,
    access_key: String,
    state: Arc<Mutex<State>>,
    runtime: Option<tokio::runtime::Runtime>,
}

impl Cloud {
    /// Starts one with no instances in it.
    ///
    /// # Panics
    /// When loopback cannot be listened on.
    pub fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.expect("a runtime can be made");
        let state = Arc::new(Mutex::new(State::default()));
        let access_key = http::random_access_key();
        let service = Service { state: Arc::clone(&state), access_key: access_key.clone() };
        let serve = async {
            lock(&service.state).streams = streams::serve(service.clone()).await?;
            http::serve(service.clone()).await
        };
        let address = runtime.block_on(serve).expect("loopback can be listened on");
        Self { endpoint: format!("http://{address}"), access_key, state, runtime: Some(runtime) }
    }

    /// For `AWS_ENDPOINT_URL`.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// For `AWS_ACCESS_KEY_ID`: the only one that is let in. Others on this machine can reach the port too, and a pushed
    /// key opens a shell.
    pub fn access_key(&self) -> &str {
        &self.access_key
    }

    /// The calls' endpoint in TLS, for `AWS_ENDPOINT_URL`; each call of this starts one more.
    ///
    /// # Panics
    /// When loopback cannot be listened on.
    pub fn tls_endpoint(&self) -> String {
        let service = Service { state: Arc::clone(&self.state), access_key: self.access_key.clone() };
        let port = self.runtime().block_on(http::serve_tls(service)).expect("loopback can be listened on");
        format!("https://localhost:{port}")
    }

    /// The certificate of the authority behind all that is in TLS here, in PEM: for `AWS_CA_BUNDLE`.
    pub fn authority() -> &'static str {
        authority::pem()
    }

    /// What endpoints and agents find at the instance's port: a port of loopback.
    pub fn port(&self, instance_id: &str, remote: u16, local: u16) {
        self.state().ports.push((instance_id.to_owned(), remote, local));
    }

    /// What stands for the instance's port.
    pub fn local_port(&self, instance_id: &str, remote: u16) -> Option<u16> {
        self.state().port_of(instance_id, remote)
    }

    /// The port of the websockets.
    pub fn streams_port(&self) -> u16 {
        self.state().streams
    }

    /// Adds an Instance Connect Endpoint.
    pub fn add_endpoint(&self, endpoint: Endpoint) {
        self.state().endpoints.push(endpoint);
    }

    /// From now on tunnels go wrong so.
    pub fn fail_tunnels(&self, fault: TunnelFault) {
        self.state().tunnel_fault = Some(fault);
    }

    /// The parameters of each tunnel that was asked for, the signature's left out.
    pub fn tunnels(&self) -> Vec<Vec<(String, String)>> {
        self.state().tunnels.clone()
    }

    /// How many pings of tunnels were answered.
    pub fn pongs(&self) -> usize {
        self.state().pongs
    }

    /// How many tunnels are open.
    pub fn open_tunnels(&self) -> usize {
        self.state().open_tunnels.len()
    }

    /// Has the instance's agent connect to Session Manager.
    pub fn agent(&self, instance_id: &str, agent: Agent) {
        self.state().agents.insert(instance_id.to_owned(), agent);
    }

    /// How many sessions there have been, and how often they were resumed together.
    pub fn sessions(&self) -> (usize, usize) {
        let state = self.state();
        (state.sessions.len(), state.sessions.iter().map(|session| session.resumed).sum())
    }

    /// The sessions whose agent serves them still.
    pub fn open_sessions(&self) -> usize {
        self.state().sessions.iter().filter(|session| !session.end.is_closed()).count()
    }

    /// The streams' addresses begin so from now on, in place of the embedded cloud's own.
    pub fn stream_base(&self, base: &str) {
        self.state().plain_stream = Some(base.to_owned());
    }

    /// Adds an instance, or replaces the one with its id.
    pub fn add(&self, instance: Instance) {
        let mut state = self.state();
        state.instances.retain(|other| other.id != instance.id);
        state.instances.push(instance);
    }

    /// Adds an image.
    pub fn add_image(&self, image: Image) {
        self.state().images.push(image);
    }

    /// At most so many instances on a page, whatever the caller asks for; 0 for no such limit.
    pub fn page_limit(&self, limit: usize) {
        self.state().page_limit = limit;
    }

    /// The next `times` calls of this operation (for example `DescribeInstances`) go wrong so.
    pub fn fail(&self, operation: &str, fault: Fault, times: usize) {
        self.state().faults.push((operation.to_owned(), fault, times));
    }

    /// Each call is answered so much later.
    pub fn delay_calls(&self, by: Duration) {
        self.state().call_delay = by;
    }

    /// So long an instance's look-up of the pushed keys takes, each time that its sshd makes one.
    pub fn delay_key_look_up(&self, by: Duration) {
        self.state().look_up_delay = by;
    }

    /// A port of loopback behind which `port` is, a round trip away.
    ///
    /// # Panics
    /// When loopback cannot be listened on.
    pub fn relay(&self, port: u16, round_trip: Duration) -> u16 {
        self.runtime().block_on(relay::serve(port, round_trip)).expect("loopback can be listened on")
    }

    /// The calls so far.
    pub fn calls(&self) -> Vec<Recorded> {
        self.state().calls.clone()
    }

    /// How many calls of this operation there were.
    pub fn count(&self, operation: &str) -> usize {
        self.state().calls.iter().filter(|call| call.operation == operation).count()
    }

    /// The public keys (`algo base64`) that the instance would hand to its sshd for this user now.
    pub fn pushed_keys(&self, instance_id: &str, user: &str) -> Vec<String> {
        self.state().pushed_keys(instance_id, user)
    }

    /// Makes all pushed keys older.
    pub fn age_keys(&self, by: Duration) {
        self.state().age_keys(by);
    }

    /// Puts a public key into the authorized_keys of a user on an instance.
    pub fn authorize(&self, instance_id: &str, user: &str, public_key: &str) {
        let key = (instance_id.to_owned(), user.to_owned(), public_key.to_owned());
        self.state().authorized.push(key);
    }

    /// What the instance's console shows: as posted after boot, and as it is now (`Latest`).
    pub fn console(&self, instance_id: &str, posted: impl Into<Vec<u8>>, latest: impl Into<Vec<u8>>) {
        let mut state = self.state();
        state.consoles.retain(|(id, ..)| id != instance_id);
        state.consoles.push((instance_id.to_owned(), posted.into(), latest.into()));
    }

    /// Has the instance print these public keys (`algo base64 [comment]`) on its console, as cloud-init does at first boot.
    pub fn print_host_keys(&self, instance_id: &str, keys: &[String]) {
        self.console(instance_id, console::boot(keys), Vec::new());
    }

    /// Starts an SSH server for an instance and returns its port on 127.0.0.1.
    ///
    /// # Panics
    /// When loopback cannot be listened on.
    pub fn sshd(&self, instance_id: &str, sshd: Sshd) -> u16 {
        let serve = sshd::serve(Arc::clone(&self.state), instance_id.to_owned(), sshd);
        self.runtime().block_on(serve).expect("loopback can be listened on")
    }

    /// The runtime that the cloud lives on.
    ///
    /// # Panics
    /// Never: it is there until the drop.
    pub fn runtime(&self) -> &tokio::runtime::Runtime {
        self.runtime.as_ref().expect("it lives until the drop")
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

impl Drop for Cloud {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // Sessions may be running still.
            runtime.shutdown_background();
        }
    }
}

fn lock<T>(state: &Mutex<T>) -> MutexGuard<'_, T> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
