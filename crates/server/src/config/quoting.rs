//! Which texts an error may quote: those that can hold no password and no other credential.
//!
//! Knows no setting.

/// The text in quotes; `None` if it may hold a password: an address with one may be set in the wrong setting, or be
/// malformed.
pub(crate) fn quoted(text: &str) -> Option<String> {
    let lower = text.to_lowercase();
    let names_a_secret = ["password", "secret", "sk_live", "sk_test"].iter().any(|it| lower.contains(it));
    let is_plain_place = |place: &str| {
        let authority = place.split('/').next().unwrap_or_default();
        let (host, port) = authority.rsplit_once(':').unwrap_or((authority, ""));
        (!host.contains(':') || host.starts_with('[')) && port.bytes().all(|byte| byte.is_ascii_digit())
    };
    let is_plain = text.split_once("//").is_none_or(|(_, place)| is_plain_place(place) && !place.contains(['?', '#']));
    (is_plain && !names_a_secret && !looks_random(text) && !text.contains('@')).then(|| format!("{text:?}"))
}

/// Whether a text holds what looks like a credential: a JWT, or a run of at least 24 characters in which digits, small
/// and capital letters are mixed.
fn looks_random(text: &str) -> bool {
    let is_of_a_run = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let has = |run: &str, is: fn(&u8) -> bool| run.as_bytes().iter().any(is);
    text.contains("eyJ")
        || text.split(|c| !is_of_a_run(c)).any(|run| {
            run.len() >= 24
                && has(run, u8::is_ascii_digit)
                && has(run, u8::is_ascii_lowercase)
                && has(run, u8::is_ascii_uppercase)
        })
}
