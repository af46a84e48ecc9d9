//! Both adapters have files of the same names, so that their counterparts are easy to find.

use std::{collections::BTreeSet, fs, io, path::Path};

/// Files of the adapter for Postgres alone, and why.
const ONLY_POSTGRES: [(&str, &str); 9] = [
    ("batcher", "requests share statements, because each statement is a message to a server"),
    ("control", "the connection for leases, which many nodes need"),
    ("hints", "notifications between nodes"),
    ("instant", "times in Postgres's format; SQLite stores microseconds"),
    ("membership", "the leases of many nodes"),
    ("plans", "an operator may alter tables under a running node"),
    ("rights", "roles and their rights"),
    ("server", "versions and settings of a server"),
    ("transactions", "a caller may go away while the server answers `BEGIN`; SQLite's writer is in `store`"),
];

/// Files of the embedded adapter alone, and why.
const ONLY_SQLITE: [(&str, &str); 5] = [
    ("clock", "limits authorities; on Postgres the commit's own statement reads the server's clock"),
    ("copies", "backups; Postgres has its own tools"),
    ("files", "the database is a file of this machine, and locked there"),
    ("foreign", "any process may write to a file; a server numbers its histories"),
    ("testing", "other crates test with this adapter"),
];

fn files(folder: &Path) -> io::Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        names.extend(name.strip_suffix(".rs").filter(|name| *name != "lib").map(str::to_owned));
    }
    Ok(names)
}

fn names(list: &[(&str, &str)]) -> BTreeSet<String> {
    list.iter().map(|(name, _)| (*name).to_owned()).collect()
}

#[test]
fn both_adapters_have_the_same_files_except_for_the_listed_ones() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (postgres, sqlite) = (files(&here.join("../storage/src/postgres")).unwrap(), files(&here.join("src")).unwrap());
    assert_eq!(&postgres - &sqlite, names(&ONLY_POSTGRES));
    assert_eq!(&sqlite - &postgres, names(&ONLY_SQLITE));
}
