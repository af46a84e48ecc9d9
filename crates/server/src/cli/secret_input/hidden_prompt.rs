//! A prompt whose answer is not shown on the terminal. The terminal is restored when the prompt ends, by a line or by a
//! signal.
//!
//! `rpassword` 7.5 does not do that: it raises SIGINT before it restores the terminal, and handles no other signal.

use std::{
    io::{self, Write as _, stdin},
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
};

use anyhow::{Context as _, Result};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use signal_hook::{
    consts::signal::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP},
    iterator::Signals,
    low_level::emulate_default_handler,
};

/// The signals that end a process or stop it (^Z) while a person types.
const SIGNALS: [i32; 5] = [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP];

/// The open prompt. Global because signals are.
static OPEN: Mutex<Option<Question>> = Mutex::new(None);

struct Question {
    text: String,
    /// Terminal settings before the prompt.
    before: Termios,
}

impl Question {
    fn ask(&self) -> Result<()> {
        let mut hidden = self.before.clone();
        hidden.local_modes.remove(LocalModes::ECHO);
        tcsetattr(stdin(), OptionalActions::Flush, &hidden).context("the terminal cannot be set to hide input")?;
        Ok(write!(io::stderr(), "{}", self.text)?)
    }

    /// Restores the terminal. The person sees a failure.
    fn close(&self, when: OptionalActions) {
        let _ = tcsetattr(stdin(), when, &self.before);
        // The end of the line was not shown either.
        let _ = writeln!(io::stderr());
    }
}

/// An open prompt. Dropping it closes the prompt.
pub(super) struct HiddenPrompt(());

impl HiddenPrompt {
    pub(super) fn open(question: &str) -> Result<Self> {
        let before = tcgetattr(stdin()).context("the settings of the terminal cannot be read")?;
        handle_signals()?;
        let question = Question { text: question.to_owned(), before };
        let mut open = open();
        let answer = question.ask();
        *open = Some(question);
        drop(open);
        let prompt = Self(());
        answer.map(|()| prompt)
    }
}

impl Drop for HiddenPrompt {
    fn drop(&mut self) {
        if let Some(question) = open().take() {
            question.close(OptionalActions::Now);
        }
    }
}

/// Makes each of the signals restore the terminal and then have its usual effect.
fn handle_signals() -> Result<()> {
    let mut signals = Signals::new(SIGNALS).context("cannot listen to signals")?;
    let handle_all = move || signals.forever().for_each(handle);
    thread::Builder::new().spawn(handle_all).context("the operating system cannot create a thread")?;
    Ok(())
}

fn handle(signal: i32) {
    let open = open();
    if let Some(question) = &*open {
        // Typed parts of a secret must not become the next line of the shell.
        question.close(OptionalActions::Flush);
    }
    // The process ends here, or stops here and continues later.
    let _ = emulate_default_handler(signal);
    if let Some(question) = &*open {
        let _ = question.ask();
    }
}

fn open() -> MutexGuard<'static, Option<Question>> {
    OPEN.lock().unwrap_or_else(PoisonError::into_inner)
}
