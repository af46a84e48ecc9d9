//! Where settings come from, and which source overrules which. It knows no setting but the two whose variables have
//! names of their own.

use std::{
    collections::HashMap,
    env,
    path::{Path, PathBuf},
};

use config::{Config, ConfigError, Environment, File, FileFormat, Map, Source, Value, ValueKind};

use super::LoadError;
use crate::private_file;

/// What values from flags are said to come from.
pub(super) const COMMAND_LINE: &str = "the command line";
/// Which file to read is no setting: it cannot stand in that file.
const CONFIG_VARIABLE: &str = "KEYWARD_CONFIG";

/// What the command line says about settings.
#[derive(Clone, Debug, Default)]
pub(crate) struct Flags {
    /// The configuration file.
    pub(crate) config: Option<PathBuf>,
    /// Settings by name.
    pub(crate) settings: Vec<(&'static str, String)>,
}

/// The variables of this process that may concern us. Others' may hold anything, so they are not looked at.
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
    /// The tree. Each value knows where it came from; one that does not is from the file.
    pub(super) root: Value,
    /// The file.
    pub(super) file: PathBuf,
}

/// Reads all sources.
pub(super) fn merge(flags: &Flags, mut variables: Map<String, String>) -> Result<Merged, LoadError> {
    let in_variable = variables.remove(CONFIG_VARIABLE).filter(|path| !path.is_empty()).map(PathBuf::from);
    let file = flags.config.clone().or(in_variable);
    let mut builder = Config::builder();
    if let Some(path) = &file {
        // Read here: the library would look for files of other names, too.
        let text = read_file(path)?;
        builder = builder.add_source(File::from_str(&text, FileFormat::Toml));
    }
    let database = variables.remove("DATABASE_URL").map(|url| ("database_url", url));
    variables.retain(|name, _| !is_not_a_setting(name));
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

/// Passwords may stand in it.
fn read_file(path: &Path) -> Result<String, LoadError> {
    let text = private_file::read_private("the configuration file", path).map_err(LoadError::Unusable)?;
    String::from_utf8(text.to_vec()).map_err(|_| LoadError::NotToml(path.to_owned(), "it is not UTF-8".to_owned()))
}

/// Variables that start like ours and are not: those of our tests, and those that Kubernetes sets in every pod beside a
/// service called `keyward` or `keyward-…`.
fn is_not_a_setting(name: &str) -> bool {
    let of_tests = name.starts_with("KEYWARD_TEST_");
    let of_kubernetes = ["_SERVICE_HOST", "_SERVICE_PORT", "_PORT_"].iter().any(|part| name.contains(part));
    of_tests || of_kubernetes || name.ends_with("_PORT")
}

/// What the parser says without the line it quotes: that line may hold a password.
fn without_quotes(error: &ConfigError) -> String {
    let said = if let ConfigError::FileParse { cause, .. } = error { cause.to_string() } else { error.to_string() };
    let kept: Vec<&str> = said.lines().map(str::trim).filter(|line| !line.is_empty() && !line.contains('|')).collect();
    kept.join(": ")
}

/// A source whose names are settings already.
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
