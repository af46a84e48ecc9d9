//! Files and folders that only their owner may read: the master key, the database, the TLS key, the configuration, and
//! credentials that are shown once.
//!
//! Checks the type before it opens a file: opening a pipe would wait for its other end. Written files survive a power
//! loss. Never follows a link that another user placed, and never creates a file under a name that exists.

use std::{
    fs::{self, DirBuilder, File, Metadata, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::Path,
};

use anyhow::{Context as _, Result, bail};
use zeroize::Zeroizing;

/// Permissions that others and a group must not have.
const FORBIDDEN: u32 = 0o027;
/// More than any certificate chain or key needs; it prevents reading all of a wrong path (a disk, a log).
const LONGEST: u64 = 1024 * 1024;

/// Opens a file for reading. `None` if it does not exist. Messages call it `what`.
pub(crate) fn open(what: &str, path: &Path) -> Result<Option<(File, Metadata)>> {
    let shown = path.display();
    let Some(found) = metadata_of(what, path)? else { return Ok(None) };
    if !found.is_file() {
        bail!("{what} {shown} is not a file");
    }
    let file = File::open(path).with_context(|| format!("cannot read {what} {shown}"))?;
    // Of the open file: another may have taken its path.
    let metadata = file.metadata().with_context(|| format!("cannot look at {what} {shown}"))?;
    if !metadata.is_file() {
        bail!("{what} {shown} is not a file");
    }
    Ok(Some((file, metadata)))
}

/// Refuses a file that others could read or change, and anything that is not a file. Accepts a missing one.
pub(crate) fn check_file(what: &str, path: &Path) -> Result<()> {
    match metadata_of(what, path)? {
        Some(metadata) if metadata.is_file() => check_mode(what, path, &metadata),
        Some(_) => bail!("{what} {} is not a file: move it away", path.display()),
        None => Ok(()),
    }
}

/// As [`check_file`], for a folder. A dangling link is refused.
pub(crate) fn check_directory(what: &str, path: &Path) -> Result<()> {
    let shown = path.display();
    match metadata_of(what, path)? {
        Some(metadata) if metadata.is_dir() => check_mode(what, path, &metadata),
        Some(_) => bail!("{what} {shown} is not a directory: move it away, or name another"),
        None if fs::symlink_metadata(path).is_ok() => {
            bail!("{what} {shown} is a link that leads nowhere: create the directory that it names, or name another")
        }
        None => Ok(()),
    }
}

/// As [`check_file`], for an open file or folder.
pub(crate) fn check_mode(what: &str, path: &Path, metadata: &Metadata) -> Result<()> {
    let mode = metadata.permissions().mode() & 0o777;
    if mode & FORBIDDEN == 0 {
        return Ok(());
    }
    let (shown, [alone, with_group]) = (path.display(), if metadata.is_dir() { [700, 750] } else { [600, 640] });
    bail!(
        "{what} {shown} has mode {mode:03o}, so others could read or change it: run `chmod {alone} {shown}` (a group \
         may read it: {with_group})"
    );
}

/// All of a file that may be public.
pub(crate) fn read_plain(what: &str, path: &Path) -> Result<Vec<u8>> {
    let Some((file, _)) = open(what, path)? else {
        bail!("cannot read {what} {}: there is no such file", path.display())
    };
    let mut bytes = Vec::new();
    file.take(LONGEST).read_to_end(&mut bytes).with_context(|| format!("cannot read {what} {}", path.display()))?;
    Ok(bytes)
}

/// All of a file that must be private.
pub(crate) fn read_private(what: &str, path: &Path) -> Result<Zeroizing<Vec<u8>>> {
    let Some((file, metadata)) = open(what, path)? else {
        bail!("cannot read {what} {}: there is no such file", path.display())
    };
    check_mode(what, path, &metadata)?;
    // The exact size from the start: a growing buffer would leave copies of its bytes behind.
    let size = metadata.len().min(LONGEST);
    let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(size).unwrap_or_default() + 1));
    file.take(size + 1).read_to_end(&mut bytes).with_context(|| format!("cannot read {what} {}", path.display()))?;
    Ok(bytes)
}

fn metadata_of(what: &str, path: &Path) -> Result<Option<Metadata>> {
    match fs::metadata(path) {
        Ok(metadata) => Ok(Some(metadata)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot look at {what} {}", path.display())),
    }
}

/// Creates the folder and its parents, for their owner only; leaves an existing one as it is.
pub(crate) fn make_directory(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Opens a new file for its owner only.
///
/// # Errors
/// [`io::ErrorKind::AlreadyExists`] if the path exists, even as a link.
pub(crate) fn create_new(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// Fills a new file, and makes it and its name durable.
pub(crate) fn fill(mut file: &File, path: &Path, content: &[u8]) -> io::Result<()> {
    file.write_all(content)?;
    make_lasting(file, path)
}

/// Makes a filled file and its name durable.
pub(crate) fn make_lasting(file: &File, path: &Path) -> io::Result<()> {
    file.sync_all()?;
    sync_directory_of(path)
}

/// Gives a complete file a name that is not taken.
///
/// # Errors
/// [`io::ErrorKind::AlreadyExists`] if the name is taken, even by a link.
pub(crate) fn publish(draft: &Path, path: &Path) -> io::Result<()> {
    match fs::hard_link(draft, path) {
        Ok(()) => fs::remove_file(draft)?,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Err(error),
        // A file system without hard links.
        Err(_) if fs::symlink_metadata(path).is_err() => fs::rename(draft, path)?,
        Err(error) => return Err(error),
    }
    sync_directory_of(path)
}

/// Replaces the path by a file with this content: readers see all of the old one or all of the new one.
pub(crate) fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let draft = Path::new(&name);
    match fs::remove_file(draft) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        // Left by an interrupted start.
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
    //! Permissions, and what is never overwritten.
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn only_files_are_opened() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        let _listening = UnixListener::bind(&path).unwrap();
        for path in [&path, folder.path()] {
            let refusal = open("the secret", path).unwrap_err().to_string();
            assert!(refusal.ends_with("is not a file"), "{refusal}");
        }
    }

    #[test]
    fn a_folder_is_private_to_its_owner_and_readable_by_a_group_at_most() {
        let folder = tempfile::tempdir().unwrap();
        for (mode, is_fine) in [(0o700, true), (0o750, true), (0o755, false), (0o770, false), (0o701, false)] {
            fs::set_permissions(folder.path(), fs::Permissions::from_mode(mode)).unwrap();
            let refusal = check_directory("the folder", folder.path()).err().map(|refusal| refusal.to_string());
            assert_eq!(refusal.is_none(), is_fine, "{mode:o}");
            assert!(refusal.is_none_or(|refusal| refusal.contains("chmod 700") && refusal.contains("750")));
        }
        check_directory("the folder", &folder.path().join("missing")).unwrap();
    }

    #[test]
    fn a_path_of_the_wrong_kind_is_reported_in_any_mode() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        fs::write(&file, b"").unwrap();
        std::os::unix::fs::symlink(folder.path().join("nowhere"), &link).unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        for (refused, words) in [
            (check_file("the database", folder.path()), "is not a file"),
            (check_directory("the folder", &file), "is not a directory"),
            (check_directory("the folder", &link), "is a link that leads nowhere"),
        ] {
            let refusal = refused.unwrap_err().to_string();
            assert!(refusal.contains(words) && !refusal.contains("chmod"), "{refusal}");
        }
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_file_is_private_to_its_owner_and_never_made_twice() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        fill(&create_new(&path).unwrap(), &path, b"one").unwrap();
        assert_eq!((mode(&path), fs::read(&path).unwrap()), (0o600, b"one".to_vec()));
        assert_eq!(create_new(&path).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
    }

    #[test]
    fn a_link_is_not_a_new_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        std::os::unix::fs::symlink(folder.path().join("elsewhere"), &path).unwrap();
        assert!(create_new(&path).is_err());
    }

    #[test]
    fn a_draft_takes_no_name_that_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let (draft, path) = (folder.path().join("copy.part"), folder.path().join("copy"));
        std::os::unix::fs::symlink(folder.path().join("elsewhere"), &path).unwrap();
        fs::write(&draft, b"whole").unwrap();
        assert_eq!(publish(&draft, &path).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        fs::remove_file(&path).unwrap();
        publish(&draft, &path).unwrap();
        assert_eq!((fs::read(&path).unwrap(), draft.exists()), (b"whole".to_vec(), false));
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
