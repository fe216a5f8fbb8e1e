//! Session Manager: a session is started, taken up again after its connection was lost, and ended
//! (<https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_StartSession.html>).

use std::time::SystemTime;

use super::sign::Header;
use super::{Aws, Call, Error};
use crate::secret::Secret;

/// The document that joins a session to a port of the instance, for SSH.
const SSH_DOCUMENT: &str = "AWS-StartSSHSession";
/// The service that the data channel's address is signed for, and what its hosts are called.
const SERVICE: &str = "ssmmessages";
const HOSTS: &[&str] = &["ssmmessages", "ssmmessages-fips"];

/// Leave to connect to a session's data channel, once.
#[derive(Debug)]
pub struct Grant {
    /// The session.
    pub session_id: String,
    /// The data channel's address, to be used byte for byte. It may be signed already.
    pub url: Secret<String>,
    /// What opens it.
    pub token: Secret<String>,
    /// The headers that sign its upgrade.
    pub headers: Vec<Header>,
}

impl Aws {
    /// Whether the instance's agent is connected to the service.
    ///
    /// # Errors
    /// As the service says.
    pub async fn is_agent_connected(&self, instance_id: &str) -> Result<bool, Error> {
        let request = self.ssm.get_connection_status().target(instance_id);
        let answer = request.send().await.map_err(|error| self.sort(Call::GetConnectionStatus, instance_id, error))?;
        Ok(answer.status().is_some_and(|status| status.as_str() == "connected"))
    }

    /// Starts a session that leads to a port of the instance. It has to be ended.
    ///
    /// # Errors
    /// As the service says; `TargetNotConnected` where the agent is not online.
    pub async fn start_session(&self, instance_id: &str, port: u16) -> Result<Grant, Error> {
        let call = Call::StartSession;
        let request = self
            .ssm
            .start_session()
            .target(instance_id)
            .document_name(SSH_DOCUMENT)
            .reason("ec2ssh")
            .parameters("portNumber", vec![port.to_string()]);
        let answer = request.send().await.map_err(|error| self.sort(call, instance_id, error))?;
        let text = |value: Option<&str>, what: &str| match value.filter(|text| !text.is_empty()) {
            Some(text) => Ok(text.to_owned()),
            None => Err(Error::BadAnswer { call, detail: format!("it has no {what}") }),
        };
        let session_id = text(answer.session_id(), "session id")?;
        let granted = async {
            let url = text(answer.stream_url(), "stream URL")?;
            self.grant(call, &session_id, url, text(answer.token_value(), "token")?).await
        };
        match granted.await {
            Ok(grant) => Ok(grant),
            Err(error) => {
                // Nobody else knows of it.
                let _ = self.terminate_session(&session_id).await;
                Err(error)
            }
        }
    }

    /// Leave to connect to the session anew. `None`: the service says that it is over.
    ///
    /// # Errors
    /// As the service says.
    pub async fn resume_session(&self, session_id: &str, old_url: &str) -> Result<Option<Grant>, Error> {
        let call = Call::ResumeSession;
        let answer = self.ssm.resume_session().session_id(session_id).send().await;
        let answer = answer.map_err(|error| self.sort(call, session_id, error))?;
        let Some(token) = answer.token_value().filter(|token| !token.is_empty()) else { return Ok(None) };
        let url = answer.stream_url().filter(|url| !url.is_empty()).unwrap_or(old_url);
        self.grant(call, session_id, url.to_owned(), token.to_owned()).await.map(Some)
    }

    /// Ends the session.
    ///
    /// # Errors
    /// As the service says.
    pub async fn terminate_session(&self, session_id: &str) -> Result<(), Error> {
        let answer = self.ssm.terminate_session().session_id(session_id).send().await;
        answer.map(|_| ()).map_err(|error| self.sort(Call::TerminateSession, session_id, error))
    }

    async fn grant(&self, call: Call, session_id: &str, url: String, token: String) -> Result<Grant, Error> {
        let token = Secret::new(token);
        let wrong = |detail: String| Error::BadAnswer { call, detail };
        let uri: http::Uri = url.parse().map_err(|_| wrong("its stream URL is none".to_owned()))?;
        // Who has his calls in clear has his streams so, too.
        let is_plain = uri.scheme_str() == Some("ws") && self.is_ssm_in_clear;
        if uri.scheme_str() != Some("wss") && !is_plain {
            return Err(wrong("its stream URL is no wss:// one".to_owned()));
        }
        let host = uri.host().unwrap_or_default();
        self.check_host(call, host, HOSTS, uri.port().is_some(), self.is_ssm_overridden)?;
        let is_signed = uri.query().is_some_and(|query| query.contains("X-Amz-"));
        let headers = if is_signed {
            Vec::new()
        } else {
            let https = url.replacen("ws", "http", 1);
            self.signer(call).await?.headers(SERVICE, &https, SystemTime::now()).map_err(wrong)?
        };
        Ok(Grant { session_id: session_id.to_owned(), url: Secret::new(url), token, headers })
    }
}
