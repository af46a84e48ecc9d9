//! Files that only their owner may read: the master key, credentials that are shown once. What a function here returned
//! from survives the loss of power. Never follows what somebody else put in its way: a new file is really new.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::Path,
};

/// Makes the folder and those above it, for their owner alone; one that is there stays as it is.
pub(crate) fn make_directory(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Opens a new file for its owner alone.
///
/// # Errors
/// [`io::ErrorKind::AlreadyExists`] if there is one, be it a link.
pub(crate) fn create_new(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// Fills a file that was just made, and makes it and its name lasting.
pub(crate) fn fill(mut file: &File, path: &Path, content: &[u8]) -> io::Result<()> {
    file.write_all(content)?;
    file.sync_all()?;
    sync_directory_of(path)
}

/// Puts a file with this content in the place of whatever is there: readers see the old one or the new one, whole.
pub(crate) fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let draft = Path::new(&name);
    match fs::remove_file(draft) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        // What an interrupted start left behind.
        Ok(()) | Err(_) => {}
    }
    let mut file = create_new(draft)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(draft, path)?;
    sync_directory_of(path)
}

fn sync_directory_of(path: &Path) -> io::Result<()> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(directory)?.sync_all()
}

#[cfg(test)]
mod tests {
    //! Who may read, and what is never overwritten.
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_file_is_its_owners_alone_and_never_made_twice() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        fill(&create_new(&path).unwrap(), &path, b"one").unwrap();
        assert_eq!((mode(&path), fs::read(&path).unwrap()), (0o600, b"one".to_vec()));
        assert_eq!(create_new(&path).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
    }

    #[test]
    fn a_link_that_leads_elsewhere_is_no_new_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        std::os::unix::fs::symlink(folder.path().join("elsewhere"), &path).unwrap();
        assert!(create_new(&path).is_err());
    }

    #[test]
    fn replacing_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("demo.json");
        fs::write(folder.path().join("demo.json.new"), b"torn").unwrap();
        for content in [b"one", b"two"] {
            replace(&path, content).unwrap();
            assert_eq!((mode(&path), fs::read(&path).unwrap()), (0o600, content.to_vec()));
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
