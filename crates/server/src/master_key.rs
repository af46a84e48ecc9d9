//! The file of the master key: its permissions, its length, and when it may be created.
//!
//! `keyward-domain` interprets its bytes; [`installation`] decides whether it is the key of a database. Never
//! overwrites a key, never deletes one, and never prints a byte of it.
//!
//! [`installation`]: crate::installation

use std::{io::Read as _, path::Path};

use anyhow::{Context as _, Result};
use keyward_app::Entropy;
use keyward_domain::{MASTER_KEY_LEN, MasterKey};
use zeroize::Zeroizing;

use crate::private_file;

/// More than any number of versions needs; it prevents reading all of a wrong path (a disk, a log).
const LONGEST: u64 = 64 * 1024;

/// Reads the key. `None` if there is no file.
pub(crate) fn read(path: &Path) -> Result<Option<MasterKey>> {
    let shown = path.display();
    let Some((file, metadata)) = private_file::open("the master key", path)? else { return Ok(None) };
    private_file::check_mode("the master key", path, &metadata)?;
    // The exact size from the start: a growing buffer would leave copies of its bytes behind.
    let size = metadata.len().min(LONGEST);
    let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(size).unwrap_or_default() + 1));
    file.take(size + 1).read_to_end(&mut bytes).with_context(|| format!("cannot read the master key {shown}"))?;
    let key = MasterKey::from_bytes(&bytes).with_context(|| {
        format!(
            "the master key {shown} has a wrong length; create a new one, for a new database only, with {}; a further \
             version of {MASTER_KEY_LEN} bytes is appended to the ones before it",
            recipe(path)
        )
    })?;
    Ok(Some(key))
}

/// The commands that create a key.
pub(crate) fn recipe(path: &Path) -> String {
    let shown = path.display();
    format!("`head -c {MASTER_KEY_LEN} /dev/urandom > {shown}; chmod 600 {shown}`")
}

/// Makes the first version. Only for a database that holds nothing yet.
pub(crate) fn create(path: &Path, entropy: &dyn Entropy) -> Result<MasterKey> {
    let mut bytes = Zeroizing::new([0; MASTER_KEY_LEN]);
    entropy.fill(bytes.as_mut_slice())?;
    let key = MasterKey::from_bytes(bytes.as_slice())?;
    let write = || {
        if let Some(directory) = path.parent() {
            private_file::make_directory(directory)?;
        }
        private_file::fill(&private_file::create_new(path)?, path, bytes.as_slice())
    };
    write().with_context(|| format!("cannot write the master key {}", path.display()))?;
    Ok(key)
}

#[cfg(test)]
#[path = "master_key/tests.rs"]
mod tests;
