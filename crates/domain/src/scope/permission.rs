//! What callers of this service itself may be allowed to do: its own, closed vocabulary of scopes.

/// What a caller of this service itself must be allowed to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Permission {
    /// Create and revoke keys and pairs.
    WriteKeys,
    /// Get and list keys, ask whether a revocation is enforced.
    ReadKeys,
    /// Verify keys.
    VerifyKeys,
    /// List and get merchants.
    ReadMerchants,
    /// Register, suspend, resume and close merchants.
    WriteMerchants,
}

impl Permission {
    /// Every permission there is.
    pub const ALL: [Self; 5] =
        [Self::WriteKeys, Self::ReadKeys, Self::VerifyKeys, Self::ReadMerchants, Self::WriteMerchants];

    /// The scope that grants it.
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
