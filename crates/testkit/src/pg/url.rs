//! The URLs of a throwaway cluster, and the password in one of them.
//!
//! Every URL is complete, so that a developer's environment (`PGPORT`, `PGUSER`) cannot redirect a test.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use anyhow::{Context as _, Result};

/// The port in the name of the socket. Nothing listens on it; it only prevents the use of `PGPORT`.
pub(super) const SOCKET_PORT: u16 = 5432;

pub(super) fn over_socket(user: &str, folder: &Path, port: u16) -> String {
    format!("postgres://{user}@localhost:{port}/postgres?host={}", escaped(&folder.to_string_lossy()))
}

pub(super) fn over_tcp(user: &str, password: &str, port: u16) -> String {
    format!("postgres://{user}:{password}@127.0.0.1:{port}/postgres")
}

/// The same URL for another database of the same cluster.
///
/// The name is not escaped: it must consist of letters, digits and underscores.
///
/// # Errors
/// If the URL names no database.
pub fn with_database(url: &str, database: &str) -> Result<String> {
    let problem = || format!("not a URL of the form postgres://user@host/database: {url}");
    let (scheme, rest) = url.split_once("://").with_context(problem)?;
    let (authority, rest) = rest.split_once('/').with_context(problem)?;
    let parameters = rest.find('?').map_or("", |at| &rest[at..]);
    Ok(format!("{scheme}://{authority}/{database}{parameters}"))
}

/// 128 bits from the kernel, as hexadecimal.
pub(super) fn random_password() -> Result<String> {
    let mut bytes = [0; 16];
    let source = File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut bytes));
    source.context("cannot read /dev/urandom for the throwaway password")?;
    let mut text = String::new();
    for byte in bytes {
        write!(text, "{byte:02x}")?;
    }
    Ok(text)
}

/// Percent-encodes characters that a query parameter must not contain. Slashes of a path stay.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"/-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_with_a_blank_or_an_ampersand_stays_one_parameter() {
        let url = over_socket("keyward", Path::new("/tmp/a b&c/é"), SOCKET_PORT);
        assert_eq!(url, "postgres://keyward@localhost:5432/postgres?host=/tmp/a%20b%26c/%C3%A9");
    }

    #[test]
    fn another_database_keeps_the_rest_of_the_url() {
        let socket = over_socket("keyward", Path::new("/tmp/x"), SOCKET_PORT);
        assert_eq!(with_database(&socket, "t1").unwrap(), "postgres://keyward@localhost:5432/t1?host=/tmp/x");
        assert_eq!(with_database("postgres://u:p@h:1/postgres", "t1").unwrap(), "postgres://u:p@h:1/t1");
        assert!(with_database("postgres://u@h", "t1").is_err());
    }

    #[test]
    fn passwords_differ_and_need_no_escaping() {
        let (one, two) = (random_password().unwrap(), random_password().unwrap());
        assert_ne!(one, two);
        assert_eq!(one.len(), 32);
        assert_eq!(escaped(&one), one);
    }
}
