//! Connections to web services. The SDK's calls and the websockets both use this, so that they behave the same.
//!
//! `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` (names, suffixes, addresses, CIDR) have the same meaning as
//! in curl; user and password of a proxy are part of its URL. Link-local addresses, and loopback addresses without TLS,
//! never go through a proxy, because the services there hand out credentials.
//!
//! ```text
//! connector <- endpoint, proxy (CONNECT), roots (certificate authorities), upgrade (HTTP to bytes)
//! websocket <- connector, upgrade
//! get       <- connector
//! ```

mod connector;
mod endpoint;
mod error;
mod get;
mod proxy;
mod roots;
mod upgrade;
pub(crate) mod websocket;

pub(crate) use connector::Connector;
pub(crate) use error::Error;
pub(crate) use get::get;
