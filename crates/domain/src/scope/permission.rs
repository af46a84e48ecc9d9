//! Permissions of callers on this service itself: its own, closed vocabulary of scopes.

/// A permission that a caller needs on this service itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Permission {
    /// Create and revoke keys and pairs.
    WriteKeys,
    /// Get and list keys, query whether a revocation is enforced.
    ReadKeys,
    /// Verify keys.
    VerifyKeys,
    /// List and get merchants.
    ReadMerchants,
    /// Register, suspend, resume and close merchants.
    WriteMerchants,
}

impl Permission {
    /// All permissions.
    pub const ALL: [Self; 5] =
        [Self::WriteKeys, Self::ReadKeys, Self::VerifyKeys, Self::ReadMerchants, Self::WriteMerchants];

    /// The scope that grants this permission.
    #[must_use]
    pub const fn scope(self) -> &'static str {
        match self {
            Self::WriteKeys => "api-keys:write",
            Self::ReadKeys => "api-keys:read",
            Self::VerifyKeys => "api-keys:verify",
            Self::ReadMerchants => "merchants:read",
            Self::WriteMerchants => "merchants:write",
        }
    }
}
