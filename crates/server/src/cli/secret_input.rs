//! A secret from standard input, typed by a person or passed by a script. It is hidden while typed, and wiped when it
//! is no longer needed.

use std::io::{self, IsTerminal as _, stdin};

use anyhow::{Context as _, Result};
use rustix::io::retry_on_intr;
use zeroize::Zeroizing;

use super::exit::wrong_usage;

mod hidden_prompt;

use hidden_prompt::HiddenPrompt;

/// Longer than any value of this service.
const MOST_BYTES: usize = 4096;

/// Reads a secret from standard input, without surrounding white space. On a terminal it prompts, and reads one line.
pub(super) fn read(question: &str) -> Result<Zeroizing<String>> {
    let text = if stdin().is_terminal() {
        let _prompt = HiddenPrompt::open(question)?;
        read_input(true)
    } else {
        read_input(false)
    };
    let text = text.context("standard input cannot be read")?;
    let Ok(text) = std::str::from_utf8(&text) else {
        return Err(wrong_usage("standard input is not UTF-8: pass only the value"));
    };
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return Err(wrong_usage("standard input is empty: pass the value there, such as `keyward key verify < FILE`"));
    }
    Ok(Zeroizing::new(trimmed.to_owned()))
}

/// Reads one line or all of it. Unbuffered, so that no copy remains.
fn read_input(one_line: bool) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut text = Zeroizing::new(vec![0; MOST_BYTES]);
    let mut length = 0;
    while length < MOST_BYTES {
        let read = retry_on_intr(|| rustix::io::read(stdin(), &mut text[length..]))?;
        length += read;
        if read == 0 || (one_line && text[..length].contains(&b'\n')) {
            break;
        }
    }
    text.truncate(length);
    Ok(text)
}
