//! The ways to an instance beside its SSH port, as a test sets them up: endpoints, Session Manager, Windows's desktop.

use crate::Cloud;
use crate::agent::Agent;
use crate::eice::{Endpoint, TunnelFault};
use crate::kms::Kms;
use crate::rdp::{self, RdpServer};

/// Sets up EC2 Instance Connect Endpoints.
impl Cloud {
    /// Adds an Instance Connect Endpoint.
    pub fn add_endpoint(&self, endpoint: Endpoint) {
        self.state().endpoints.push(endpoint);
    }

    /// Injects this fault into all tunnels from now on.
    pub fn fail_tunnels(&self, fault: TunnelFault) {
        self.state().tunnel_fault = Some(fault);
    }

    /// Returns the query parameters of each tunnel request, without those of the signature.
    pub fn tunnels(&self) -> Vec<Vec<(String, String)>> {
        self.state().tunnels.clone()
    }

    /// Returns the number of tunnel pings that the client answered.
    pub fn pongs(&self) -> usize {
        self.state().pongs
    }

    /// Returns the number of open tunnels.
    pub fn open_tunnels(&self) -> usize {
        self.state().open_tunnels.len()
    }

    /// Returns the port of the websockets.
    pub fn streams_port(&self) -> u16 {
        self.state().streams
    }
}

/// Sets up Session Manager and its agents.
impl Cloud {
    /// Returns a key of KMS, for agents whose sessions are encrypted.
    pub fn kms(&self) -> Kms {
        Kms::new(self.state().data_keys.clone())
    }

    /// Ends all sessions, with this text from the service.
    pub fn end_sessions(&self, text: &str) {
        let mut state = self.state();
        for session in &mut state.sessions {
            session.ended = true;
            let _ = session.end.send(text.to_owned());
        }
    }

    /// Has requests for just-in-time access end with this status, for example `Approved` or `Rejected`.
    pub fn decide_access(&self, status: &'static str) {
        self.state().access_outcome = status;
    }

    /// Connects the instance's agent to Session Manager.
    pub fn agent(&self, instance_id: &str, agent: Agent) {
        self.state().agents.insert(instance_id.to_owned(), agent);
    }

    /// Returns the number of sessions, and the total number of times that they were resumed.
    pub fn sessions(&self) -> (usize, usize) {
        let state = self.state();
        (state.sessions.len(), state.sessions.iter().map(|session| session.resumed).sum())
    }

    /// Returns the client version that each data channel announced.
    pub fn client_versions(&self) -> Vec<String> {
        self.state().client_versions.clone()
    }

    /// Returns the number of sessions whose agent still serves them.
    pub fn open_sessions(&self) -> usize {
        self.state().sessions.iter().filter(|session| !session.end.is_closed()).count()
    }

    /// Sets the base URL of the streams, in place of the embedded cloud's own.
    pub fn stream_base(&self, base: &str) {
        self.state().stream_base = Some(base.to_owned());
    }
}

/// Sets up instances that run Windows.
impl Cloud {
    /// Sets the encrypted first password of an instance.
    pub fn password(&self, instance_id: &str, sealed: &[u8]) {
        let mut state = self.state();
        state.passwords.retain(|(id, _)| id != instance_id);
        state.passwords.push((instance_id.to_owned(), sealed.to_vec()));
    }

    /// Makes a key pair for an instance whose first password is this one; returns the private key in PEM.
    pub fn password_of_key_pair(&self, instance_id: &str, password: &str) -> String {
        let (private, sealed) = rdp::sealed(password);
        self.password(instance_id, &sealed);
        private
    }

    /// Starts an RDP server with a fresh certificate, in place of the instance's.
    ///
    /// # Panics
    /// If no port of loopback can be listened on.
    pub fn rdp(&self, instance_id: &str) -> RdpServer {
        let server = self.runtime().block_on(rdp::serve()).expect("loopback can be listened on");
        self.state().ports.retain(|(id, remote, _)| id != instance_id || *remote != 3389);
        self.port(instance_id, 3389, server.port);
        server
    }
}
