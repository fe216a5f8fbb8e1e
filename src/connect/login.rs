//! The login user: known from the settings, else from the instance's image, which is asked for once and beside the dialing.

use tokio::sync::OnceCell;

use crate::aws::Aws;
use crate::aws::model::Image;
use crate::event::{Event, Events};
use crate::find::{self, Located};
use crate::login::{LoginUser, default_login_user};

/// The login user and the image, if that is known.
#[derive(Clone, Debug)]
pub(super) struct FoundLogin {
    /// The login user and its source.
    pub login: LoginUser,
    /// The instance's image: it explains a denied login.
    pub image: Option<Image>,
}

/// Finds the login user when it is first needed.
pub(super) struct LoginLookup {
    aws: Aws,
    located: Located,
    requested: Option<LoginUser>,
    found: OnceCell<FoundLogin>,
    /// The image, asked for at most once.
    image: OnceCell<Option<Image>>,
}

impl LoginLookup {
    /// Makes a look-up; `requested` is the user that was typed or configured.
    pub(super) fn new(aws: Aws, located: Located, requested: Option<LoginUser>) -> Self {
        Self { aws, located, requested, found: OnceCell::new(), image: OnceCell::new() }
    }

    /// Returns the login user. Asks AWS for the image only if no user was requested.
    pub(super) async fn get(&self, events: &Events) -> &FoundLogin {
        self.found
            .get_or_init(|| async {
                let found = match self.requested.clone() {
                    Some(login) => FoundLogin { login, image: find::cached_image(&self.located) },
                    None => {
                        let image = self.image(events).await;
                        FoundLogin { login: default_login_user(image.as_ref()), image }
                    }
                };
                events(Event::Step(format!("user {}: {}", found.login.user, found.login.source)));
                found
            })
            .await
    }

    /// Returns the image, asking AWS for it if necessary.
    pub(super) async fn image(&self, events: &Events) -> Option<Image> {
        self.image.get_or_init(|| find::image(&self.aws, &self.located, events)).await.clone()
    }
}
