//! A process that has ended: its exit and its output.

use std::time::Duration;

use keyward_testkit::process::{Ended, Process};
use serde_json::Value;

/// Longer than any step takes: the process is then killed and the test fails. No test waits for it.
const LIMIT: Duration = Duration::from_mins(1);

/// The remains of a process.
#[derive(Debug)]
pub(crate) struct Finished {
    /// The exit code; `None` if a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Finished {
    /// Waits for the end of a process.
    #[track_caller]
    pub(super) fn wait_for(process: Process) -> Self {
        let Ended { status, out, err } = process.wait(LIMIT).unwrap();
        Self { code: status.code(), out, err }
    }

    /// Its output, if it succeeded.
    #[track_caller]
    pub(crate) fn success(self) -> Self {
        assert_eq!(self.code, Some(0), "{}\n{}", self.out, self.err);
        self
    }

    /// Its error message, if it refused with one rather than a panic.
    #[track_caller]
    pub(crate) fn refusal(self) -> String {
        assert_eq!(self.code, Some(1), "{}\n{}", self.out, self.err);
        assert!(self.err.contains("keyward: ") && !self.err.contains("panicked"), "{}", self.err);
        self.err
    }

    /// Checks that it refused with all of these words.
    #[track_caller]
    pub(crate) fn refuses_with(self, words: &[&str]) {
        let refusal = self.refusal();
        for word in words {
            assert!(refusal.contains(word), "{word:?} is missing in: {refusal}");
        }
    }

    /// Its error message, if it reports wrong usage with all of these words. Such a command has done nothing.
    #[track_caller]
    pub(crate) fn misuse_with(self, words: &[&str]) -> String {
        assert_eq!((self.code, &*self.out), (Some(2), ""), "{}", self.err);
        for word in words {
            assert!(self.err.contains(word), "{word:?} is missing in: {}", self.err);
        }
        self.err
    }

    /// Its output as JSON.
    #[track_caller]
    pub(crate) fn json(self) -> Value {
        let Self { out, .. } = self.success();
        serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out:?}"))
    }

    /// Both outputs.
    pub(crate) fn output(&self) -> String {
        format!("{}\n{}", self.out, self.err)
    }
}
