//! Checks clocks: this machine's against the database's, and the times that are stored.

use keyward_domain::Timestamp;
use keyward_storage::{CLOCKS_AGREE, SigningKeyRow};
use keyward_verifier::ClockDifference;

use super::findings::Findings;

const CLOCK: &str = "clock";
const SIGNING_KEY: &str = "signing key";

/// Compares the wall clocks. A database without its own clock uses the machine's.
pub(super) fn compare(machine: Timestamp, database: Option<Timestamp>, findings: &mut Findings) {
    let Some(database) = database else { return };
    match ClockDifference::between(machine, database) {
        None => findings.good(CLOCK, "this machine and the database agree to within a minute"),
        Some(difference) => findings.wrong(
            CLOCK,
            format!(
                "{difference}: correct the wrong one (NTP); until then a node here rotates no signing key and \
                 deletes nothing that all nodes share, and nodes do not use a time of the database that ran ahead \
                 before it has held for a minute"
            ),
        ),
    }
}

/// Checks which key signs at this time of the database, and whether one was published later than that.
pub(super) fn check_signing_keys(keys: &[SigningKeyRow], database: Timestamp, findings: &mut Findings) {
    if !keys.iter().any(|key| key.signs_from <= database) {
        findings.notice(SIGNING_KEY, "none signs yet: the first server creates one");
        return;
    }
    for SigningKeyRow { generation, kid, published_at, signs_from, .. } in keys {
        let text = format!("generation {generation} ({kid}), published {published_at}, signs from {signs_from}");
        if published_at.since(database) > CLOCKS_AGREE {
            let text = format!("{text}: later than the database's clock shows, so a clock ran ahead or was set back");
            findings.notice(SIGNING_KEY, text);
        } else {
            findings.good(SIGNING_KEY, text);
        }
    }
}

#[cfg(test)]
mod tests {
    //! Findings about a wrong clock, and about times that it has stored.
    use super::*;
    use crate::cli::doctor::findings::Level;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(1_900_000_000_000_000 + seconds * 1_000_000).unwrap()
    }

    fn levels_of(findings: Findings) -> Vec<(Level, &'static str, String)> {
        findings.0.into_iter().map(|finding| (finding.level, finding.about, finding.text)).collect()
    }

    #[test]
    fn a_clock_that_is_more_than_a_minute_off_is_reported() {
        for (machine, level, part) in [
            (at(0), Level::Good, "agree"),
            (at(60), Level::Good, "agree"),
            (at(-60), Level::Good, "agree"),
            (at(61), Level::Wrong, "is 61 s ahead of the database's"),
            (at(-605), Level::Wrong, "is 605 s behind the database's"),
        ] {
            let mut findings = Findings::default();
            compare(machine, Some(at(0)), &mut findings);
            let found = levels_of(findings);
            assert!(
                matches!(&found[..], [(found_level, "clock", text)] if *found_level == level && text.contains(part)),
                "{found:?}"
            );
        }
        let mut findings = Findings::default();
        compare(at(0), None, &mut findings);
        assert!(findings.0.is_empty(), "there is one clock");
    }

    #[test]
    fn a_key_with_a_publication_time_in_the_future_is_reported() {
        let key = |generation: i32, published: i64| SigningKeyRow {
            generation,
            kid: format!("kid-{generation}"),
            public: Vec::new(),
            sealed: Vec::new(),
            published_at: at(published),
            signs_from: at(published),
        };
        let mut findings = Findings::default();
        check_signing_keys(&[key(1, 0), key(2, 40 * 86_400)], at(1), &mut findings);
        check_signing_keys(&[key(2, 40 * 86_400)], at(1), &mut findings);
        let found = levels_of(findings);
        assert_eq!(
            found.iter().map(|(level, ..)| *level).collect::<Vec<_>>(),
            [Level::Good, Level::Notice, Level::Notice]
        );
        assert!(found[1].2.contains("a clock ran ahead") && found[2].2.contains("none signs"), "{found:?}");
    }
}
