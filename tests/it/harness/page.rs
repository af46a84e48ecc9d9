//! A page of the documentation: its code blocks, run as a reader would, and its sample answers.

use std::collections::BTreeSet;

use serde_json::{Deserializer, Value};

/// A page, or a section of it.
pub(crate) struct Page {
    name: String,
    text: String,
}

impl Page {
    /// A file of the repository.
    pub(crate) fn read(name: &str) -> Self {
        let path = keyward_testkit::run::workspace_root().join(name);
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self { name: name.to_owned(), text }
    }

    /// The section under this heading, up to the next one of the same level.
    pub(crate) fn section(&self, heading: &str) -> Self {
        let (_, rest) = self
            .text
            .split_once(&format!("\n{heading}\n"))
            .unwrap_or_else(|| panic!("{} has no {heading:?}", self.name));
        let text = rest.split("\n## ").next().unwrap_or_default().to_owned();
        Self { name: format!("{} ({heading})", self.name), text }
    }

    /// Its blocks of this language, in order.
    pub(crate) fn blocks(&self, language: &str) -> Vec<String> {
        let begin = format!("```{language}\n");
        self.text.split(&begin).skip(1).map(|rest| rest.split("```").next().unwrap_or_default().to_owned()).collect()
    }

    /// Its only block of this language.
    #[track_caller]
    pub(crate) fn block(&self, language: &str) -> String {
        let [block] = <[String; 1]>::try_from(self.blocks(language))
            .unwrap_or_else(|blocks| panic!("{} has {} blocks of {language}", self.name, blocks.len()));
        block
    }

    /// The cells of all rows of its tables.
    pub(crate) fn rows(&self) -> Vec<Vec<String>> {
        let rows = self.text.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
        rows.map(|row| row.split(" | ").map(|cell| cell.trim().to_owned()).collect()).collect()
    }

    /// The texts between backticks in the first column of its tables, without headings.
    pub(crate) fn codes_in_first_column(&self) -> BTreeSet<String> {
        let cells = self.text.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` |"));
        cells.map(|(code, _)| code.to_owned()).collect()
    }

    /// Compares its sample answers with the real output of the commands.
    #[track_caller]
    pub(crate) fn samples_are_like(&self, printed: &str) {
        let (samples, answers) = (values(&self.blocks("json").concat()), values(printed));
        assert_eq!(samples.len(), answers.len(), "{} shows another number of answers than {printed}", self.name);
        for (sample, answer) in samples.iter().zip(&answers) {
            if let Err(place) = is_like(sample, answer) {
                panic!("{}: the sample differs at {place:?}:\n{sample}\n{answer}", self.name);
            }
        }
    }
}

/// The consecutive JSON values of a text.
#[track_caller]
pub(crate) fn values(text: &str) -> Vec<Value> {
    let values = Deserializer::from_str(text).into_iter();
    values.map(|value| value.unwrap_or_else(|error| panic!("{error}: {text}"))).collect()
}

/// Whether an answer matches its sample. A text with a digit or `…` stands for any text, a member `…` for any
/// further members; all else must be equal. The error is the place of a difference.
fn is_like(sample: &Value, answer: &Value) -> Result<(), String> {
    match (sample, answer) {
        (Value::String(sample), Value::String(_)) if sample.contains(|c: char| c.is_ascii_digit() || c == '…') => {
            Ok(())
        }
        (Value::Array(samples), Value::Array(answers)) if samples.len() == answers.len() => {
            samples.iter().zip(answers).try_for_each(|(sample, answer)| is_like(sample, answer))
        }
        (Value::Object(samples), Value::Object(answers)) => {
            let below = |name: &String, sample| {
                let answer = answers.get(name).ok_or_else(|| name.clone())?;
                is_like(sample, answer).map_err(|place| format!("{name} {place}"))
            };
            samples.iter().filter(|(name, _)| *name != "…").try_for_each(|(name, sample)| below(name, sample))?;
            let unshown = answers.keys().find(|name| !samples.contains_key(*name) && !samples.contains_key("…"));
            unshown.map_or(Ok(()), |name| Err(name.clone()))
        }
        _ if sample == answer => Ok(()),
        _ => Err(sample.to_string()),
    }
}
