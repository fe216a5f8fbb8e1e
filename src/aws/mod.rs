//! All calls to AWS: the only folder that imports `aws_*`. Results have the plain types of [`model`].
//!
//! ```text
//! pool -> clients <- http, preconnect, endpoint_url                   the clients of one profile and region
//!                 <- credentials <- shared_config, environment        by the AWS CLI's rules
//! instances, details, images, console, keys, start_instances, endpoints, sessions, data_key, access_requests
//!                                                                     one file per kind of call
//! network, health, regions                                             what `doctor` asks beside them
//! sign, hosts                                                         websocket URLs: their signatures, and whether their hosts are AWS's
//! iso_time                                                            the launch time in JSON
//! call, error, clock                                                  names of the calls, and how they fail
//! ```
//!
//! A failed call is an [`Error`] with the facts as fields: the code, the service's message, the IAM action and the resource.
//! [`crate::error`] turns it into text for the user; this folder does not.

mod access_requests;
mod call;
mod clients;
mod clock;
mod console;
mod credentials;
pub(crate) mod data_key;
mod details;
mod endpoint_url;
pub(crate) mod endpoints;
pub(crate) mod environment;
mod error;
mod health;
pub(crate) mod hosts;
mod http;
mod images;
pub(crate) mod instances;
mod iso_time;
pub(crate) mod keys;
pub(crate) mod model;
mod network;
mod pages;
mod password;
mod pool;
mod preconnect;
mod regions;
pub(crate) mod sessions;
pub(crate) mod shared_config;
pub(crate) mod sign;
mod start_instances;

pub(crate) use access_requests::Access;
pub(crate) use call::Call;
pub(crate) use clients::Aws;
pub(crate) use credentials::{ChainError, CredentialEvent, Interaction, ProcessError};
pub(crate) use error::{Error, zone_region};
pub(crate) use pool::AwsPool;
