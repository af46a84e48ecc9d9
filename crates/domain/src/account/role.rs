//! The closed sets of values that describe an account. Decides nothing but which role may be below which.

use crate::text_enum::text_enum;

/// An account's place in the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// The one account at the root.
    Platform,
    /// An account that manages merchants.
    Partner,
    /// A leaf account.
    Merchant,
}

/// An account's status. Its keys work only while it and all its ancestors are active (rule 8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// Keys work.
    Active,
    /// Keys do not work; may be resumed.
    Suspended,
    /// Permanently ended.
    Closed,
}

text_enum!(Role, "platform, partner, merchant", Platform = "platform", Partner = "partner", Merchant = "merchant");
text_enum!(Status, "active, suspended, closed", Active = "active", Suspended = "suspended", Closed = "closed");

impl Role {
    /// Whether an account of this role may be a direct child of a `parent` account: partners of the platform, merchants
    /// of either. A tree is therefore at most three accounts deep.
    #[must_use]
    pub const fn may_stand_below(self, parent: Self) -> bool {
        match self {
            Self::Platform => false,
            Self::Partner => matches!(parent, Self::Platform),
            Self::Merchant => matches!(parent, Self::Platform | Self::Partner),
        }
    }
}

/// The level of a caller above an account, lowest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// The partner of a merchant.
    Partner,
    /// The platform.
    Platform,
    /// The command line.
    Operator,
}

text_enum!(Level, "partner, platform, operator", Partner = "partner", Platform = "platform", Operator = "operator");
