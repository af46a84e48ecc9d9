//! The ledger of acknowledged changes. It survives every process: an entry is on disk before it counts.
//!
//! Each entry is a line, followed by an `fdatasync`. The check reads the file, never memory.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::check::Entry;
use super::history::Change;
use keyward_testkit::clock::Moment;

/// An open ledger.
#[derive(Debug)]
pub(super) struct Ledger {
    path: PathBuf,
    file: Mutex<File>,
    entries: AtomicUsize,
}

impl Ledger {
    pub(super) fn create(path: &Path) -> Result<Self> {
        let file = File::create_new(path).with_context(|| format!("cannot make {}", path.display()))?;
        Ok(Self { path: path.to_owned(), file: Mutex::new(file), entries: AtomicUsize::new(0) })
    }

    /// Returns when the entries are on the disk.
    ///
    /// # Errors
    /// If they cannot be written; the run then proves nothing.
    pub(super) fn write(&self, entries: &[Entry]) -> Result<()> {
        let lines: String = entries.iter().map(line).collect();
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.write_all(lines.as_bytes()).and_then(|()| file.sync_data()).context("cannot write the ledger")?;
        self.entries.fetch_add(entries.len(), Ordering::Relaxed);
        Ok(())
    }

    /// The number of entries.
    pub(super) fn entries(&self) -> usize {
        self.entries.load(Ordering::Relaxed)
    }

    /// All entries, from the file.
    ///
    /// # Errors
    /// If it cannot be read or a line is not an entry.
    pub(super) fn read(&self) -> Result<Vec<Entry>> {
        let text = std::fs::read_to_string(&self.path).context("cannot read the ledger")?;
        text.lines().map(|line| parse(line).with_context(|| format!("not a line of a ledger: {line}"))).collect()
    }
}

fn line(entry: &Entry) -> String {
    let Entry { change, name, sent, acknowledged } = entry;
    format!("{} {} {} {name}\n", nanos(*sent), nanos(*acknowledged), change.name())
}

fn nanos(moment: Moment) -> u128 {
    moment.offset().as_nanos()
}

fn parse(line: &str) -> Option<Entry> {
    let mut words = line.split(' ');
    let mut moment = || Some(Moment::after(Duration::from_nanos(words.next()?.parse().ok()?)));
    let (sent, acknowledged) = (moment()?, moment()?);
    let (change, name) = (words.next()?, words.next()?);
    let change = Change::ALL.into_iter().find(|it| it.name() == change)?;
    words.next().is_none().then(|| Entry { change, name: name.to_owned(), sent, acknowledged })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_entries_are_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Ledger::create(&folder.path().join("ledger")).unwrap();
        let entry = |change, name: &str| Entry {
            change,
            name: name.into(),
            sent: Moment::after(Duration::from_nanos(12)),
            acknowledged: Moment::after(Duration::new(7, 3)),
        };
        let entries = Change::ALL.map(|change| entry(change, "key_01h2xcejqtf2nbrexx3vqjhp41"));
        ledger.write(&entries).unwrap();
        ledger.write(&[entry(Change::Close, "mid-1")]).unwrap();
        let read = ledger.read().unwrap();
        assert_eq!(read[..5], entries);
        assert_eq!(read[5], entry(Change::Close, "mid-1"));
    }

    #[test]
    fn an_incomplete_line_is_no_entry() {
        for line in ["", "1 2 revoke", "1 2 revoke a b", "1 x revoke a", "1 2 rename a"] {
            assert_eq!(parse(line), None, "{line:?}");
        }
    }
}
