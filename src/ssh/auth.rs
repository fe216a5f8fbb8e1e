//! Authenticates with exactly one public key: each further one costs the server time and may end in "too many
//! authentication failures". A server that then wants a second step (sshd_config's AuthenticationMethods) is answered by
//! keyboard-interactive (RFC 4256) or with a password.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use russh::client::{AuthResult, KeyboardInteractiveAuthResponse};
use russh::keys::agent::AgentIdentity;
use russh::keys::{HashAlg, PrivateKey, PrivateKeyWithHashAlg, PublicKey};
use russh::{AgentAuthError, MethodSet, Signer};
use tokio::time::timeout;

use super::client::Connection;
use super::error::Error;
use super::keys::{LoginKey, RemoteKey};
use crate::secret::Secret;

/// The timeout for the server's answer to a key. A server that looks keys up elsewhere answers within seconds.
const KEY_TIMEOUT: Duration = Duration::from_secs(60);
/// The timeout for the server's answer in a second step: it may wait for an approval on another device. sshd itself gives up
/// after 120 s (LoginGraceTime).
const STEP_TIMEOUT: Duration = Duration::from_secs(150);
/// The number of times that a second step is tried, as in OpenSSH (NumberOfPasswordPrompts).
const MAX_TRIES: usize = 3;
/// The number of rounds of questions in one try, so that a server cannot ask without end.
const MAX_ROUNDS: usize = 20;
/// The number of steps after the key, for the same reason.
const MAX_STEPS: usize = 10;

/// Questions of the server, to be answered by the user. All text is untrusted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Challenge {
    /// The name of the method, which may be empty.
    pub name: String,
    /// An instruction, which may be empty.
    pub instruction: String,
    /// The questions, which may be none.
    pub questions: Vec<Question>,
}

/// A question of the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Question {
    /// The text of the question.
    pub text: String,
    /// Whether the answer may be shown while it is typed.
    pub echo: bool,
}

/// The answers to the questions of a challenge, one each; `None` if nobody answers.
pub(crate) type Answers = Option<Vec<Secret<String>>>;
/// Asks the user the questions of a challenge.
pub(crate) type AskChallenge<'a> =
    &'a (dyn Fn(Challenge) -> Pin<Box<dyn Future<Output = Answers> + Send>> + Send + Sync);

/// How a step of the authentication ended.
enum Step {
    Success,
    /// Accepted, and another step is required.
    Accepted(MethodSet),
    Denied(MethodSet),
    /// The server's questions have no answer.
    Unanswered,
}

impl From<AuthResult> for Step {
    fn from(result: AuthResult) -> Self {
        match result {
            AuthResult::Success => Self::Success,
            AuthResult::Failure { remaining_methods, partial_success: true } => Self::Accepted(remaining_methods),
            AuthResult::Failure { remaining_methods, .. } => Self::Denied(remaining_methods),
        }
    }
}

impl Connection {
    /// Logs in as `user` with this key, and with what else the server wants.
    ///
    /// # Errors
    /// [`Error::Denied`] if the server does not accept the key, [`Error::SecondStep`] if it does and wants more than can be given;
    /// [`Error::Lost`] or another connection error if the connection ends.
    pub(crate) async fn authenticate(
        &mut self,
        user: &str,
        key: impl Into<LoginKey<'_>>,
        ask: AskChallenge<'_>,
    ) -> Result<(), Error> {
        self.pass_all_steps(user, key.into(), ask).await?;
        self.start_keepalives();
        Ok(())
    }

    async fn pass_all_steps(&mut self, user: &str, key: LoginKey<'_>, ask: AskChallenge<'_>) -> Result<(), Error> {
        let answer = timeout(KEY_TIMEOUT, self.offer(user, key)).await;
        let answer = answer.map_err(|_| timed_out(KEY_TIMEOUT))?.map_err(|error| self.error(error))?;
        match Step::from(answer) {
            Step::Success => Ok(()),
            Step::Accepted(wanted) => self.second_step(user, wanted, ask).await,
            // The server has disconnected, and russh takes that for a denial.
            Step::Denied(_) if self.shared.reason().is_some() => Err(self.reason()),
            Step::Denied(methods) => Err(Error::Denied { user: user.to_owned(), methods: names(&methods) }),
            Step::Unanswered => unreachable!("a key asks no questions"),
        }
    }

    /// Goes on after the key was accepted.
    async fn second_step(&mut self, user: &str, mut wanted: MethodSet, ask: AskChallenge<'_>) -> Result<(), Error> {
        let mut tries = 0;
        for _ in 0..MAX_STEPS {
            let step = if has(&wanted, "keyboard-interactive") {
                self.keyboard_interactive(user, ask).await?
            } else if has(&wanted, "password") {
                self.password(user, ask).await?
            } else {
                Step::Unanswered
            };
            match step {
                Step::Success => return Ok(()),
                Step::Accepted(more) => (wanted, tries) = (more, 0),
                Step::Denied(_) if tries + 1 < MAX_TRIES => tries += 1,
                Step::Denied(_) => return Err(self.refused_step(user, &wanted, true)),
                Step::Unanswered => return Err(self.refused_step(user, &wanted, false)),
            }
        }
        Err(Error::Protocol(format!("the server wanted more than {MAX_STEPS} steps after the key")))
    }

    fn refused_step(&self, user: &str, wanted: &MethodSet, answered: bool) -> Error {
        Error::SecondStep { user: user.to_owned(), wanted: names(wanted), answered }
    }

    async fn keyboard_interactive(&mut self, user: &str, ask: AskChallenge<'_>) -> Result<Step, Error> {
        let started = self.login_handle().authenticate_keyboard_interactive_start(user, None);
        let mut answer = timeout(STEP_TIMEOUT, started).await.map_err(|_| timed_out(STEP_TIMEOUT))?;
        for _ in 0..MAX_ROUNDS {
            let challenge = match answer.map_err(|error| self.error(error))? {
                KeyboardInteractiveAuthResponse::Success => return Ok(Step::Success),
                KeyboardInteractiveAuthResponse::Failure { remaining_methods, partial_success } => {
                    return Ok(if partial_success {
                        Step::Accepted(remaining_methods)
                    } else {
                        Step::Denied(remaining_methods)
                    });
                }
                KeyboardInteractiveAuthResponse::InfoRequest { name, instructions, prompts } => {
                    let questions =
                        prompts.into_iter().map(|prompt| Question { text: prompt.prompt, echo: prompt.echo });
                    Challenge { name, instruction: instructions, questions: questions.collect() }
                }
            };
            let count = challenge.questions.len();
            // Without questions there is nothing to answer; what the server says is shown all the same.
            let answers = ask(challenge).await.or((count == 0).then(Vec::new)).filter(|answers| answers.len() == count);
            let Some(answers) = answers else { return Ok(Step::Unanswered) };
            let answers = answers.iter().map(|answer| answer.expose().clone()).collect();
            let next = self.login_handle().authenticate_keyboard_interactive_respond(answers);
            answer = timeout(STEP_TIMEOUT, next).await.map_err(|_| timed_out(STEP_TIMEOUT))?;
        }
        Err(Error::Protocol(format!("the server asked more than {MAX_ROUNDS} rounds of questions")))
    }

    async fn password(&mut self, user: &str, ask: AskChallenge<'_>) -> Result<Step, Error> {
        let question = Question { text: format!("Password of {user}: "), echo: false };
        let challenge = Challenge { questions: vec![question], ..Challenge::default() };
        let Some(password) = ask(challenge).await.and_then(|mut answers| answers.pop()) else {
            return Ok(Step::Unanswered);
        };
        let sent = self.login_handle().authenticate_password(user, password.expose());
        let answer = timeout(STEP_TIMEOUT, sent).await.map_err(|_| timed_out(STEP_TIMEOUT))?;
        Ok(Step::from(answer.map_err(|error| self.error(error))?))
    }

    /// Offers the key for public key authentication.
    ///
    /// An RSA key signs with the hash that the server names in server-sig-algs (RFC 8308, RFC 8332), with SHA-512 if
    /// the server names none, and never with SHA-1. If SHA-512 is denied, SHA-256 is tried: OpenSSH before 9.3 names
    /// every algorithm it has, even those that its PubkeyAcceptedAlgorithms excludes.
    async fn offer(&mut self, user: &str, key: LoginKey<'_>) -> Result<AuthResult, russh::Error> {
        let key = Offered::of(key)?;
        if !key.is_rsa() {
            return self.offer_with(user, &key, None).await;
        }
        let best = self.login_handle().best_supported_rsa_hash().await?.flatten().unwrap_or(HashAlg::Sha512);
        let answer = self.offer_with(user, &key, Some(best)).await?;
        if best != HashAlg::Sha512 || !matches!(answer, AuthResult::Failure { partial_success: false, .. }) {
            return Ok(answer);
        }
        match self.offer_with(user, &key, Some(HashAlg::Sha256)).await {
            // A server that counts attempts may have closed the connection because of this second one, so the first
            // denial is returned.
            Err(_) => Ok(answer),
            second => second,
        }
    }

    async fn offer_with(
        &mut self,
        user: &str,
        key: &Offered<'_>,
        hash: Option<HashAlg>,
    ) -> Result<AuthResult, russh::Error> {
        match key {
            Offered::Local(key) => {
                let key = PrivateKeyWithHashAlg::new(Arc::clone(key), hash);
                self.login_handle().authenticate_publickey(user, key).await
            }
            Offered::Remote(public, key) => {
                let signer = &mut RemoteSigner(*key);
                let answer = self.login_handle().authenticate_publickey_with(user, public.clone(), hash, signer).await;
                answer.map_err(|error| match error {
                    AgentAuthError::Send(_) => russh::Error::SendError,
                    AgentAuthError::Key(error) => error.into(),
                })
            }
        }
    }
}

/// A key as russh takes it.
enum Offered<'a> {
    Local(Arc<PrivateKey>),
    Remote(PublicKey, &'a dyn RemoteKey),
}

impl<'a> Offered<'a> {
    fn of(key: LoginKey<'a>) -> Result<Self, russh::Error> {
        Ok(match key {
            LoginKey::Local(key) => Self::Local(Arc::new(key.private().clone())),
            LoginKey::Remote(key) => {
                let public = PublicKey::from_openssh(key.public_line()).map_err(|_| russh::Error::CouldNotReadKey)?;
                Self::Remote(public, key)
            }
        })
    }

    fn is_rsa(&self) -> bool {
        match self {
            Self::Local(key) => key.algorithm().is_rsa(),
            Self::Remote(public, _) => public.algorithm().is_rsa(),
        }
    }
}

/// Has a login signed elsewhere.
struct RemoteSigner<'a>(&'a dyn RemoteKey);

impl Signer for RemoteSigner<'_> {
    type Error = AgentAuthError;

    /// Returns the data with the signature after it, which is what russh sends on.
    async fn auth_sign(
        &mut self,
        _: &AgentIdentity,
        _: Option<HashAlg>,
        mut data: Vec<u8>,
    ) -> Result<Vec<u8>, AgentAuthError> {
        let signature = self.0.sign(data.clone()).await.ok_or(russh::keys::Error::AgentFailure)?;
        let length = u32::try_from(signature.len()).map_err(|_| russh::keys::Error::AgentFailure)?;
        data.extend(length.to_be_bytes());
        data.extend(signature);
        Ok(data)
    }
}

fn timed_out(after: Duration) -> Error {
    Error::Lost(format!("authentication timed out after {} s", after.as_secs()))
}

fn names(methods: &MethodSet) -> Vec<String> {
    methods.iter().map(|method| <&str>::from(method).to_owned()).collect()
}

fn has(methods: &MethodSet, name: &str) -> bool {
    methods.iter().any(|method| <&str>::from(method) == name)
}
