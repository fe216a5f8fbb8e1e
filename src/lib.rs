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
//!      |   login: DescribeImages, where no user was typed; connect::pushed_key: SendSSHPublicKey
//!   Connection, logged in
//!      | commands join it to the terminal (LocalTerminal) or to standard input and output
//!   exit status
//! ```
//!
//! An error goes the other way: a layer's own error type, then [`diagnose`] judges it (a `Finding`: a code and its facts), then
//! [`error`] renders it as a `CommandError` with causes and hints, then [`cli`] prints it and chooses the exit code.
//!
//! # The rooms, from the top down
//!
//! Imports go down only, and no file imports itself through others; `tests/it/structure` reads every import and checks it against
//! a table.
//!
//! - [`cli`]: the arguments, dispatch, the report, the exit code. [`context`]: `Ctx { ui, config, aws }`, made once.
//! - [`commands`]: one file per command, with its `XArgs` and `run(&Ctx, args)`. The only room that joins the lower ones to [`ui`]
//!   and [`terminal`].
//! - [`error`], [`diagnose`]: what is wrong, and how it is said.
//! - [`connect`]: the [`Connector`](connect), the pushed key, the speculative start, plain ssh's ProxyCommand.
//! - [`find`], [`route`], [`trust`]: which instance, which way, whose host key.
//! - [`mod@plan`], [`settings`], [`login`]: pure decisions. [`event`]: how these rooms report and ask.
//! - [`ssh`], [`ssm`], [`eice`]: protocols. They are given byte streams, and know neither the AWS SDK nor instances.
//! - [`web`], [`transport`]: HTTPS and websockets by the caller's proxies; TCP, links and probes.
//! - [`aws`]: the SDK, and only here; one file per kind of call; answers in the plain types of [`aws::model`].
//! - [`agent`], [`openssh`]: for plain ssh: an agent with one key, and the block in `~/.ssh/config`.
//! - [`terminal`], [`ui`]: the local terminal in raw mode; the one door to standard output, standard error and the user.
//! - Small ones that import nothing, or nearly so: [`account`], [`config`], [`confirm`], [`io`], [`program`], [`secret`],
//!   [`store`], [`table`], [`target`], [`text`], [`when`].
//!
//! # Where something new goes
//!
//! - A command: a file in [`commands`], a variant in [`cli`]. It gets a `Ctx`; to reach an instance it calls [`connect::session`],
//!   [`connect::stream`], or [`find`] alone.
//! - A route: a variant of [`plan::order::Route`], its opening in `route::dial`, its errors in `route::error`. It returns a
//!   [`Link`](transport::link::Link).
//! - A way to know that a port answers: a [`Probe`](transport::probe::Probe), which the caller passes to the dialer.
//! - An AWS call: a file in [`aws`] that returns a plain type; its error codes in `error::aws`.
//! - A check of a diagnosis: a pure function in [`diagnose`] that returns a `Finding`; its text in [`error`].
//! - A timeout: a constant with a name in the file that waits, or a field of [`ssh::client::Timeouts`]; never a number in a call.
//! - A cache: a [`JsonCache`](store::cache::JsonCache), keyed by [`Account::cache_key`](aws::model::Account::cache_key).
//! - A source of trusted host keys: [`trust`], in the order of its first page.
//!
//! # Invariants
//!
//! - Nothing but the session's bytes goes to standard output of `ssh` and `proxy`: they have a [`ui::Ui::without_stdout`].
//! - Rooms below the commands neither print nor prompt: they send an [`event::Event`], which carries its own reply.
//! - Text from AWS or the far side reaches a terminal only through [`text::sanitize`].
//! - A key that is pushed is made in memory and wiped, also the one that plain ssh uses; a passphrase is a [`secret::Secret`].
//! - A speculative start uses a cached instance at once. Until DescribeInstances agrees nobody logs in, ssh has no connection, no
//!   host key is stored and nobody is asked anything: they wait at a [`confirm::ConfirmGate`].
//! - Two accounts never share a cache entry: [`account`].
//! - The agent signs a login of its one user with its one key, and nothing else.
//! - On a first contact a host key that contradicts the instance's console is refused in every mode; later the console never
//!   replaces a key that is known.
//! - Tokens and signed URLs go to AWS's own domains only, unless the caller has set an endpoint; they are [`secret::Secret`]s.
//! - A session that was started is ended, whatever ends the process, short of SIGKILL: [`cli`] waits for it, also after a panic.
//! - The keys in memory are kept out of core dumps.
//! - [`terminal::raw`] restores the terminal on drop, panic, signal and suspend. Raw mode begins when the server has accepted the
//!   shell or command: a program that prints nothing would otherwise never get it.
#![allow(rustdoc::private_intra_doc_links, reason = "this documentation is for those who change the code")]

mod account;
#[cfg(unix)]
mod agent;
mod aws;
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
mod find;
#[doc(hidden)]
pub mod internals;
mod io;
mod login;
#[cfg(unix)]
mod openssh;
mod plan;
mod program;
mod route;
mod secret;
mod settings;
mod ssh;
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
