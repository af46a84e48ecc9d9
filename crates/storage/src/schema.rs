//! The schema state of a database. The adapters read and migrate it.

/// The schema of a database compared with the one that this binary needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Schema {
    /// No tables of this service.
    Empty,
    /// Older than needed: run `migrate`.
    Behind {
        /// The last applied migration.
        at: i64,
        /// The last migration that this binary has.
        needs: i64,
    },
    /// As this binary needs it.
    Current,
    /// Contains tables of another program, which no migration of this service made.
    Foreign,
    /// Newer than this binary, or changed by hand: use a newer binary.
    Ahead {
        /// The last applied migration.
        at: i64,
        /// The last migration that this binary has.
        knows: i64,
    },
}
