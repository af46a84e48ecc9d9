//! Seals with a key derived from the master key: XChaCha20-Poly1305 with a random nonce.
//!
//! The purpose and place of a sealed text are bound to it as associated data, so it cannot be used for another.

use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use keyward_domain::{KeyVersion, MasterKey, Purpose};
use zeroize::Zeroizing;

const NONCE_LEN: usize = 24;

/// Seals and opens for one purpose, under every version of the master key.
pub(super) struct Sealer {
    ciphers: Vec<(KeyVersion, XChaCha20Poly1305)>,
}

impl Sealer {
    pub(super) fn new(master: &MasterKey, purpose: Purpose) -> Self {
        let cipher = |version| {
            let key = master.derive(purpose, version)?;
            Some((version, XChaCha20Poly1305::new_from_slice(key.as_slice()).ok()?))
        };
        Self { ciphers: master.versions().filter_map(cipher).collect() }
    }

    /// Returns the version in two bytes, the nonce and the sealed text. `None` only if the library refuses.
    pub(super) fn seal(&self, plain: &[u8], context: &[u8], nonce: [u8; NONCE_LEN]) -> Option<Vec<u8>> {
        let (version, cipher) = self.ciphers.last()?;
        let sealed = cipher.encrypt(&XNonce::from(nonce), Payload { msg: plain, aad: context }).ok()?;
        let mut bytes = version.number().to_be_bytes().to_vec();
        bytes.extend_from_slice(&nonce);
        bytes.extend_from_slice(&sealed);
        Some(bytes)
    }

    /// Opens a text that [`Sealer::seal`] made for the same context. Returns `None` for anything else.
    pub(super) fn open(&self, bytes: &[u8], context: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (version, rest) = bytes.split_first_chunk::<2>()?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE_LEN>()?;
        let version = u16::from_be_bytes(*version);
        let (_, cipher) = self.ciphers.iter().find(|(known, _)| known.number() == version)?;
        cipher.decrypt(&XNonce::from(*nonce), Payload { msg: sealed, aad: context }).ok().map(Zeroizing::new)
    }
}

#[cfg(test)]
mod tests {
    //! A sealed text opens only in its own context.
    use super::*;

    fn master(versions: &[u8]) -> MasterKey {
        MasterKey::from_bytes(&versions.iter().flat_map(|n| [*n; 32]).collect::<Vec<_>>()).ok().unwrap()
    }

    #[test]
    fn a_sealed_text_opens_only_in_its_own_context() {
        let sealer = Sealer::new(&master(&[1]), Purpose::RefreshTokens);
        let text = sealer.seal(b"secret", b"here", [3; 24]).unwrap();
        assert_eq!(sealer.open(&text, b"here").unwrap().as_slice(), b"secret");
        assert!(sealer.open(&text, b"there").is_none());
        assert!(Sealer::new(&master(&[1]), Purpose::SigningKeys).open(&text, b"here").is_none());
        assert!(Sealer::new(&master(&[2]), Purpose::RefreshTokens).open(&text, b"here").is_none());
        for at in 0..text.len() {
            let mut forged = text.clone();
            forged[at] ^= 1;
            assert!(sealer.open(&forged, b"here").is_none(), "byte {at}");
        }
        for len in 0..text.len() {
            assert!(sealer.open(&text[..len], b"here").is_none(), "{len} bytes");
        }
    }

    #[test]
    fn a_new_version_of_the_master_key_still_opens_what_the_old_one_sealed() {
        let sealed = Sealer::new(&master(&[1]), Purpose::RefreshTokens).seal(b"x", b"", [0; 24]).unwrap();
        let newer = Sealer::new(&master(&[1, 2]), Purpose::RefreshTokens);
        assert!(newer.open(&sealed, b"").is_some());
        assert_eq!(newer.seal(b"x", b"", [0; 24]).unwrap()[..2], [0, 2]);
    }
}
