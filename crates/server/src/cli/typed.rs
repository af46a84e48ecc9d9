//! What a person types, or a script hands over, on standard input: a secret. It is not shown while it is typed, and is
//! wiped when it is no longer needed.

use std::io::{self, IsTerminal as _, Write as _, stdin};

use anyhow::{Context as _, Result, ensure};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

/// More than any value of ours has.
const MOST_BYTES: usize = 4096;

/// Reads a secret from standard input, without the white space around it. On a terminal it is asked for, and ends with
/// its line.
pub(super) fn secret(question: &str) -> Result<Zeroizing<String>> {
    let on_terminal = stdin().is_terminal();
    let text = if on_terminal {
        let unseen = Unseen::begin()?;
        write!(io::stderr(), "{question}")?;
        let line = read(true);
        drop(unseen);
        // The end of the line was not shown, either.
        writeln!(io::stderr())?;
        line
    } else {
        read(false)
    };
    let text = text.context("standard input cannot be read")?;
    let text = std::str::from_utf8(&text).context("what standard input holds is not UTF-8")?;
    let trimmed = text.trim();
    ensure!(!trimmed.is_empty(), "standard input is empty: give the value there, such as `keyward key verify < FILE`");
    Ok(Zeroizing::new(trimmed.to_owned()))
}

/// One line or all of it. Unbuffered, so that no copy stays behind.
fn read(one_line: bool) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut text = Zeroizing::new(vec![0; MOST_BYTES]);
    let mut length = 0;
    while length < MOST_BYTES {
        let read = rustix::io::read(stdin(), &mut text[length..])?;
        length += read;
        if read == 0 || (one_line && text[..length].contains(&b'\n')) {
            break;
        }
    }
    text.truncate(length);
    Ok(text)
}

/// A terminal that does not show what is typed, until this is dropped.
struct Unseen(Termios);

impl Unseen {
    fn begin() -> Result<Self> {
        let before = tcgetattr(stdin()).context("the terminal cannot be asked how it is set")?;
        let mut unseen = before.clone();
        unseen.local_modes.remove(LocalModes::ECHO);
        tcsetattr(stdin(), OptionalActions::Flush, &unseen).context("the terminal cannot be set to show nothing")?;
        Ok(Self(before))
    }
}

impl Drop for Unseen {
    fn drop(&mut self) {
        // If it fails, the person sees it.
        let _ = tcsetattr(stdin(), OptionalActions::Now, &self.0);
    }
}
