//! Sources of settings, and which overrides which. Knows no setting except the two whose variables have their own
//! names.

use std::{
    collections::HashMap,
    env,
    net::IpAddr,
    path::{Path, PathBuf},
};

use config::{Config, ConfigError, Environment, File, FileFormat, Map, Source, Value, ValueKind};

use super::{error::LoadError, quoting::quoted};
use crate::private_file;

/// Name of the source of flags.
pub(super) const COMMAND_LINE: &str = "the command line";
/// The path of the file is not a setting: the file cannot contain it.
const CONFIG_VARIABLE: &str = "KEYWARD_CONFIG";

/// Settings from the command line.
#[derive(Clone, Debug, Default)]
pub(crate) struct Flags {
    /// The configuration file.
    pub(crate) config: Option<PathBuf>,
    /// Settings by name.
    pub(crate) settings: Vec<(&'static str, String)>,
}

/// The variables of this process that may be settings. Others may hold anything, so they are not read.
pub(crate) fn from_process_environment() -> anyhow::Result<Map<String, String>> {
    let mut variables = Map::new();
    for (name, value) in env::vars_os() {
        let Ok(name) = name.into_string() else { continue };
        if !(name.starts_with("KEYWARD_") || name == "DATABASE_URL") {
            continue;
        }
        let value = value.into_string().map_err(|_| anyhow::anyhow!("the variable {name} is not valid UTF-8"))?;
        variables.insert(name, value);
    }
    Ok(variables)
}

/// All sources as one tree.
#[derive(Debug)]
pub(super) struct Merged {
    /// The tree. Each value knows its source; a value without one is from the file.
    pub(super) root: Value,
    /// Path of the file.
    pub(super) file: PathBuf,
}

/// Reads all sources.
pub(super) fn merge(flags: &Flags, mut variables: Map<String, String>) -> Result<Merged, LoadError> {
    let in_variable = variables.remove(CONFIG_VARIABLE).filter(|path| !path.is_empty()).map(PathBuf::from);
    let file = flags.config.clone().or(in_variable);
    let mut builder = Config::builder();
    if let Some(path) = &file {
        // For example /run/secrets/keyward.toml, which is a path.
        if quoted(&path.to_string_lossy()).is_none() && !path.exists() {
            return Err(LoadError::NoPath);
        }
        // Read here: the library would also look for files with other names.
        let text = read_file(path)?;
        builder = builder.add_source(File::from_str(&text, FileFormat::Toml));
    }
    let database = variables.remove("DATABASE_URL").map(|url| ("database_url", url));
    variables.retain(|name, value| !is_not_a_setting(name, value));
    let merged = builder
        .add_source(Given { origin: "the environment", values: database.into_iter().collect() })
        .add_source(Environment::with_prefix("KEYWARD").prefix_separator("_").separator("__").source(Some(variables)))
        .add_source(Given { origin: COMMAND_LINE, values: flags.settings.clone() })
        .build();
    let file = file.unwrap_or_default();
    match merged {
        Ok(merged) => Ok(Merged { root: merged.cache, file }),
        Err(error) => Err(LoadError::NotToml(file, without_quotes(&error))),
    }
}

/// Reads the file, which may hold passwords.
fn read_file(path: &Path) -> Result<String, LoadError> {
    let text = private_file::read_private("the configuration file", path).map_err(LoadError::Unusable)?;
    String::from_utf8(text.to_vec()).map_err(|_| LoadError::NotToml(path.to_owned(), "it is not UTF-8".to_owned()))
}

/// Variables of this project's own tests, which a developer's shell may have.
const OF_TESTS: [&str; 2] = ["KEYWARD_TEST_DATABASE_URL", "KEYWARD_BIN"];

/// Variables with our prefix that are not settings: those of our tests, and those that Kubernetes sets in every pod
/// beside a service called `keyward` or `keyward-…`. Both their names and values have a form of their own
/// (<https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables>): `KEYWARD_PORT=9999` is a
/// mistake.
fn is_not_a_setting(name: &str, value: &str) -> bool {
    OF_TESTS.contains(&name) || is_of_kubernetes(name, value)
}

fn is_of_kubernetes(name: &str, value: &str) -> bool {
    let is_port = |text: &str| text.parse::<u16>().is_ok();
    let is_host = |text: &str| text.parse::<IpAddr>().is_ok();
    let is_protocol = |text: &str| matches!(text, "tcp" | "udp" | "sctp");
    // `tcp://10.0.0.1:80`, `tcp://[fd00::1]:80`.
    let is_address = |text: &str| {
        let parts = text.split_once("://").and_then(|(protocol, place)| Some((protocol, place.rsplit_once(':')?)));
        parts.is_some_and(|(protocol, (host, port))| {
            is_protocol(protocol) && is_host(host.trim_matches(['[', ']'])) && is_port(port)
        })
    };
    if name.ends_with("_SERVICE_HOST") {
        return is_host(value);
    }
    if name.ends_with("_SERVICE_PORT") || name.contains("_SERVICE_PORT_") {
        return is_port(value);
    }
    if name.ends_with("_PORT") && is_address(value) {
        return true;
    }
    // `…_PORT_80_TCP`, and the same with `_PROTO`, `_PORT`, `_ADDR`.
    let Some((_, rest)) = name.split_once("_PORT_") else { return false };
    let mut parts = rest.split('_');
    let of_a_port = parts.next().is_some_and(is_port);
    let of_a_protocol = parts.next().is_some_and(|part| is_protocol(&part.to_lowercase()));
    let fits = match (parts.next(), parts.next()) {
        (None, _) => is_address(value),
        (Some("PROTO"), None) => is_protocol(value),
        (Some("PORT"), None) => is_port(value),
        (Some("ADDR"), None) => is_host(value),
        (Some(_), _) => false,
    };
    of_a_port && of_a_protocol && fits
}

/// The parser's message without the line that it quotes: that line may hold a password.
fn without_quotes(error: &ConfigError) -> String {
    let message = if let ConfigError::FileParse { cause, .. } = error { cause.to_string() } else { error.to_string() };
    let kept: Vec<&str> =
        message.lines().map(str::trim).filter(|line| !line.is_empty() && !line.contains('|')).collect();
    kept.join(": ")
}

/// A source whose names are already those of settings.
#[derive(Clone, Debug)]
struct Given {
    origin: &'static str,
    values: Vec<(&'static str, String)>,
}

impl Source for Given {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<HashMap<String, Value>, ConfigError> {
        let origin = self.origin.to_owned();
        let value = |text: &String| Value::new(Some(&origin), ValueKind::String(text.clone()));
        Ok(self.values.iter().map(|(name, text)| ((*name).to_owned(), value(text))).collect())
    }
}
