//! A process that has ended: how, and what it had said.

use serde_json::Value;

/// Everything that is left of it.
#[derive(Debug)]
pub(crate) struct Finished {
    /// The exit code; none if a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Finished {
    /// What it printed, if it did what it was asked.
    #[track_caller]
    pub(crate) fn success(self) -> Self {
        assert_eq!(self.code, Some(0), "{}\n{}", self.out, self.err);
        self
    }

    /// What it complained about, if it refused with words for people rather than a panic.
    #[track_caller]
    pub(crate) fn refusal(self) -> String {
        assert_eq!(self.code, Some(1), "{}\n{}", self.out, self.err);
        assert!(self.err.contains("keyward: ") && !self.err.contains("panicked"), "{}", self.err);
        self.err
    }

    /// The refusal, if it says all of this.
    #[track_caller]
    pub(crate) fn refuses_with(self, words: &[&str]) {
        let refusal = self.refusal();
        for word in words {
            assert!(refusal.contains(word), "{word:?} is missing in: {refusal}");
        }
    }

    /// What it complained about, if it says all of this and that the command line was wrong: then nothing was tried.
    #[track_caller]
    pub(crate) fn misuse_with(self, words: &[&str]) -> String {
        assert_eq!((self.code, &*self.out), (Some(2), ""), "{}", self.err);
        for word in words {
            assert!(self.err.contains(word), "{word:?} is missing in: {}", self.err);
        }
        self.err
    }

    /// What it printed, as JSON.
    #[track_caller]
    pub(crate) fn json(self) -> Value {
        let Self { out, .. } = self.success();
        serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out:?}"))
    }

    /// Both outputs.
    pub(crate) fn said(&self) -> String {
        format!("{}\n{}", self.out, self.err)
    }
}
