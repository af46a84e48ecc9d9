//! Section `verifier`: how long a lease lasts, and how much is kept in memory.

use keyward_verifier::protocol::LeaseConfig;

use super::{reader::Reader, values};

/// Settings of verification from memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Verifier {
    /// The lease and the times derived from it.
    pub(crate) terms: LeaseConfig,
    /// Maximum bytes of keys and accounts in memory.
    pub(crate) cache_bytes: u64,
}

impl Verifier {
    pub(super) fn read(reader: &mut Reader) -> Self {
        let bytes = reader.read("verifier.cache_bytes", cache_bytes).unwrap_or(256 * 1024 * 1024);
        Self { terms: reader.read("verifier.profile", profile).unwrap_or(LeaseConfig::DEFAULT), cache_bytes: bytes }
    }
}

/// A profile of leases (section 2.8 of the protocol).
fn profile(text: &str) -> values::Parsed<LeaseConfig> {
    match text {
        "quick" => Ok(LeaseConfig::QUICK),
        "default" => Ok(LeaseConfig::DEFAULT),
        "ha" => Err("quick or default; ha, for databases that fail over, is not yet proven"),
        _ => Err("quick or default"),
    }
}

fn cache_bytes(text: &str) -> values::Parsed<u64> {
    const EXPECTED: &str = "a whole number of bytes from 1048576 on";
    text.parse().ok().filter(|bytes| *bytes >= 1 << 20).ok_or(EXPECTED)
}
