//! The shared config and credentials files: read as the AWS CLI reads them, and written again in the form that the SDK accepts.
//!
//! The SDK's own parser refuses a whole file for an indented property, a colon or a header with a comment, and ignores profiles
//! whose names have blanks. It is given [`SharedConfig::sdk_text`] instead of the files: the one profile that is used, as
//! `[default]`.

mod ini;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use ini::{Ini, Properties, Section, nested, parse};

pub(crate) use ini::Problem;

/// A part of the files that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unreadable {
    /// The path of the file.
    pub path: PathBuf,
    /// The line, and what is wrong.
    pub problem: Problem,
}

/// A profile, an SSO session or a set of service settings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Profile {
    properties: Properties,
    /// Whether the credentials file has an access key for it. Such a key goes before a login session or a program.
    keys_in_credentials_file: bool,
    unreadable: Option<Unreadable>,
}

impl Profile {
    /// Returns a property; an empty one counts as unset.
    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        self.properties.get(key).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Whether the credentials file has an access key for this profile.
    pub(crate) fn has_keys_in_credentials_file(&self) -> bool {
        self.keys_in_credentials_file
    }
}

type Sections = BTreeMap<String, Profile>;

/// The content of both files, merged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SharedConfig {
    profiles: Sections,
    sso_sessions: Sections,
    services: Sections,
    /// Why a file, or a part of it that belongs to no section, cannot be read.
    unreadable: Option<Unreadable>,
}

impl SharedConfig {
    /// Reads both files from the places that the environment names, else from `~/.aws`. A missing file counts as empty.
    pub(crate) fn load(variable: impl Fn(&str) -> Option<String>, home: Option<&Path>) -> Self {
        let path = |name: &str, default: &str| {
            let home_file = || home.map(|home| home.join(".aws").join(default));
            variable(name).map(|path| expand_home(&path, home)).or_else(home_file)
        };
        let mut config = Self::default();
        if let Some(path) = path("AWS_CONFIG_FILE", "config") {
            config.add_config(&path, &read(&path));
        }
        if let Some(path) = path("AWS_SHARED_CREDENTIALS_FILE", "credentials") {
            config.add_credentials(&path, &read(&path));
        }
        config
    }

    /// For tests: parses the texts of the two files.
    #[cfg(test)]
    pub(super) fn of_texts(config: &str, credentials: &str) -> Self {
        let mut shared = Self::default();
        shared.add_config(Path::new("config"), &parse(config.as_bytes()));
        shared.add_credentials(Path::new("credentials"), &parse(credentials.as_bytes()));
        shared
    }

    fn add_config(&mut self, path: &Path, ini: &Ini) {
        self.complain(path, ini);
        for section in &ini.sections {
            let (kind, profile) = (section.name.as_str(), Profile::of(section, path));
            let sections = match kind {
                "default" => {
                    self.profiles.insert(kind.to_owned(), profile);
                    continue;
                }
                _ if kind.starts_with("profile") => &mut self.profiles,
                _ if kind.starts_with("sso-session") => &mut self.sso_sessions,
                _ if kind.starts_with("services") => &mut self.services,
                _ => continue,
            };
            // The name is quoted where it has blanks: [profile "My Laptop"].
            if let Ok([_, name]) = shell_words::split(kind).as_deref() {
                sections.insert(name.clone(), profile);
            }
        }
    }

    fn add_credentials(&mut self, path: &Path, ini: &Ini) {
        self.complain(path, ini);
        for section in &ini.sections {
            let Profile { properties, unreadable, .. } = Profile::of(section, path);
            let profile = self.profiles.entry(section.name.clone()).or_default();
            profile.keys_in_credentials_file |= properties.contains_key("aws_access_key_id");
            profile.properties.extend(properties);
            profile.unreadable = profile.unreadable.take().or(unreadable);
        }
    }

    fn complain(&mut self, path: &Path, ini: &Ini) {
        if let (None, Some(problem)) = (&self.unreadable, &ini.problem) {
            self.unreadable = Some(Unreadable { path: path.to_owned(), problem: problem.clone() });
        }
    }

    /// Returns the profile of this name, if there is one.
    ///
    /// # Errors
    /// One of its lines cannot be read.
    pub(crate) fn profile(&self, name: &str) -> Result<Option<&Profile>, Unreadable> {
        match self.profiles.get(name) {
            Some(Profile { unreadable: Some(problem), .. }) => Err(problem.clone()),
            found => Ok(found),
        }
    }

    /// Returns why a part of the files that belongs to no section cannot be read: it may be what is missing.
    pub(crate) fn unreadable(&self) -> Option<&Unreadable> {
        self.unreadable.as_ref()
    }

    /// Returns the properties of each profile, subkeys as `key.subkey`.
    pub(crate) fn flattened(&self) -> BTreeMap<String, Properties> {
        let flat = |(key, value): (&String, &String)| match value.strip_prefix('\n') {
            Some(subkeys) => nested(subkeys).map(|(name, value)| (format!("{key}.{name}"), value.to_owned())).collect(),
            None => vec![(key.clone(), value.clone())],
        };
        let properties = |profile: &Profile| profile.properties.iter().flat_map(flat).collect();
        self.profiles.iter().map(|(name, profile)| (name.clone(), properties(profile))).collect()
    }

    /// Returns a setting that a profile has for one service, by the service's id in the SDK (`EC2 Instance Connect`).
    pub(crate) fn service_setting(&self, profile: &str, service_id: &str, key: &str) -> Option<String> {
        let services = self.services.get(self.profiles.get(profile)?.get("services")?)?;
        let settings = services.get(&service_id.to_lowercase().replace([' ', '-'], "_"))?;
        let value = nested(settings).find(|(name, _)| *name == key).map(|(_, value)| value.to_owned());
        value.filter(|value| !value.is_empty())
    }

    /// Returns the profile as `[default]` in the form that the SDK's parser accepts, with the SSO session and the service
    /// settings that it refers to. Access keys and roles are left out: ec2ssh resolves them itself.
    ///
    /// The SDK ends a value at a blank and `#`. No setting that it reads has such a value.
    pub(crate) fn sdk_text(&self, name: &str) -> String {
        let Some(profile) = self.profiles.get(name) else { return String::new() };
        let has_session = profile.get("sso_session").is_some();
        let mut text = section_text("default", profile, |key| {
            // The SDK refuses what the AWS CLI accepts: an SSO session, and its settings in the profile as well.
            let is_of_session = has_session && ["sso_start_url", "sso_region"].contains(&key);
            !is_of_session && !RESOLVED_HERE.contains(&key)
        });
        let referred = [("sso_session", "sso-session", &self.sso_sessions), ("services", "services", &self.services)];
        for (key, kind, sections) in referred {
            if let Some((name, section)) = profile.get(key).and_then(|name| sections.get_key_value(name)) {
                text += &section_text(&format!("{kind} {name}"), section, |_| true);
            }
        }
        text
    }
}

/// The properties that the SDK is not given: with them its own resolution of credentials would begin.
const RESOLVED_HERE: &[&str] = &[
    "aws_access_key_id",
    "aws_secret_access_key",
    "aws_session_token",
    "source_profile",
    "credential_source",
    "credential_process",
    "mfa_serial",
];

fn section_text(header: &str, section: &Profile, is_wanted: impl Fn(&str) -> bool) -> String {
    let is_plain = |key: &str| key.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    let mut text = format!("[{header}]\n");
    for (key, value) in section.properties.iter().filter(|(key, _)| is_plain(key) && is_wanted(key)) {
        match value.strip_prefix('\n') {
            Some(subkeys) => {
                text += &format!("{key} =\n");
                text.extend(nested(subkeys).map(|(key, value)| format!("  {key} = {value}\n")));
            }
            None => text += &format!("{key} = {}\n", value.replace('\n', "\n  ")),
        }
    }
    text
}

impl Profile {
    fn of(section: &Section, path: &Path) -> Self {
        let unreadable = section.problem.clone().map(|problem| Unreadable { path: path.to_owned(), problem });
        Self { properties: section.properties.clone(), keys_in_credentials_file: false, unreadable }
    }
}

fn read(path: &Path) -> Ini {
    match std::fs::read(path) {
        Ok(bytes) => parse(&bytes),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ini::default(),
        Err(error) => {
            let problem = Some(Problem { line: None, text: error.to_string() });
            Ini { problem, ..Ini::default() }
        }
    }
}

fn expand_home(path: &str, home: Option<&Path>) -> PathBuf {
    match (path.strip_prefix("~/"), home) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => PathBuf::from(path),
    }
}

#[cfg(test)]
mod tests;
