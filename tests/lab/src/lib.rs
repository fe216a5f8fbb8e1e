//! The embedded cloud: EC2, EC2 Instance Connect and Systems Manager over HTTP, the websockets of the last two, and an
//! SSH server per instance, on loopback and in process. For the tests, the benchmarks and the playground; ec2ssh does
//! not know of it and reaches it by `AWS_ENDPOINT_URL`.
//!
//! ```text
//! http.rs        one listener: EC2's query protocol, Instance Connect's JSON, and /lab/keys for a real sshd
//! ec2.rs         DescribeInstances (filters, paging), DescribeImages, StartInstances
//! console.rs     GetConsoleOutput, and what cloud-init prints at first boot
//! network.rs     security groups, ACLs, routes, subnets, status checks, key pairs
//! connect.rs     SendSSHPublicKey and the keys pushed, for 60 seconds
//! key_lookup.rs  what an instance's look-up of these keys costs
//! streams.rs     one TLS listener for all websockets (authority.rs: its certificate; sigv4.rs: their signatures)
//! eice.rs        Instance Connect Endpoints and their tunnels
//! ssm.rs         Session Manager's calls
//! imds.rs        the instance metadata service
//! sts.rs         AssumeRole
//! smux.rs        several connections in one of its sessions
//! agent/         its data channel: service and agent in one, with configurable faults; ports, shells and commands
//! kms.rs         the data keys of encrypted sessions
//! sshd.rs        an SSH server that lets pushed keys in
//! program.rs     what runs in its sessions
//! fault.rs       faults on demand
//! faulty_port.rs ports that drop, refuse or say something else
//! broken.rs      worlds with something in the way, for the diagnosis
//! openssh.rs     a real sshd, which asks for the pushed keys as an instance's does
//! rdp.rs         a Windows instance: its password, and its RDP server
//! ways.rs        how a test sets up endpoints, Session Manager and Windows
//! relay.rs       distance: a relay that delays what it passes on
//! ```

mod agent;
mod authority;
pub mod broken;
mod connect;
mod console;
mod ec2;
mod eice;
mod fault;
mod faulty_port;
mod http;
mod imds;
mod key_lookup;
mod kms;
mod network;
pub mod openssh;
mod program;
mod rdp;
mod relay;
mod sigv4;
mod smux;
mod sshd;
mod ssm;
mod state;
mod streams;
mod sts;
mod ways;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub use agent::Agent;
pub use eice::{Endpoint, TunnelFault};
pub use fault::Fault;
pub use imds::Metadata;
pub use kms::Kms;
pub use network::{Acl, AclEntry, GroupRule, Network, RouteTable, Subnet};
pub use program::Machine;
pub use rdp::RdpServer;
pub use sshd::{HostKey, Sshd};
pub use state::{Image, Instance, RecordedCall};
pub use sts::Role;

use key_lookup::KeyLookup;
use state::State;
use streams::Service;

/// The secret access key that belongs to a cloud's access key id.
pub const SECRET: &str = "secret-for-tests";

/// A running embedded cloud. It stops when it is dropped or the process ends.
pub struct Cloud {
    endpoint: String,
    access_key: String,
    state: Arc<Mutex<State>>,
    runtime: Option<tokio::runtime::Runtime>,
    held: Mutex<Vec<Box<dyn std::any::Any + Send>>>,
}

impl Cloud {
    /// Starts a cloud without instances.
    ///
    /// # Panics
    /// If no port of loopback can be listened on.
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
        Self {
            endpoint: format!("http://{address}"),
            access_key,
            state,
            runtime: Some(runtime),
            held: Mutex::default(),
        }
    }

    /// Returns the URL for `AWS_ENDPOINT_URL`.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Returns the key id for `AWS_ACCESS_KEY_ID`, the only one that is accepted: others on this machine can reach the
    /// port too, and a pushed key opens a shell.
    pub fn access_key(&self) -> &str {
        &self.access_key
    }

    /// Accepts one more access key id.
    pub fn accept_key(&self, access_key: &str) {
        self.state().access_keys.push(access_key.to_owned());
    }

    /// Stops accepting an access key id: it has expired.
    pub fn expire_key(&self, access_key: &str) {
        self.state().access_keys.retain(|key| key != access_key);
    }

    /// Adds a role that may be assumed; its access key is accepted from now on.
    pub fn add_role(&self, role: Role) {
        self.accept_key(&role.access_key);
        self.state().roles.push(role);
    }

    /// Starts one more endpoint for the API calls, with TLS, and returns its URL for `AWS_ENDPOINT_URL`.
    ///
    /// # Panics
    /// If no port of loopback can be listened on.
    pub fn tls_endpoint(&self) -> String {
        let service = Service { state: Arc::clone(&self.state), access_key: self.access_key.clone() };
        let port = self.runtime().block_on(http::serve_tls(service)).expect("loopback can be listened on");
        format!("https://localhost:{port}")
    }

    /// Returns the CA certificate for all TLS of the embedded cloud, in PEM, for `AWS_CA_BUNDLE`.
    pub fn authority() -> &'static str {
        authority::pem()
    }

    /// Maps a port of the instance, as endpoints and agents see it, to a port of loopback.
    pub fn port(&self, instance_id: &str, remote: u16, local: u16) {
        self.state().ports.push((instance_id.to_owned(), remote, local));
    }

    /// Returns the port of loopback that stands for the instance's.
    pub fn local_port(&self, instance_id: &str, remote: u16) -> Option<u16> {
        self.state().port_of(instance_id, remote)
    }

    /// Adds an instance, or replaces the one with its id.
    pub fn add(&self, instance: Instance) {
        let mut state = self.state();
        state.instances.retain(|other| other.id != instance.id);
        state.network.add_for(&instance);
        state.instances.push(instance);
    }

    /// Changes the network: rules, routes, status checks.
    pub fn network(&self, change: impl FnOnce(&mut Network)) {
        change(&mut self.state().network);
    }

    /// Adds an image (AMI).
    pub fn add_image(&self, image: Image) {
        self.state().images.push(image);
    }

    /// Limits the number of entries on a page, whatever the caller asks for; 0 means no limit.
    pub fn page_limit(&self, limit: usize) {
        self.state().page_limit = limit;
    }

    /// Injects this fault into the next `times` calls of this operation (for example `DescribeInstances`).
    pub fn fail(&self, operation: &str, fault: Fault, times: usize) {
        self.state().faults.push((operation.to_owned(), fault, times));
    }

    /// Delays the response to each API call.
    pub fn delay_calls(&self, by: Duration) {
        self.state().call_delay = by;
    }

    /// Delays an instance's look-up of the pushed keys, each time that its sshd makes one.
    pub fn delay_key_lookup(&self, by: Duration) {
        self.state().key_lookup = KeyLookup { base: by, ..KeyLookup::default() };
    }

    /// Has each look-up of the pushed keys cost what it does on a real instance: more with every key.
    pub fn cost_key_lookup(&self) {
        self.state().key_lookup = KeyLookup::real();
    }

    /// Starts a relay to `port` with this round-trip time and returns its port on loopback.
    ///
    /// # Panics
    /// If no port of loopback can be listened on.
    pub fn relay(&self, port: u16, round_trip: Duration) -> u16 {
        self.serve_relay(port, relay::Line { round_trip, rate: None })
    }

    /// Starts a relay to `port` that carries this many bytes per second, with this round-trip time, and returns its port on loopback.
    pub fn slow_relay(&self, port: u16, round_trip: Duration, rate: u32) -> u16 {
        self.serve_relay(port, relay::Line { round_trip, rate: Some(rate) })
    }

    fn serve_relay(&self, port: u16, line: relay::Line) -> u16 {
        self.runtime().block_on(relay::serve(port, line)).expect("loopback can be listened on")
    }

    /// Returns the API calls so far.
    pub fn calls(&self) -> Vec<RecordedCall> {
        self.state().calls.clone()
    }

    /// Returns the number of calls of this operation.
    pub fn count(&self, operation: &str) -> usize {
        self.state().calls.iter().filter(|call| call.operation == operation).count()
    }

    /// Returns the public keys (`algo base64`) that the instance would give its sshd for this user now.
    pub fn pushed_keys(&self, instance_id: &str, user: &str) -> Vec<String> {
        self.state().pushed_keys(instance_id, user)
    }

    /// Pushes this many keys, as other programs would.
    pub fn push_others(&self, instance_id: &str, user: &str, count: usize) {
        let keys = (0..count).map(|_| HostKey::fresh().public_line());
        self.state().push_others(instance_id, user, keys.collect());
    }

    /// Returns the number of look-ups of pushed keys that have begun.
    pub fn key_lookups(&self) -> usize {
        self.state().key_lookups
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

    /// Sets the instance's console output: as posted after boot, and as it is now (`Latest`).
    pub fn console(&self, instance_id: &str, posted: impl Into<Vec<u8>>, latest: impl Into<Vec<u8>>) {
        let mut state = self.state();
        state.consoles.retain(|(id, ..)| id != instance_id);
        state.consoles.push((instance_id.to_owned(), posted.into(), latest.into()));
    }

    /// Prints these public keys (`algo base64 [comment]`) on the instance's console, as cloud-init does at first boot.
    pub fn print_host_keys(&self, instance_id: &str, keys: &[String]) {
        self.console(instance_id, console::boot(keys), Vec::new());
    }

    /// Starts an SSH server for an instance and returns its port on 127.0.0.1.
    ///
    /// # Panics
    /// If the port cannot be listened on.
    pub fn sshd(&self, instance_id: &str, sshd: Sshd) -> u16 {
        let serve = sshd::serve(Arc::clone(&self.state), instance_id.to_owned(), sshd);
        self.runtime().block_on(serve).expect("loopback can be listened on")
    }

    /// Keeps what holds a port open, as long as the cloud lives.
    fn hold(&self, (port, held): faulty_port::Held) -> u16 {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).extend(held);
        port
    }

    /// Starts a metadata service, and returns its URL for AWS_EC2_METADATA_SERVICE_ENDPOINT.
    ///
    /// # Panics
    /// If no port of loopback can be listened on.
    pub fn metadata(&self, state: Metadata) -> String {
        let port = self.runtime().block_on(imds::serve(state)).expect("loopback can be listened on");
        format!("http://127.0.0.1:{port}")
    }

    /// Starts a web server on a port of the instance, which answers everything with this text.
    ///
    /// # Panics
    /// If no port of loopback can be listened on.
    pub fn web(&self, instance_id: &str, port: u16, text: &str) {
        let local = self.runtime().block_on(http::serve_text(text.to_owned())).expect("loopback can be listened on");
        self.port(instance_id, port, local);
    }

    /// Returns the runtime that the cloud runs on.
    ///
    /// # Panics
    /// Never: the runtime exists until the drop.
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
            // Sessions may still be running.
            runtime.shutdown_background();
        }
    }
}

fn lock<T>(state: &Mutex<T>) -> MutexGuard<'_, T> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
