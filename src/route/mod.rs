//! From a [`RoutePlan`](crate::plan::RoutePlan) to a [`Link`](crate::transport::link::Link) to the planned port: the
//! routes race, the first to show its [`Probe`](crate::transport::probe::Probe)'s proof wins, and the route that worked
//! is cached.
//!
//! ```text
//! direct  DNS, TCP ------------------------------------------------------> proof
//! eice    DescribeInstanceConnectEndpoints -> its turn -> websocket -----> proof
//! ssm     GetConnectionStatus -> its turn -> StartSession -> websocket
//!                                                         -> handshake --> proof
//! ```
//!
//! Queries are sent at once where direct is unlikely to work (no public address, or another route worked last time), else at the
//! route's turn: most connections are direct and should not cost another call.
//!
//! - `dialer` is the whole of it: order, race, cache
//! - `dial` opens one route, `queries` asks AWS for it
//! - `race` starts them one after the other
//! - `explain` says why one was chosen
//! - `error` says why one failed
//! - `cache` keeps what worked
//! - `boot` holds the retry rules for an instance that was just started
//! - `limit` announces a tunnel's end, `full` waits for a place at an endpoint
//! - `session` is Session Manager as a route
//! - `survey` asks about the routes without opening one

mod boot;
mod cache;
mod dial;
mod dialer;
mod error;
mod explain;
mod full;
mod limit;
mod queries;
mod race;
mod session;
mod ssh_probe;
mod survey;
mod tcp_probe;

pub(crate) use dialer::{Dialed, RouteDialer};
pub(crate) use error::{FailedRoute, RouteError};
pub(crate) use session::{open_program, open_session};
pub(crate) use ssh_probe::ssh_identification;
pub(crate) use survey::{Survey, survey};
pub(crate) use tcp_probe::tcp_connection;
