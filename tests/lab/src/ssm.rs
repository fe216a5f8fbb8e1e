//! Systems Manager's API calls: GetConnectionStatus, StartSession, ResumeSession, TerminateSession, and
//! those of just-in-time access.

use std::time::{SystemTime, UNIX_EPOCH};

use axum::body::Body;
use axum::http::Response;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::agent::{self, Agent, Session, Work};
use crate::fault::{error, respond};
use crate::state::{AccessRequest, State};

fn answer(content: &Value) -> Response<Body> {
    respond(200, "application/x-amz-json-1.1", content.to_string())
}

fn field(body: &str, name: &str) -> String {
    serde_json::from_str::<Value>(body).ok().and_then(|body| body[name].as_str().map(str::to_owned)).unwrap_or_default()
}

/// Answers GetConnectionStatus; an instance without an agent is not connected.
pub(crate) fn get_connection_status(state: &State, body: &str) -> Response<Body> {
    let target = field(body, "Target");
    let is_online = state.agents.get(&target).is_some_and(|agent| agent.ping == "Online");
    let status = if is_online { "connected" } else { "notconnected" };
    answer(&json!({ "Target": target, "Status": status }))
}

/// Answers DescribeInstanceInformation for one instance; one without an agent is not listed.
pub(crate) fn describe_instance_information(state: &State, body: &str) -> Response<Body> {
    let request: Value = serde_json::from_str(body).unwrap_or_default();
    let id = request["Filters"][0]["Values"][0].as_str().unwrap_or_default();
    let found = state.agents.get(id).map(|agent| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
        json!({ "InstanceId": id, "PingStatus": agent.ping, "LastPingDateTime": now, "AgentVersion": agent.version,
            "PlatformName": if agent.windows { "Microsoft Windows Server 2022" } else { "Amazon Linux" },
            "PlatformVersion": "2023", "PlatformType": if agent.windows { "Windows" } else { "Linux" } })
    });
    answer(&json!({ "InstanceInformationList": found.into_iter().collect::<Vec<_>>() }))
}

/// The document of a shell, where none is named.
const SHELL_DOCUMENT: &str = "SSM-SessionManagerRunShell";

/// Answers StartSession for AWS's documents.
pub(crate) fn start_session(state: &mut State, body: &str) -> Response<Body> {
    let (target, document) = (field(body, "Target"), field(body, "DocumentName"));
    let document = if document.is_empty() { SHELL_DOCUMENT.to_owned() } else { document };
    let Some(agent) = state.agents.get(&target).filter(|agent| agent.ping == "Online").cloned() else {
        let words = format!("{target} is not connected.");
        return error(400, "TargetNotConnected", &words, true);
    };
    let request: Value = serde_json::from_str(body).unwrap_or_default();
    let Some((work, agent)) = work(state, (&target, &document), &request["Parameters"], agent) else {
        return error(400, "InvalidDocument", "Document with name does not exist.", true);
    };
    let id = format!("lab-{}", &Uuid::new_v4().simple().to_string()[..17]);
    let session = session(agent, work, &id);
    let granted = grant(&session, state.streams, state.stream_base.clone());
    state.sessions.push(session);
    answer(&granted)
}

/// Returns what a session by this document is for, and its agent.
fn work(state: &State, (target, document): (&str, &str), parameters: &Value, agent: Agent) -> Option<(Work, Agent)> {
    if agent.lacks.contains(&document) {
        return None;
    }
    let parameter = |name: &str| parameters[name][0].as_str().map(str::to_owned);
    let command = || parameter("command").unwrap_or_default();
    let work = match document {
        SHELL_DOCUMENT => Work::Shell,
        "AWS-StartInteractiveCommand" => Work::Interactive(command()),
        "AWS-StartNonInteractiveCommand" => {
            Work::NonInteractive(command(), parameter("separateOutputStream").as_deref() == Some("true"))
        }
        "AWS-StartSSHSession" | "AWS-StartPortForwardingSession" | "AWS-StartPortForwardingSessionToRemoteHost" => {
            let number: u16 = parameter("portNumber").and_then(|port| port.parse().ok()).unwrap_or(22);
            let host = parameter("host");
            let port = match &host {
                // Newer agents refuse themselves as a host behind them, and always the metadata service.
                Some(host) if ["127.0.0.1", "localhost", "169.254.169.254"].contains(&host.as_str()) => None,
                Some(_) => Some(number),
                None => state.port_of(target, number),
            };
            let forbids = agent.forbids || (port.is_none() && host.is_some());
            let forwards = document != "AWS-StartSSHSession";
            return Some((Work::Port(port), Agent { forwards, forbids, ..agent }));
        }
        _ => return None,
    };
    Some((work, agent))
}

fn session(agent: Agent, work: Work, id: &str) -> Session {
    let (sockets, waiting) = mpsc::unbounded_channel();
    let (end, ended) = mpsc::unbounded_channel();
    agent::start(agent.clone(), work, id.to_owned(), waiting, ended);
    Session { id: id.to_owned(), token: Uuid::new_v4().to_string(), resumed: 0, ended: false, agent, sockets, end }
}

fn grant(session: &Session, port: u16, stream: Option<String>) -> Value {
    // The value has a plus, a slash and an escape, because the client has to use the URL byte for byte.
    let cell = format!("AAE+k/N0o{}%3D", session.resumed);
    let path = format!("v1/data-channel/{}?role=publish_subscribe&cell-number={cell}", session.id);
    let base = stream.unwrap_or_else(|| format!("wss://localhost:{port}"));
    json!({ "SessionId": session.id, "TokenValue": session.token, "StreamUrl": format!("{base}/{path}") })
}

/// Answers ResumeSession with a new token and a new URL, or with empty ones if the session has ended.
pub(crate) fn resume_session(state: &mut State, body: &str) -> Response<Body> {
    let (id, port, plain) = (field(body, "SessionId"), state.streams, state.stream_base.clone());
    let Some(session) = state.sessions.iter_mut().find(|session| session.id == id) else {
        return error(400, "DoesNotExistException", "The session does not exist.", true);
    };
    if session.ended {
        return answer(&json!({ "SessionId": id, "TokenValue": "", "StreamUrl": "" }));
    }
    session.resumed += 1;
    session.token = Uuid::new_v4().to_string();
    answer(&grant(session, port, plain))
}

/// Answers TerminateSession and ends the agent.
pub(crate) fn terminate_session(state: &mut State, body: &str) -> Response<Body> {
    let id = field(body, "SessionId");
    let Some(session) = state.sessions.iter_mut().find(|session| session.id == id) else {
        return error(400, "DoesNotExistException", "The session does not exist.", true);
    };
    session.ended = true;
    let _ = session.end.send(String::new());
    answer(&json!({ "SessionId": id }))
}

/// Answers StartAccessRequest: the request is approved after it has been asked for a few times.
pub(crate) fn start_access_request(state: &mut State, body: &str) -> Response<Body> {
    let request: Value = serde_json::from_str(body).unwrap_or_default();
    let target = &request["Targets"][0];
    if target["Key"] != "InstanceIds" || request["Reason"].as_str().is_none_or(str::is_empty) {
        return error(400, "ValidationException", "a reason and a target are needed", true);
    }
    let id = "oi-0123456789abcdef0".to_owned();
    state.access_requests.push(AccessRequest { id: id.clone(), polls: 0 });
    answer(&json!({ "AccessRequestId": id }))
}

/// Answers GetAccessToken, by the decision that the test has set.
pub(crate) fn get_access_token(state: &mut State, body: &str) -> Response<Body> {
    let id = field(body, "AccessRequestId");
    let outcome = state.access_outcome;
    let Some(request) = state.access_requests.iter_mut().find(|request| request.id == id) else {
        return error(400, "ResourceNotFoundException", "there is no such request", true);
    };
    request.polls += 1;
    if request.polls < 3 {
        return answer(&json!({ "AccessRequestStatus": "Pending" }));
    }
    if outcome != "Approved" {
        return answer(&json!({ "AccessRequestStatus": outcome }));
    }
    state.access_keys.push(JIT_KEY.to_owned());
    let expires = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs()) + 3600;
    let credentials = json!({ "AccessKeyId": JIT_KEY, "SecretAccessKey": crate::SECRET, "SessionToken": "jit-token",
        "ExpirationTime": expires });
    answer(&json!({ "AccessRequestStatus": "Approved", "Credentials": credentials }))
}

/// The access key of just-in-time access.
pub(crate) const JIT_KEY: &str = "ASIAJUSTINTIME000001";
