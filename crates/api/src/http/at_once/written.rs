//! What is told of a good key, put together by hand: byte for byte what [`Shown`](crate::http::v1::verify::Shown) gives to
//! serde, in a third of the instructions. Of all texts in it only a key's name may hold what JSON escapes.

use std::io::Write as _;

use keyward_domain::Mid;
use keyward_storage::Credential;

/// The answer about a good key.
pub(super) fn good(found: &Credential) -> Option<Vec<u8>> {
    let (key, own) = (found.key.view(), found.chain.own());
    // Long enough for most: the words between the texts, an identifier, a time, and quotes around each scope.
    let texts = own.mid.as_str().len() + key.name.len() + 2 * key.scopes.as_str().len();
    let mut json = Vec::with_capacity(256 + texts);
    // Writing to a vector cannot fail.
    write!(json, r#"{{"valid":true,"code":"VALID","id":"{}","mid":"#, key.id).ok()?;
    plain(&mut json, own.mid.as_str());
    json.extend_from_slice(br#","partner_mid":"#);
    match found.chain.partner().map(Mid::as_str) {
        Some(mid) => plain(&mut json, mid),
        None => json.extend_from_slice(b"null"),
    }
    json.extend_from_slice(br#","name":"#);
    name(&mut json, key.name)?;
    json.extend_from_slice(br#","type":"#);
    plain(&mut json, key.key_type.as_str());
    json.extend_from_slice(br#","scopes":["#);
    for (place, scope) in key.scopes.iter().enumerate() {
        if place > 0 {
            json.push(b',');
        }
        plain(&mut json, scope);
    }
    json.extend_from_slice(br#"],"expires_at":"#);
    match key.expires_at {
        Some(at) => write!(json, r#""{at}""#).ok()?,
        None => json.extend_from_slice(b"null"),
    }
    json.push(b'}');
    Some(json)
}

/// A text of letters, digits and the few signs of mids, types and scopes.
fn plain(json: &mut Vec<u8>, text: &str) {
    json.push(b'"');
    json.extend_from_slice(text.as_bytes());
    json.push(b'"');
}

/// Any text that people may give a key.
fn name(json: &mut Vec<u8>, text: &str) -> Option<()> {
    if text.bytes().all(|b| b >= b' ' && b != b'"' && b != b'\\') {
        plain(json, text);
        return Some(());
    }
    serde_json::to_writer(json, text).ok()
}
