//! Formats errors for people: one line, in which no cause is repeated. Decides nothing.

/// The error with its causes in one line. Some libraries repeat the cause in their own message; it is printed once.
pub(crate) fn one_line(error: &anyhow::Error) -> String {
    let mut line = String::new();
    for cause in error.chain().map(ToString::to_string).filter(|cause| !cause.is_empty()) {
        if !line.ends_with(&cause) {
            line = if line.is_empty() { cause } else { format!("{line}: {cause}") };
        }
    }
    line
}

#[cfg(test)]
mod tests {
    //! The message that a person reads after a failure.
    use anyhow::anyhow;

    use super::*;

    #[test]
    fn causes_follow_one_another_without_repetition() {
        let error = anyhow!("refused").context("no answer: refused").context("cannot use the database");
        assert_eq!(one_line(&error), "cannot use the database: no answer: refused");
    }
}
