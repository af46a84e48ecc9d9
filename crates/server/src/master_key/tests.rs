//! Permissions, lengths, and that a key is never overwritten.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
};

use tempfile::TempDir;

use super::*;
use crate::entropy::SystemEntropy;

fn file(content: &[u8], mode: u32) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("master.key");
    fs::write(&path, content).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
    (folder, path)
}

fn refusal(path: &Path) -> String {
    format!("{:#}", read(path).err().unwrap())
}

#[test]
fn only_the_owner_may_write_and_only_owner_and_group_may_read() {
    for mode in [0o600, 0o400, 0o640, 0o440] {
        let (_folder, path) = file(&[7; 32], mode);
        assert!(read(&path).unwrap().is_some(), "{mode:o}");
    }
    for mode in [0o644, 0o604, 0o602, 0o601, 0o660, 0o620, 0o666, 0o777] {
        let (_folder, path) = file(&[7; 32], mode);
        let refusal = refusal(&path);
        assert!(refusal.contains(&format!("mode {mode:o}")) && refusal.contains("chmod 600"), "{refusal}");
    }
}

#[test]
fn a_key_is_a_whole_number_of_versions() {
    for (bytes, versions) in [(32, 1), (64, 2), (96, 3)] {
        let (_folder, path) = file(&vec![7; bytes], 0o600);
        assert_eq!(read(&path).unwrap().unwrap().newest().number(), versions);
    }
    for bytes in [0, 31, 33, 65 * 1024] {
        let (_folder, path) = file(&vec![7; bytes], 0o600);
        let refusal = refusal(&path);
        assert!(refusal.contains("head -c 32 /dev/urandom >") && refusal.contains("appended"), "{refusal}");
    }
}

#[test]
fn a_missing_file_is_no_key_and_a_folder_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    assert!(read(&folder.path().join("master.key")).unwrap().is_none());
    assert!(refusal(folder.path()).contains("is not a file"));
}

#[test]
fn a_new_key_can_be_read_and_is_never_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/down/master.key");
    let made = create(&path, &SystemEntropy).unwrap();
    let read_back = read(&path).unwrap().unwrap();
    assert_eq!(made.fingerprint(made.newest()), read_back.fingerprint(read_back.newest()));
    let before = fs::read(&path).unwrap();
    assert!(create(&path, &SystemEntropy).is_err());
    assert_eq!(fs::read(&path).unwrap(), before);
}
