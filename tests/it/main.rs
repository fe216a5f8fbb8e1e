//! The single integration test binary: pure tables, in-memory pipes, the binary against the embedded cloud, the real
//! OpenSSH, and moto.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]
#![allow(clippy::print_stdout, reason = "a child of a test speaks to it")]

mod bad_servers;
mod botocore;
mod complete;
mod doctor;
mod drop_in;
mod errors;
mod forward;
mod forward_command;
mod help;
mod host_keys;
mod info;
mod list;
mod lookup;
mod metadata;
mod moto;
mod no_login;
mod openssh;
mod outage;
mod playground;
mod proxy;
mod rdp;
mod regression;
mod routes;
mod serial;
mod shared_key;
mod speculative;
mod ssh;
mod ssh_agent;
mod ssh_block;
mod ssh_config;
mod ssh_options;
mod ssm;
mod structure;
mod support;
mod terminal;
mod tunnels;
mod web;
