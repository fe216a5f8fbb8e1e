//! Session Manager sessions: starts a session, resumes it after its connection was lost, and terminates it
//! (<https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_StartSession.html>).

use std::collections::HashMap;

use super::call::Call;
use super::clients::Aws;
use super::error::Error;
use super::sign::Header;
use crate::secret::Secret;

/// The end that a session is connected to, by one of AWS's documents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SessionTo {
    /// The port of the instance's SSH server: one byte stream.
    Ssh(u16),
    /// A port of the instance: as many connections as are opened.
    Port(u16),
    /// A port of a host that the instance reaches.
    RemotePort {
        /// The name or address of the host.
        host: String,
        /// The port on that host.
        port: u16,
    },
    /// A shell or a command.
    Program(Document),
}

/// The document of a session that runs a program.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Document {
    /// The name of the document; without one it is the account's document for shells.
    pub name: Option<String>,
    /// The values of its parameters.
    pub parameters: Vec<(String, Vec<String>)>,
    /// The reason that the service records for the session.
    pub reason: Option<String>,
}

impl SessionTo {
    /// Returns the name of the document.
    fn document(&self) -> Option<&str> {
        match self {
            Self::Ssh(_) => Some("AWS-StartSSHSession"),
            Self::Port(_) => Some("AWS-StartPortForwardingSession"),
            Self::RemotePort { .. } => Some("AWS-StartPortForwardingSessionToRemoteHost"),
            Self::Program(document) => document.name.as_deref(),
        }
    }

    /// Returns the reason that is recorded.
    fn reason(&self) -> &str {
        match self {
            Self::Program(Document { reason: Some(reason), .. }) => reason,
            _ => "ec2ssh",
        }
    }

    fn parameters(&self) -> HashMap<String, Vec<String>> {
        let (host, port) = match self {
            Self::Ssh(port) | Self::Port(port) => (None, port),
            Self::RemotePort { host, port } => (Some(("host".to_owned(), vec![host.clone()])), port),
            Self::Program(document) => return document.parameters.iter().cloned().collect(),
        };
        host.into_iter().chain([("portNumber".to_owned(), vec![port.to_string()])]).collect()
    }
}

/// The service name in the signature of the data channel's URL.
const SERVICE: &str = "ssmmessages";
const HOST_LABELS: &[&str] = &["ssmmessages", "ssmmessages-fips"];

/// Single-use credentials for a session's data channel: URL, token and signed headers.
#[derive(Debug)]
pub(crate) struct ChannelToken {
    /// The id of the session.
    pub session_id: String,
    /// The data channel's URL, to be used byte for byte. It may be signed already.
    pub url: Secret<String>,
    /// The token that opens the data channel.
    pub token: Secret<String>,
    /// The headers that sign the websocket upgrade; empty if the URL is signed.
    pub headers: Vec<Header>,
}

impl Aws {
    /// Whether the instance's agent is connected to Session Manager.
    ///
    /// # Errors
    /// Any error of the API call.
    pub(crate) async fn is_agent_connected(&self, instance_id: &str) -> Result<bool, Error> {
        let request = self.ssm.get_connection_status().target(instance_id);
        let answer =
            request.send().await.map_err(|error| self.classify(Call::GetConnectionStatus, instance_id, error))?;
        Ok(answer.status().is_some_and(|status| status.as_str() == "connected"))
    }

    /// Starts a session. The caller must terminate it.
    ///
    /// # Errors
    /// Any error of the API call (`TargetNotConnected` if the agent is not online), or an invalid response.
    pub(crate) async fn start_session(&self, instance_id: &str, to: &SessionTo) -> Result<ChannelToken, Error> {
        let call = Call::StartSession;
        let request = self
            .ssm
            .start_session()
            .target(instance_id)
            .set_document_name(to.document().map(str::to_owned))
            .reason(to.reason())
            .set_parameters(Some(to.parameters()).filter(|parameters| !parameters.is_empty()));
        let answer = request.send().await.map_err(|error| self.classify(call, instance_id, error))?;
        let text = |value: Option<&str>, what: &str| match value.filter(|text| !text.is_empty()) {
            Some(text) => Ok(text.to_owned()),
            None => Err(Error::InvalidResponse { call, detail: format!("the {what} is missing") }),
        };
        let session_id = text(answer.session_id(), "session id")?;
        let opened = async {
            let url = text(answer.stream_url(), "stream URL")?;
            self.channel_token(call, &session_id, url, text(answer.token_value(), "token")?).await
        };
        match opened.await {
            Ok(channel_token) => Ok(channel_token),
            Err(error) => {
                // The caller does not get the session id, so the session must be terminated here.
                let _ = self.terminate_session(&session_id).await;
                Err(error)
            }
        }
    }

    /// Returns new credentials for the session's data channel, or `None` if the service reports that the session is
    /// over.
    ///
    /// # Errors
    /// Any error of the API call, or an invalid response.
    pub(crate) async fn resume_session(&self, session_id: &str, old_url: &str) -> Result<Option<ChannelToken>, Error> {
        let call = Call::ResumeSession;
        // The service closes a data channel after about an hour: what was loaded at the start may have expired.
        self.renew_credentials().await;
        let answer = self.ssm.resume_session().session_id(session_id).send().await;
        let answer = answer.map_err(|error| self.classify(call, session_id, error))?;
        let Some(token) = answer.token_value().filter(|token| !token.is_empty()) else { return Ok(None) };
        let url = answer.stream_url().filter(|url| !url.is_empty()).unwrap_or(old_url);
        self.channel_token(call, session_id, url.to_owned(), token.to_owned()).await.map(Some)
    }

    /// Terminates the session with this id.
    ///
    /// # Errors
    /// Any error of the API call.
    pub(crate) async fn terminate_session(&self, session_id: &str) -> Result<(), Error> {
        let answer = self.ssm.terminate_session().session_id(session_id).send().await;
        answer.map(|_| ()).map_err(|error| self.classify(Call::TerminateSession, session_id, error))
    }

    async fn channel_token(
        &self,
        call: Call,
        session_id: &str,
        url: String,
        token: String,
    ) -> Result<ChannelToken, Error> {
        let token = Secret::new(token);
        let url = match &self.stream_endpoint {
            Some(endpoint) => at_endpoint(&url, endpoint),
            None => url,
        };
        let wrong = |detail: String| Error::InvalidResponse { call, detail };
        let uri: http::Uri = url.parse().map_err(|_| wrong("invalid stream URL".to_owned()))?;
        if has_user_information(&uri) {
            return Err(wrong("the stream URL has a user name before its host".to_owned()));
        }
        // An http:// endpoint override also permits ws:// stream URLs.
        let permits_plaintext =
            self.ssm_plaintext || self.stream_endpoint.as_ref().is_some_and(|url| url.starts_with("http:"));
        let is_permitted_plaintext = uri.scheme_str() == Some("ws") && permits_plaintext;
        if uri.scheme_str() != Some("wss") && !is_permitted_plaintext {
            return Err(wrong("the stream URL does not start with wss://".to_owned()));
        }
        let host = uri.host().unwrap_or_default();
        let is_overridden = self.ssm_overridden || self.stream_endpoint.is_some();
        self.check_host(call, host, HOST_LABELS, uri.port().is_some(), is_overridden)?;
        let is_signed = uri.query().is_some_and(|query| query.contains("X-Amz-"));
        let headers = if is_signed {
            Vec::new()
        } else {
            let https = url.replacen("ws", "http", 1);
            self.signer(call).await?.headers(SERVICE, &https, self.clock.now()).map_err(wrong)?
        };
        Ok(ChannelToken { session_id: session_id.to_owned(), url: Secret::new(url), token, headers })
    }
}

/// Whether the URL has user information (RFC 3986, section 3.2.1), which hides the host from a reader.
fn has_user_information(url: &http::Uri) -> bool {
    url.authority().is_some_and(|authority| authority.as_str().contains('@'))
}

/// Returns the stream URL at another endpoint; what follows the host stays as the service gave it.
fn at_endpoint(stream_url: &str, endpoint: &str) -> String {
    let rest = stream_url.split_once("://").map_or(stream_url, |(_, rest)| rest);
    let path = rest.find('/').map_or("", |at| &rest[at..]);
    format!("{}{path}", endpoint.trim_end_matches('/').replacen("http", "ws", 1))
}

#[cfg(test)]
mod tests {
    use super::{at_endpoint, has_user_information};

    #[test]
    fn user_information_is_found() {
        let host = "ssmmessages.us-east-1.amazonaws.com";
        let table = [
            ("", false),
            ("x@", true),
            ("x:y@", true),
            ("@", true),
            (":@", true),
            ("ssmmessages.amazonaws.com%2f@", true),
        ];
        for (before, expected) in table {
            let url = format!("wss://{before}{host}/v1/data-channel/a@b").parse::<http::Uri>();
            assert_eq!(url.is_err() || has_user_information(&url.unwrap()), expected, "{before}");
        }
    }

    #[test]
    fn stream_keeps_its_path_at_another_endpoint() {
        let stream = "wss://ssmmessages.eu-west-1.amazonaws.com/v1/data-channel/x?role=a&cell-number=A+b%3D";
        let path = "/v1/data-channel/x?role=a&cell-number=A+b%3D";
        let table = [
            (
                "https://vpce-1.ssmmessages.eu-west-1.vpce.amazonaws.com",
                "wss://vpce-1.ssmmessages.eu-west-1.vpce.amazonaws.com",
            ),
            ("https://localhost:8443/", "wss://localhost:8443"),
            ("http://localhost:8080", "ws://localhost:8080"),
        ];
        for (endpoint, expected) in table {
            assert_eq!(at_endpoint(stream, endpoint), format!("{expected}{path}"));
        }
    }
}
