//! Values for unit tests.

use crate::aws::model::{Account, Instance, State};
use crate::config::{AddressKind, HostKeyPolicy, Via};
use crate::login::{LoginSource, LoginUser};
use crate::plan::{Authorization, EiceOptions, Plan, RoutePlan};
use crate::settings::SessionSettings;
use crate::transport::tcp::IpFamily;

/// The id of the usual instance.
pub(crate) const ID: &str = "i-0123456789abcdef0";

/// Returns a running instance without addresses.
pub(crate) fn instance() -> Instance {
    Instance { id: ID.to_owned(), state: State::Running, ..Instance::default() }
}

/// Returns a plan to reach its SSH port by any route.
pub(crate) fn route_plan() -> RoutePlan {
    RoutePlan {
        account: Account::default(),
        instance: instance(),
        via: Via::Auto,
        addresses: Vec::new(),
        typed_address: None,
        address_kind: AddressKind::Auto,
        family: IpFamily::Any,
        tunnel: EiceOptions::default(),
        port: 22,
    }
}

/// Returns a plan to log in with a pushed key.
pub(crate) fn plan() -> Plan {
    let login = LoginUser { user: "ec2-user".to_owned(), source: LoginSource::Fallback };
    Plan {
        route: route_plan(),
        login,
        authorization: Authorization::Push,
        host_keys: HostKeyPolicy::Auto,
        session: SessionSettings::default(),
    }
}
