//! [`Ctx`]: what every command is given: the user interface, the configuration, the AWS clients. Made once, in `cli`.

use std::sync::{Arc, OnceLock};

use crate::aws::{AwsPool, Interaction};
use crate::config::{self, Config, Options};
use crate::ui::Ui;

/// The context of one run of the program.
pub(crate) struct Ctx {
    /// The user interface of the process.
    pub ui: Ui,
    /// The AWS clients, by profile and region.
    pub aws: AwsPool,
    config: OnceLock<Arc<Config>>,
}

impl Ctx {
    /// Makes a context; `interaction` is how the user is asked for what credentials need. The config file is read when it is first
    /// needed: a broken one must not stand in the way of commands that do not use it.
    pub(crate) fn new(ui: Ui, interaction: Interaction) -> Self {
        Self { ui, aws: AwsPool::new(interaction), config: OnceLock::new() }
    }

    /// Returns the config file, read once.
    ///
    /// # Errors
    /// The file cannot be read, or has an invalid entry.
    pub(crate) fn config(&self) -> Result<&Arc<Config>, config::Error> {
        match self.config.get() {
            Some(config) => Ok(config),
            None => {
                let config = Arc::new(Config::load_default()?);
                Ok(self.config.get_or_init(|| config))
            }
        }
    }

    /// Returns the config file's options for a selector as typed.
    ///
    /// # Errors
    /// As for [`Ctx::config`].
    pub(crate) fn options_for(&self, selector: &str) -> Result<Options, config::Error> {
        Ok(self.config()?.options_for(&[selector]))
    }
}
