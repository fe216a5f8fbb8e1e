//! THE MAP of ec2ssh: one binary that connects to an EC2 instance by name. What it does for its users is in the README and in
//! `docs/`; this page is for whoever changes it.
//!
//! # The flow
//!
//! ```text
//! typed words, config.toml
//!      | cli, commands: parse, make Ctx
//!   Settings (settings)              merged once; nobody asks afterwards whether a flag was given
//!      | find: DescribeInstances, or the cached look-up
//!   Located (find)                   account, region, instance
//!      | plan: pure
//!   RoutePlan (plan)                 addresses, routes, port; known as soon as the instance is
//!      | connect: the Connector works side by side
//!      |   route: race the routes, each proven by a Probe ------> Link (transport)
//!      |   ssh: handshake; trust judges the host key -----------> Connection (ssh)
//!      |   connect::login: DescribeImages, where no user was typed; connect::pushed_key: SendSSHPublicKey
//!   Connection, logged in
//!      | commands join it to the terminal (LocalTerminal) or to standard input and output
//!   exit status
//! ```
//!
//! An error goes the other way: a layer's own error type, with the facts as fields; [`error`] turns it into a `CommandError` with
//! causes and hints, and has [`diagnose`] judge what needs judging (a `Finding`: a code and its facts); [`cli`] prints it and
//! chooses the exit code. Facts that need a call to AWS are collected in [`connect`] and travel in its error.
//!
//! # The rooms, from the top down
//!
//! Imports go down only, and no file imports itself through others; `tests/it/structure` reads every import and checks it against
//! a table.
//!
//! - [`cli`]: the arguments, dispatch, the report, the exit code.
//! - [`commands`]: a file or folder per command, with its `XArgs` and `run`, which is given the `Ctx`; `options`, `prompts` and
//!   `session_io` are shared by several. They join the lower rooms to [`ui`] and [`terminal`].
//! - [`context`]: `Ctx { ui, config, aws }`, made once by `cli`.
//! - [`error`], [`diagnose`]: what is wrong, and how it is said.
//! - [`connect`]: the [`Connector`](connect), the pushed key, the speculative start, plain ssh's ProxyCommand, the way on when AWS
//!   cannot be asked. Without SSH: a node of Systems Manager and its programs, a desktop, the serial console.
//! - [`facts`]: what AWS, the network and the port show of the way to an instance; gathered here, judged in [`diagnose`].
//! - [`key_holder`]: a process that holds one pushed key for all connections of a user to an instance.
//! - [`find`], [`route`], [`trust`]: which instance, which way, whose host key.
//! - [`mod@plan`], [`settings`], [`login`]: pure decisions. [`event`]: how these rooms report and ask.
//! - [`forward`]: forwarded connections on this side: listeners, relays, SOCKS, the tunnel that comes back. It is given an
//!   [`Opener`](forward::opener::Opener): SSH channels, or streams of a session to a port ([`ssm::mux`]).
//! - [`ssh_config`]: what ssh's own files and `-o` say.
//! - [`ssh`], [`ssm`], [`eice`], [`rdp`]: protocols. They are given byte streams, and know neither the AWS SDK nor instances.
//! - [`aws`]: the SDK, and only here; one file per kind of call; answers in the plain types of [`aws::model`]. Its `shared_config`
//!   and `credentials` follow the AWS CLI's rules.
//! - [`web`], [`transport`]: HTTPS and websockets by the caller's proxies; TCP, links and probes.
//! - [`agent`], [`openssh`]: for plain ssh: an agent with one key, and the block in `~/.ssh/config`.
//! - [`terminal`], [`ui`]: the local terminal in raw mode; the one door to standard output, standard error and the user.
//! - Small ones that import nothing, or nearly so: [`account`], [`boot`] (patience with an instance that boots), [`config`], [`confirm`], [`forward_spec`] (what is forwarded where), [`io`], [`program`], [`secret`],
//!   [`store`], [`table`], [`target`], [`text`], [`when`].
//!
//! # Where something new goes
//!
//! - A command: a file in [`commands`], a variant of `Command` in [`cli`]. To reach an instance it calls [`connect::session`],
//!   [`connect::stream`] or [`connect::dry_run`], without SSH [`connect::node`]; to know one, [`find::single`]. A positional argument that is to be completed with
//!   names has the id `target`. The completion scripts and `docs/reference.md` follow.
//! - A route: a value of [`config::Via`], a variant of [`plan::order::Route`] and its place in the order, its opening in
//!   `route::dial`, its head start in `route::dialer`, its line of `--dry-run` in [`mod@plan`] and `route::survey`, its errors in
//!   `route::error` and their text in `error::route`. What is opened holds a [`Link`](transport::link::Link).
//! - An option of ssh: its keyword in `ssh_config::keywords`, its field in [`config::Options`], its place in [`settings`], and a row in
//!   `docs/ssh-options.md`; a letter in `commands::ssh`.
//! - A proof that a port answers: a [`Probe`](transport::probe::Probe), which the caller passes to the dialer, as
//!   [`route::ssh_identification`] is.
//! - An AWS call: its name and IAM action in [`aws::Call`], a file in [`aws`] like `images`, its answer in
//!   [`aws::model`], its error
//!   codes in `error::aws`; then `docs/iam.md` and the embedded cloud, `tests/lab`.
//! - A check: its fact in [`facts`], a pure judgement in `diagnose::checks` and its place in their list, a variant of `Cause`, its words
//!   in `error::cause`, its code in `docs/doctor.md`, and a broken world in `tests/lab/src/broken.rs`.
//! - A timeout: a constant with a name, in the file that waits or that makes the probe (`aws::clients`: the calls;
//!   `route::ssh_probe`: the identification), or a field of [`ssh::options::Timeouts`]. Those that a user can notice are listed in
//!   `docs/reference.md`.
//! - A cache: a [`JsonCache`](store::cache::JsonCache), keyed by [`Account::cache_key`](aws::model::Account::cache_key).
//! - A source of trusted host keys: [`trust`], in the order of its first page.
//!
//! # Invariants
//!
//! - Nothing but the session's bytes goes to standard output of `ssh` (without `--dry-run`), `proxy` and `ssm`: they have a
//!   [`ui::Ui::without_stdout`].
//! - Rooms below the commands neither print nor prompt: they send an [`event::Event`], which carries its own reply.
//! - Text from AWS or the far side reaches a terminal only through [`text::sanitize`] and its siblings; a session's own
//!   output passes
//!   as it is.
//! - A key that ec2ssh makes exists in memory only and is wiped, also the one of `proxy --agent` and the one in a [`key_holder`]; a passphrase is a
//!   [`secret::Secret`].
//! - A speculative start uses a cached instance at once. Until DescribeInstances agrees nobody logs in, ssh has no connection, no
//!   host key is stored and nobody is asked anything: they wait at a [`confirm::ConfirmGate`].
//! - Two accounts never share a cache entry: [`account`]. Completions, which may load no credentials, go by the profile
//!   and the state
//!   of the shared config files.
//! - The agent signs a login of its one user with its one key, and nothing else.
//! - On a first contact a host key that contradicts the instance's console is refused in every mode; later the console never
//!   replaces a key that is known.
//! - Tokens and signed URLs go to AWS's own domains only, unless the caller has set an endpoint; they are [`secret::Secret`]s.
//! - A session that was started is ended, whatever ends the process, short of SIGKILL: [`cli`] waits for it, also after a panic.
//! - The keys in memory are kept out of core dumps.
//! - Credentials are written to the AWS CLI's cache of assumed roles, and nowhere else. A program that fetches them never gets the
//!   session's standard input.
//! - [`terminal::raw`] restores the terminal on drop, panic, signal and suspend. Raw mode begins when the server has accepted the
//!   shell or command: a program that prints nothing would otherwise never get it.
#![allow(rustdoc::private_intra_doc_links, reason = "this documentation is for those who change the code")]

mod account;
#[cfg(unix)]
mod agent;
mod aws;
mod boot;
pub mod cli;
mod commands;
mod config;
mod confirm;
mod connect;
mod context;
mod diagnose;
mod eice;
mod error;
mod event;
mod facts;
mod find;
mod forward;
mod forward_spec;
#[doc(hidden)]
pub mod internals;
mod io;
mod key_holder;
mod login;
#[cfg(unix)]
mod openssh;
mod plan;
mod program;
mod rdp;
mod route;
mod secret;
mod settings;
mod ssh;
mod ssh_config;
mod ssm;
mod store;
mod table;
mod target;
mod terminal;
#[cfg(test)]
mod testing;
mod text;
mod transport;
mod trust;
mod ui;
mod web;
mod when;
