//! Settings of the use cases. The process that starts them has parsed and checked them.

use std::time::Duration;

use keyward_domain::Environment;

/// Settings of the use cases.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Sandbox or production.
    pub environment: Environment,
    /// Base URL for clients, without a trailing slash.
    pub public_url: String,
    /// Issuer of access tokens; the same on all nodes and after every restart.
    pub issuer: String,
    /// Audience of access tokens.
    pub token_audience: String,
    /// Whether partners may choose the mids of merchants that they register.
    pub partners_name_mids: bool,
    /// Lifetime of a refresh family from its first token.
    pub refresh_family_life: Duration,
    /// Allowed failures a minute per source, and per `AppKey` and source at the token endpoint.
    pub failed_attempts_per_minute: u32,
}

impl Settings {
    /// The path of `public_url`, without a trailing slash; empty if it has none. Every path that a client receives
    /// begins with it.
    #[must_use]
    pub fn path_prefix(&self) -> &str {
        let (_, place) = self.public_url.split_once("://").unwrap_or_default();
        place.find('/').map_or("", |slash| &place[slash..])
    }
}
