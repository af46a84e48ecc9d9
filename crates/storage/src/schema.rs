//! How the schema of a database stands. It is read and brought up by the adapters.

/// How the schema of a database compares with what this binary needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Schema {
    /// No table of ours is there.
    Empty,
    /// Older: `migrate` brings it up.
    Behind {
        /// The last migration that was applied.
        at: i64,
        /// The last one that this binary knows.
        needs: i64,
    },
    /// What this binary needs.
    Current,
    /// Another program's: tables that no migration of ours made.
    Foreign,
    /// Newer than this binary, or changed by hand: a newer binary is needed.
    Ahead {
        /// The last migration that was applied.
        at: i64,
        /// The last one that this binary knows.
        knows: i64,
    },
}
