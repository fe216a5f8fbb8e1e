//! THE MAP of ec2ssh: one binary that gets onto an EC2 instance by name.
//!
//! # The flow
//!
//! [`cli`] parses and dispatches to one of [`commands`]. `ssh` and `proxy` make a [`connect::Wish`] of what was typed
//! and what [`config`] says. [`connect`] has [`target`] read, AWS asked ([`aws`]), the instance chosen ([`mod@select`]), the
//! user guessed ([`login`]) and the [`plan`] made; then the key is pushed while [`connect::reach`] finds a way and [`ssh`]
//! exchanges keys, and it logs in. The session is joined to the [`terminal`] by the command.
//!
//! The ways are [`transport`]'s: direct TCP, an Instance Connect Endpoint ([`transport::websocket`]), Session Manager
//! ([`transport::ssm`]). They race, the first to show an SSH server wins, and what worked is tried first for a day. AWS is
//! asked for endpoints, sessions and signatures by [`aws`]; calls and websockets go to the network by the same
//! [`transport::web`], with its proxies and certificate authorities.
//!
//! A host key is judged in [`ssh::host_keys`]: vouched for by an authority, else known, else printed on the instance's
//! console (fetched beside the push and the key exchange), else known to the caller's ssh, else asked for.
//!
//! [`openssh`] writes the block by which plain `ssh` comes to us. Its ProxyCommand is `proxy --agent`: it makes a key and
//! is ssh's [`agent`] for it; [`connect::openssh`] joins that to the push and to the same judgement of the host key, which
//! ssh asks for by its KnownHostsCommand (`known-hosts answer`), through the agent's socket.
//!
//! # The layers, and who imports whom (a test reads the imports and checks it)
//!
//! - [`confirmation`], [`text`], [`secret`], [`store`], [`when`]: small and pure or nearly so; they import nothing,
//!   everybody may import them.
//! - [`terminal`], [`transport`], [`ssh`], [`ui`] import none of each other. [`aws`] may use [`target`] and
//!   [`transport::web`], by which its calls leave.
//! - [`agent`], [`openssh`]: what OpenSSH needs of us; they know neither AWS nor russh.
//! - [`names`]: the completions' cache of instance names.
//! - [`login`], [`mod@select`], [`plan`]: pure; from [`aws::model`], [`target`] and [`config`].
//! - [`connect`]: all of the above but [`ui`] and [`terminal`]. It asks by events.
//! - [`error`] sees every layer's error and [`ui`]'s table; [`commands`] see all; [`cli`] sees commands, error, ui,
//!   terminal (to restore it) and secret (to keep memory out of dumps).
//!
//! Where this differs from the first design: `agent` and `openssh` (an agent's life and ssh's config file are neither
//! transport nor SSH protocol), `names`, `select` (which of several), `login` (image to user), `store` (our small
//! files), `text` (untrusted text) and `when` are rooms of their own; `connect`, `error` and `ui` have rooms behind them.
//! Raw mode begins with the server's yes to the shell or command, which is its first byte on the channel: a program that
//! prints nothing would otherwise never have it. What is still to be done when the program ends (a session's end told to its
//! service) is waited for by [`commands::shut_down`], after a panic by [`commands::shut_down_after_panic`].
//!
//! # Invariants
//!
//! - Nothing but the session's bytes goes to standard output of `ssh` and `proxy`: they have a [`ui::Ui::without_stdout`].
//! - Lower layers never print or prompt. What they ask carries its own reply.
//! - Text from AWS or the far side reaches a terminal only through [`text::sanitize`].
//! - A key that is pushed is made in memory and wiped, also the one that ssh uses; a passphrase is a [`secret::Secret`].
//! - From the second time on the work begins with what is remembered of an instance. Until a fresh look-up agrees nobody logs
//!   in, ssh has no connection, no host key is learned and nobody is asked anything.
//! - An agent signs a login of its one user with its one key, and nothing else.
//! - On a first contact a console that contradicts a plain host key is never outvoted; later it never replaces a key that
//!   is known. What refuses a key for our own client makes ssh end its connection, too.
//! - Tokens and signed addresses go to AWS's own domains only, unless the caller has set an endpoint; they are
//!   [`secret::Secret`]s.
//! - A session that was started is ended, whatever ends us, short of SIGKILL.
//! - The keys in memory are kept out of core dumps.
//! - [`terminal::raw`] restores the terminal on drop, panic, signal and suspend.

#[cfg(unix)]
pub mod agent;
pub mod aws;
pub mod cli;
pub mod commands;
pub mod config;
pub mod confirmation;
pub mod connect;
pub mod error;
pub mod login;
pub mod names;
#[cfg(unix)]
pub mod openssh;
pub mod plan;
pub mod secret;
pub mod select;
pub mod ssh;
pub mod store;
pub mod target;
pub mod terminal;
pub mod text;
pub mod transport;
pub mod ui;
pub mod when;
