//! The path of the call for gateways. It alone decides which type of key is accepted, because only the gateway writes
//! it.
//!
//! Reads the raw path and decodes nothing.

use keyward_domain::KeyType;

/// One of the paths of the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) struct AuthPath {
    /// The accepted type of key.
    pub(in crate::http) key_type: KeyType,
    /// Whether more follows. Then neither that nor the query is read: a gateway appended its client's path.
    pub(in crate::http) has_tail: bool,
}

impl AuthPath {
    /// All of them, in the order of their [`number`](Self::number).
    pub(in crate::http) const ALL: [Self; 6] = [
        Self { key_type: KeyType::Secret, has_tail: false },
        Self { key_type: KeyType::Secret, has_tail: true },
        Self { key_type: KeyType::Public, has_tail: false },
        Self { key_type: KeyType::Public, has_tail: true },
        Self { key_type: KeyType::Tokenization, has_tail: false },
        Self { key_type: KeyType::Tokenization, has_tail: true },
    ];

    /// Reads the path of a request; `None` if it belongs to another call.
    pub(in crate::http) fn read(path: &str) -> Option<Self> {
        let rest = path.strip_prefix("/v1/auth")?;
        let (key_type, rest) = if let Some(rest) = rest.strip_prefix("-public") {
            (KeyType::Public, rest)
        } else if let Some(rest) = rest.strip_prefix("-tokenization") {
            (KeyType::Tokenization, rest)
        } else {
            (KeyType::Secret, rest)
        };
        match rest.as_bytes() {
            [] => Some(Self { key_type, has_tail: false }),
            [b'/', ..] => Some(Self { key_type, has_tail: true }),
            _ => None,
        }
    }

    /// Index in [`ALL`](Self::ALL).
    pub(in crate::http) const fn number(self) -> usize {
        let first = match self.key_type {
            KeyType::Secret => 0,
            KeyType::Public => 2,
            KeyType::Tokenization => 4,
        };
        if self.has_tail { first + 1 } else { first }
    }

    /// Route template, for logs and metrics.
    pub(in crate::http) const fn route(self) -> &'static str {
        match (self.key_type, self.has_tail) {
            (KeyType::Secret, false) => "/v1/auth",
            (KeyType::Secret, true) => "/v1/auth/{*rest}",
            (KeyType::Public, false) => "/v1/auth-public",
            (KeyType::Public, true) => "/v1/auth-public/{*rest}",
            (KeyType::Tokenization, false) => "/v1/auth-tokenization",
            (KeyType::Tokenization, true) => "/v1/auth-tokenization/{*rest}",
        }
    }
}

#[cfg(test)]
mod tests {
    //! Each path is recognized, and no other is.
    use super::*;

    #[test]
    fn every_path_is_read_as_itself() {
        for (n, path) in AuthPath::ALL.into_iter().enumerate() {
            assert_eq!(path.number(), n);
            assert_eq!(AuthPath::read(path.route()), Some(path), "{}", path.route());
        }
        for path in ["/v1/aut", "/v1/authx", "/v1/auth-", "/v1/auth-secret", "/v1/auth-publicx", "/v1/auth%2f", "auth"]
        {
            assert_eq!(AuthPath::read(path), None, "{path}");
        }
    }
}
