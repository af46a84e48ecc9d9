//! The demo file: its name and its content.
//!
//! Never overwrites the file of another database, and never prints its content.

use std::{
    io::Read as _,
    iter,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, anyhow};
use keyward_domain::Mid;
use serde_json::Value;

use crate::private_file;

/// Its name in messages.
const NAME: &str = "the file of the demo";

/// A file that was read. It holds secrets: no `Debug`, no `Clone`.
pub(crate) struct DemoFile {
    path: PathBuf,
    content: Value,
}

/// `demo.json`, `demo-2.json`, `demo-3.json` …
pub(super) fn numbered(path: &Path) -> impl Iterator<Item = PathBuf> {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let others = (2..).map(move |number: u32| path.with_file_name(format!("{stem}-{number}.json")));
    iter::once(path.to_owned()).chain(others)
}

/// The first name without a file.
pub(super) fn free(path: &Path) -> Result<PathBuf> {
    let free = numbered(path).find(|path| !path.is_file());
    free.ok_or_else(|| anyhow!("there is no name left beside {}", path.display()))
}

pub(super) fn write(path: &Path, content: &Value) -> Result<()> {
    let text = format!("{content:#}\n");
    private_file::replace(path, text.as_bytes())
        .with_context(|| format!("cannot write the demo credentials to {}", path.display()))
}

impl DemoFile {
    /// Reads it; `None` if it does not exist. A file with other content is read too, and has no member.
    pub(crate) fn read(path: &Path) -> Result<Option<Self>> {
        let Some((mut file, _)) = private_file::open(NAME, path)? else { return Ok(None) };
        let mut text = String::new();
        file.read_to_string(&mut text).with_context(|| format!("cannot read {}", path.display()))?;
        Ok(Some(Self { path: path.to_owned(), content: serde_json::from_str(&text).unwrap_or_default() }))
    }

    /// All existing files, the first one first.
    pub(crate) fn all(path: &Path) -> Result<Vec<Self>> {
        numbered(path).map(|candidate| Self::read(&candidate)).map_while(Result::transpose).collect()
    }

    /// Path of the file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The mid of the platform account.
    pub(super) fn platform_mid(&self) -> Option<Mid> {
        self.content.pointer("/platform/mid").and_then(Value::as_str)?.parse().ok()
    }

    /// Returns the file with this address, and writes it if it changed.
    pub(super) fn at(mut self, base_url: &str) -> Result<Self> {
        if self.content.get("base_url").and_then(Value::as_str) != Some(base_url) {
            self.content["base_url"] = base_url.into();
            write(&self.path, &self.content)?;
        }
        Ok(self)
    }

    /// A member that is text, such as `/partner/appSecret`.
    pub(crate) fn text(&self, pointer: &str) -> Result<&str> {
        self.content.pointer(pointer).and_then(Value::as_str).with_context(|| {
            let name = pointer.trim_start_matches('/').replace('/', ".");
            format!("{} is not a file of demo credentials: it has no {name}", self.path.display())
        })
    }
}
