//! From a wish to an instance and the plan to get onto it: the look-up, the start of a stopped one, the user.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::{Error, Event, Events, Wish, identity, images, lookup, remembered, start};
use crate::aws::model::{Image, Instance};
use crate::aws::{Aws, Settings};
use crate::config::expand_home;
use crate::confirmation::Confirmation;
use crate::plan::{self, Plan, Request};
use crate::ssh::client::Purpose;
use crate::ssh::key_file::KeyFile;
use crate::transport::tcp::Family;

/// An instance that was found, and the plan to get onto it.
pub struct Resolved {
    pub(super) aws: Aws,
    /// The plan.
    pub plan: Plan,
    pub(super) typed: String,
    pub(super) image: Option<Image>,
    pub(super) just_started: bool,
    pub(super) key_file: Option<Arc<KeyFile>>,
    pub(super) family: Family,
    pub(super) purpose: Purpose,
    /// What answers at its address is another machine.
    pub(super) is_direct_shut: AtomicBool,
    /// The plan is that of a fresh look-up, or will be.
    pub(super) confirmed: Confirmation,
}

/// Whom to look for, all that was typed in order.
pub(super) struct Search {
    pub aws: Aws,
    pub wish: Wish,
    pub key_file: Option<Arc<KeyFile>>,
}

/// The instance, as a look-up has it, and the user.
pub(super) struct Found {
    instance: Instance,
    login: plan::LoginUser,
    image: Option<Image>,
    just_started: bool,
}

/// Checks the key file, looks the instance up and makes the plan. Nothing is changed but what was asked for or agreed to
/// on the way: `--start` starts the instance, a key file's mode is mended.
///
/// # Errors
/// Whatever stands in the way of a plan.
pub async fn resolve(wish: Wish, events: &Events) -> Result<Resolved, Error> {
    let search = Search::with_identity(wish, events).await?;
    search.planned(Box::pin(search.find(events)).await?, events)
}

impl Search {
    /// For a session: `-i` names a private key.
    pub async fn with_identity(mut wish: Wish, events: &Events) -> Result<Self, Error> {
        for options in [&mut wish.request.typed, &mut wish.request.configured] {
            options.identity = options.identity.take().map(|path| expand_home(&path));
        }
        let key_file = match &wish.request.options().identity {
            Some(path) => Some(Arc::new(identity::open(path, events).await?)),
            None => None,
        };
        Ok(Self { aws: aws(&wish.request).await?, wish, key_file })
    }

    /// For `proxy`: what `-i` names is a public half and is not checked as a private key.
    pub async fn without_identity(mut wish: Wish) -> Result<Self, Error> {
        (wish.request.typed.identity, wish.request.configured.identity) = (None, None);
        Ok(Self { aws: aws(&wish.request).await?, wish, key_file: None })
    }

    fn request(&self) -> &Request {
        &self.wish.request
    }

    /// Asks AWS; and a person, where there is something to ask.
    pub async fn find(&self, events: &Events) -> Result<Found, Error> {
        let (aws, wish) = (&self.aws, &self.wish);
        let (instance, just_started) = match lookup::find(aws, wish, events).await? {
            lookup::Found::Running(instance) => {
                self.keep(&instance, events);
                (instance, false)
            }
            // Whom a person chose among several, he may not mean the next time.
            lookup::Found::Chosen(instance) => (instance, false),
            lookup::Found::Stopped(instance) => {
                let options = self.request().options();
                let wanted = (options.address.unwrap_or_default(), options.via.unwrap_or_default());
                (start::start(aws, instance, wanted, events).await?, true)
            }
        };
        let (login, image) = match self.request().user() {
            Some(login) => (login, images::remembered(instance.image_id.as_deref())),
            None => {
                let image = images::image(aws, &instance, events).await;
                (plan::default_login_user(image.as_ref()), image)
            }
        };
        Ok(Found { instance, login, image, just_started })
    }

    /// Keeps what was found, for the next time. Nobody waits for it.
    fn keep(&self, instance: &Instance, events: &Events) {
        let (key, instance, events) = (remembered::key(&self.aws, &self.wish), instance.clone(), Arc::clone(events));
        if remembered::is_kept(&key, &instance) {
            return;
        }
        tokio::task::spawn_blocking(move || {
            if let Err(error) = remembered::keep(&key, &instance) {
                events(Event::Step(format!("cannot remember {}: {error}", instance.id)));
            }
        });
    }

    /// What a look-up would find if nothing has changed since the last one. Asks nobody.
    pub fn recall(&self) -> Option<Found> {
        let instance = remembered::instance(&remembered::key(&self.aws, &self.wish))?;
        let image = images::remembered(instance.image_id.as_deref());
        let login = match (self.request().user(), &image) {
            (Some(login), _) => login,
            (None, Some(image)) => plan::default_login_user(Some(image)),
            (None, None) => return None,
        };
        Some(Found { instance, login, image, just_started: false })
    }

    /// The plan, and its user told.
    pub fn planned(&self, found: Found, events: &Events) -> Result<Resolved, Error> {
        let login = &found.login;
        events(Event::Step(format!("user {}: {}", login.user, login.source)));
        self.plan(found)
    }

    /// The plan.
    pub fn plan(&self, found: Found) -> Result<Resolved, Error> {
        let Found { instance, login, image, just_started } = found;
        Ok(Resolved {
            plan: plan::plan(self.request(), self.aws.account().clone(), instance, login)?,
            aws: self.aws.clone(),
            typed: self.request().target.selector.to_string(),
            image,
            just_started,
            key_file: self.key_file.clone(),
            family: self.wish.family,
            purpose: self.wish.purpose,
            is_direct_shut: AtomicBool::default(),
            confirmed: Confirmation::given(),
        })
    }
}

async fn aws(request: &Request) -> Result<Aws, Error> {
    let options = request.options();
    let will_push = options.identity.is_none();
    let settings = Settings { profile: options.profile, region: options.region, will_push };
    Ok(Box::pin(Aws::load(settings)).await?)
}
