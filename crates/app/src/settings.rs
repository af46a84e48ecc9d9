//! Settings that use cases depend on. Parsed and checked by whoever starts the process.

use std::time::Duration;

use keyward_domain::Environment;

/// Settings that use cases depend on.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Which of the two deployments this is.
    pub environment: Environment,
    /// Where clients reach the service, without a slash at the end.
    pub public_url: String,
    /// The issuer of access tokens: all nodes and all restarts have the same.
    pub issuer: String,
    /// For whom access tokens are meant.
    pub token_audience: String,
    /// Whether partners may choose the mids of the merchants that they register.
    pub partners_name_mids: bool,
    /// How long a family of refresh tokens lives from its first token.
    pub refresh_family_life: Duration,
    /// How many failed attempts a minute are let through per source, and per `AppKey` and source at the token endpoint.
    pub failed_attempts_per_minute: u32,
}

impl Settings {
    /// The path of `public_url`, without a slash at the end; empty if it has none. Every path of ours that a client is
    /// given begins with it.
    #[must_use]
    pub fn path_prefix(&self) -> &str {
        let (_, place) = self.public_url.split_once("://").unwrap_or_default();
        place.find('/').map_or("", |slash| &place[slash..])
    }
}
