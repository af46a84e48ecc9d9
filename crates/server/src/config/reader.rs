//! Reads settings from the merged tree, and records which were read and which are invalid.
//!
//! It does not stop at the first error, so that all are reported together. A name that was never read is not a setting,
//! so a misspelled name is refused rather than ignored.

use std::{collections::BTreeSet, net::SocketAddr, path::PathBuf, time::Duration};

use config::{Value, ValueKind};
use keyward_api::http::CredentialHeader;
use keyward_domain::{Environment, SecretForm};
use keyward_verifier::protocol::LeaseConfig;
use secrecy::SecretString;

use super::{
    layers::{COMMAND_LINE, Merged},
    quoting::quoted,
    values::Parsed,
};

/// The merged sources, and what was found out about them.
pub(super) struct Reader {
    sources: Merged,
    known: BTreeSet<&'static str>,
    /// Names that settings had in an earlier release.
    earlier: BTreeSet<&'static str>,
    problems: Vec<String>,
    warnings: Vec<String>,
}

impl Reader {
    pub(super) const fn new(sources: Merged) -> Self {
        Self { sources, known: BTreeSet::new(), earlier: BTreeSet::new(), problems: Vec::new(), warnings: Vec::new() }
    }

    /// Reads a setting, if it is set. An invalid one counts as not set, and its error quotes it. [`Self::read_secret`]
    /// reads a secret, whose type this function does not return.
    pub(super) fn read<T: Quotable>(&mut self, key: &'static str, parse: impl Fn(&str) -> Parsed<T>) -> Option<T> {
        self.read_single(key, parse, quoted)
    }

    /// Reads a setting that had another name in an earlier release. That name still works, with a warning.
    pub(super) fn read_renamed<T: Quotable>(
        &mut self,
        key: &'static str,
        earlier: &'static str,
        parse: impl Fn(&str) -> Parsed<T>,
    ) -> Option<T> {
        let value = self.read(key, &parse);
        let Some(found) = self.find(earlier) else { return self.forget(earlier, value) };
        let place = self.place(earlier, found.origin().unwrap_or_default());
        if value.is_some() {
            self.problems.push(format!("{place} is the earlier name of {key}, which is also set: omit it"));
            return self.forget(earlier, value);
        }
        self.warnings.push(format!("{place} is now {key}; a later release drops the earlier name"));
        let value = self.read(earlier, parse);
        self.forget(earlier, value)
    }

    /// Removes an earlier name from the current names of settings.
    fn forget<T>(&mut self, earlier: &'static str, value: Option<T>) -> Option<T> {
        self.known.remove(earlier);
        self.earlier.insert(earlier);
        value
    }

    /// Settings that work and should be changed.
    pub(super) fn take_warnings(&mut self) -> Vec<String> {
        std::mem::take(&mut self.warnings)
    }

    /// Reads a secret setting: no error quotes any part of it.
    pub(super) fn read_secret(
        &mut self,
        key: &'static str,
        parse: impl Fn(&str) -> Parsed<SecretString>,
    ) -> Option<SecretString> {
        self.read_single(key, parse, |_| None)
    }

    fn read_single<T>(
        &mut self,
        key: &'static str,
        parse: impl Fn(&str) -> Parsed<T>,
        quote: fn(&str) -> Option<String>,
    ) -> Option<T> {
        let value = self.find(key)?;
        let Some(text) = as_text(&value) else {
            self.refuse(key, &value, None, "a single value");
            return None;
        };
        match parse(&text) {
            Ok(parsed) => Some(parsed),
            Err(expected) => {
                self.refuse(key, &value, quote(&text), expected);
                None
            }
        }
    }

    /// Reads a list; in the environment separated by commas.
    pub(super) fn read_list<T>(&mut self, key: &'static str, parse: impl Fn(&str) -> Parsed<T>) -> Option<Vec<T>> {
        let value = self.find(key)?;
        let items: Vec<Option<String>> = if let ValueKind::Array(items) = &value.kind {
            items.iter().map(as_text).collect()
        } else {
            let text = as_text(&value).unwrap_or_default();
            text.split(',').map(|item| Some(item.trim().to_owned())).collect()
        };
        let mut parsed = Vec::new();
        for item in items.into_iter().filter(|item| item.as_deref() != Some("")) {
            match item.as_deref().map_or(Err("single values"), &parse) {
                Ok(item) => parsed.push(item),
                Err(expected) => self.refuse(key, &value, item.as_deref().and_then(quoted), expected),
            }
        }
        Some(parsed)
    }

    /// Records an error that concerns several settings.
    pub(super) fn object(&mut self, problem: String) {
        self.problems.push(problem);
    }

    /// Returns all errors: recorded ones, unknown names, and those of the caller.
    pub(super) fn finish(mut self, missing: Vec<String>) -> Result<(), Vec<String>> {
        let mut present = Vec::new();
        flatten(&self.sources.root, "", &mut present);
        present.retain(|(key, _)| !self.is_known(key));
        for (key, origin) in &present {
            let section = key.rsplit_once('.').map_or("", |(section, _)| section);
            let of_section = |known: &&&str| known.rsplit_once('.').map_or("", |(section, _)| section) == section;
            let known: Vec<&str> = self.known.iter().filter(of_section).copied().collect();
            let hint = if known.is_empty() { String::new() } else { format!("; there are {}", known.join(", ")) };
            self.problems.push(format!("there is no setting {}{hint}", self.place(key, origin)));
        }
        self.problems.extend(missing);
        if self.problems.is_empty() { Ok(()) } else { Err(self.problems) }
    }

    fn is_known(&self, key: &str) -> bool {
        self.known.contains(key) || self.earlier.contains(key)
    }

    /// The names of all settings.
    #[cfg(test)]
    pub(super) fn known_names(&self) -> Vec<&'static str> {
        self.known.iter().copied().collect()
    }

    fn find(&mut self, key: &'static str) -> Option<Value> {
        self.known.insert(key);
        let mut value = &self.sources.root;
        for segment in key.split('.') {
            let ValueKind::Table(table) = &value.kind else { return None };
            value = table.get(segment)?;
        }
        Some(value.clone())
    }

    fn refuse(&mut self, key: &'static str, value: &Value, quoted: Option<String>, expected: &str) {
        let place = self.place(key, value.origin().unwrap_or_default());
        let value = quoted.map_or_else(String::new, |text| format!(" is {text}, but"));
        self.problems.push(format!("{place}{value} must be {expected}"));
    }

    /// `limits.request_timeout (KEYWARD_LIMITS__REQUEST_TIMEOUT) in the environment`.
    fn place(&self, key: &str, origin: &str) -> String {
        let (file, variable) = (self.sources.file.display(), variable(key));
        match origin {
            "" => format!("{key} ({variable}) in {file}"),
            COMMAND_LINE => format!("{key} ({variable}) on {COMMAND_LINE}"),
            other => format!("{key} ({variable}) in {other}"),
        }
    }
}

/// A value that an error may quote. No secret is one.
pub(super) trait Quotable {}

macro_rules! quotable {
    ($($type:ty),+ $(,)?) => { $(impl Quotable for $type {})+ };
}

quotable!(
    bool,
    u32,
    u64,
    usize,
    String,
    PathBuf,
    Duration,
    SocketAddr,
    Environment,
    SecretForm,
    LeaseConfig,
    CredentialHeader
);

/// The environment variable of a setting.
pub(super) fn variable(key: &str) -> String {
    match key {
        "database_url" => "DATABASE_URL".to_owned(),
        _ => format!("KEYWARD_{}", key.to_uppercase().replace('.', "__")),
    }
}

fn as_text(value: &Value) -> Option<String> {
    let is_single = !matches!(value.kind, ValueKind::Table(_) | ValueKind::Array(_) | ValueKind::Nil);
    if is_single { value.clone().into_string().ok() } else { None }
}

/// Collects every leaf with its source.
pub(super) fn flatten(value: &Value, path: &str, into: &mut Vec<(String, String)>) {
    let ValueKind::Table(table) = &value.kind else {
        return into.push((path.to_owned(), value.origin().unwrap_or_default().to_owned()));
    };
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(name, _)| *name);
    for (name, value) in entries {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        flatten(value, &path, into);
    }
}
