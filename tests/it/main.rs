//! The single integration test binary: pure tables, in-memory pipes, the binary against the embedded cloud, the real
//! OpenSSH, and moto.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]
#![allow(clippy::print_stdout, reason = "a child of a test speaks to it")]

mod agent;
mod ahead;
mod bad_servers;
mod botocore;
mod complete;
mod config;
mod console;
mod eice;
mod errors;
mod escape;
mod generated;
mod help;
mod host_keys;
mod key_file;
mod known_hosts;
mod layering;
mod list;
mod login;
mod lookup;
mod moto;
mod openssh;
mod plan;
mod proxy;
mod race;
mod routes;
mod select;
mod session;
mod ssh;
mod ssh_agent;
mod ssh_block;
mod ssh_config;
mod ssm;
mod start;
mod support;
mod target;
mod tcp;
mod terminal;
mod text;
mod tunnels;
mod web;
