//! Why a key may not be used. The order of the reasons is in [`judge`](crate::judge).

/// Why a key may not be used now, in the contract's order of reasons (section 13).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Unusable {
    /// Revoked, or an account of its chain is closed.
    #[error("revoked")]
    Revoked,
    /// The key, or an account of its chain, is suspended.
    #[error("suspended")]
    Suspended,
    /// The key is not valid yet.
    #[error("not valid yet")]
    NotYetValid,
    /// The key has expired, or a policy has ended it.
    #[error("expired")]
    Expired,
    /// A policy demands a younger secret: a rotation makes the key usable again.
    #[error("due for a rotation of its secret")]
    RotationDue,
}

impl Unusable {
    /// The code in the response.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Revoked => "REVOKED",
            Self::Suspended => "SUSPENDED",
            Self::NotYetValid => "NOT_YET_VALID",
            Self::Expired => "EXPIRED",
            Self::RotationDue => "ROTATION_DUE",
        }
    }
}
