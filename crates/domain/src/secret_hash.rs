//! Stores and proves secret values: HMAC-SHA-256 under a versioned pepper, or argon2id.
//!
//! HMAC is the default because a 256-bit random value gains nothing from a slow hash (NIST SP 800-63B and OWASP ASVS
//! 6.5.2 say so from 112 bits on). argon2id is for secrets whose entropy we did not choose, and for installations whose
//! auditors require a password hash everywhere. Both forms are always accepted. Nothing here stores anything, and no
//! digest can be turned back into a value.

use std::fmt;

use argon2::{
    Argon2,
    password_hash::{PasswordHasher as _, PasswordVerifier as _, phc::PasswordHash},
};
use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

use crate::{
    key_value::{KeyValue, PresentedValue},
    master_key::{KeyVersion, MasterKey, Purpose},
    text_enum::text_enum,
};

/// Hash function for new secrets: the setting `secret_hash`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretForm {
    /// HMAC-SHA-256 under the newest pepper: about 0.2 µs per check.
    Hmac,
    /// argon2id with 19 MiB, two passes, one lane (OWASP's minimum): about 20 ms per check.
    Argon2id,
}

text_enum!(SecretForm, "hmac, argon2id", Hmac = "hmac", Argon2id = "argon2id");

/// The stored digest of a secret. Prints as `[REDACTED]`: an attacker could test guesses against a digest.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretDigest(Form);

#[derive(Clone, PartialEq, Eq)]
enum Form {
    Hmac(HmacDigest),
    Argon2id { phc: Box<str> },
}

/// A digest by HMAC-SHA-256: 34 bytes without padding. Only [`SecretHasher`] and [`SecretDigest::decode`] make one.
/// Prints as `[REDACTED]`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct HmacDigest {
    pepper: KeyVersion,
    mac: [u8; 32],
}

impl fmt::Debug for HmacDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[REDACTED]")
    }
}

impl fmt::Debug for SecretDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[REDACTED]")
    }
}

/// A borrowed digest, by its form: of a [`SecretDigest`], or of a cached key that packs it. Prints as `[REDACTED]`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum DigestRef<'a> {
    /// HMAC-SHA-256.
    Hmac(&'a HmacDigest),
    /// A PHC string of argon2id, parsed when a value is proved against it.
    Argon2id(&'a str),
    /// Valid in this process only; replaces a digest that is slow to check.
    Remembered(&'a Remembered),
}

impl fmt::Debug for DigestRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[REDACTED]")
    }
}

impl<'a> From<&'a SecretDigest> for DigestRef<'a> {
    fn from(digest: &'a SecretDigest) -> Self {
        match &digest.0 {
            Form::Hmac(digest) => Self::Hmac(digest),
            Form::Argon2id { phc } => Self::Argon2id(phc),
        }
    }
}

impl DigestRef<'_> {
    /// Whether a check takes milliseconds of a core and 19 MiB. Such work must not run on request threads.
    #[must_use]
    pub const fn is_slow(self) -> bool {
        matches!(self, Self::Argon2id(_))
    }

    /// The stored digest; none if this one is valid in this process only.
    #[must_use]
    pub fn stored(self) -> Option<SecretDigest> {
        match self {
            Self::Hmac(digest) => Some(SecretDigest(Form::Hmac(*digest))),
            Self::Argon2id(phc) => Some(SecretDigest(Form::Argon2id { phc: phc.into() })),
            Self::Remembered(_) => None,
        }
    }
}

/// MAC of a value that was proved against a slow digest, kept in memory instead of it. Only [`SecretHasher::remember`]
/// makes one. Prints as `[REDACTED]`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Remembered([u8; 32]);

impl fmt::Debug for Remembered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[REDACTED]")
    }
}

/// A stored digest that this node cannot check. Never a verdict on the secret: the failure is the service's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DigestError {
    /// Not in a supported format.
    #[error("the stored digest has a format that this version does not support")]
    Unreadable,
    /// Made under a master key version that this node does not have.
    #[error("the stored digest needs version {} of the master key, which this node does not have", .0.number())]
    MissingPepper(KeyVersion),
}

impl SecretDigest {
    /// Parses the stored form: `$hmac-sha256$v=1$…` or a PHC string of argon2id.
    ///
    /// # Errors
    /// [`DigestError::Unreadable`] for anything else.
    pub fn decode(text: &str) -> Result<Self, DigestError> {
        if text.starts_with("$argon2id$") {
            PasswordHash::new(text).map_err(|_| DigestError::Unreadable)?;
            return Ok(Self(Form::Argon2id { phc: text.into() }));
        }
        let rest = text.strip_prefix("$hmac-sha256$v=").ok_or(DigestError::Unreadable)?;
        let (version, mac) = rest.split_once('$').ok_or(DigestError::Unreadable)?;
        let pepper = version.parse().ok().and_then(KeyVersion::new).ok_or(DigestError::Unreadable)?;
        let mac = STANDARD_NO_PAD.decode(mac).ok().and_then(|mac| mac.try_into().ok());
        Ok(Self(Form::Hmac(HmacDigest { pepper, mac: mac.ok_or(DigestError::Unreadable)? })))
    }

    /// The stored form. For the database only.
    #[must_use]
    pub fn encode(&self) -> String {
        match &self.0 {
            Form::Hmac(HmacDigest { pepper, mac }) => {
                format!("$hmac-sha256$v={}${}", pepper.number(), STANDARD_NO_PAD.encode(mac))
            }
            Form::Argon2id { phc } => phc.clone().into(),
        }
    }

    /// Whether a check takes milliseconds of a core and 19 MiB. Such work must not run on request threads.
    #[must_use]
    pub const fn is_slow(&self) -> bool {
        matches!(self.0, Form::Argon2id { .. })
    }
}

/// Whether a presented value matches the stored one. Only a comparison, or one of the service's own signatures, makes
/// one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub struct Proof(bool);

impl Proof {
    pub(crate) const fn from_comparison(equal: bool) -> Self {
        Self(equal)
    }

    /// The proof for a token signed by the service, which replaces the value of the key. Pass the result of the
    /// signature check.
    pub const fn by_signature(good: bool) -> Self {
        Self(good)
    }

    /// Whether the value or signature matches.
    #[must_use]
    pub const fn holds(self) -> bool {
        self.0
    }
}

/// Makes and checks digests with the peppers of one master key. Cannot be printed.
pub struct SecretHasher {
    /// One prepared HMAC per version, oldest first.
    peppers: Vec<Hmac<Sha256>>,
    newest: KeyVersion,
    form: SecretForm,
    /// Keyed for this process only; without it, the hasher remembers nothing.
    memory: Option<Hmac<Sha256>>,
}

impl SecretHasher {
    /// A hasher with all versions of this master key. New digests have this form.
    #[must_use]
    pub fn new(master: &MasterKey, form: SecretForm) -> Self {
        let prepare = |version| {
            let pepper = master.derive(Purpose::Pepper, version)?;
            Hmac::new_from_slice(pepper.as_slice()).ok()
        };
        Self { peppers: master.versions().filter_map(prepare).collect(), newest: master.newest(), form, memory: None }
    }

    /// The same hasher, which can also remember values that are slow to prove. `process_key` must be random and used by
    /// this process only.
    #[must_use]
    pub fn remembering(mut self, process_key: &[u8; 32]) -> Self {
        self.memory = Hmac::new_from_slice(process_key).ok();
        self
    }

    /// MAC to keep in memory for a value that was just proved against a slow digest; none without a process key.
    #[must_use]
    pub fn remember(&self, proved: &PresentedValue<'_>) -> Option<Remembered> {
        let mut mac = self.memory.clone()?;
        mac.update(proved.expose().as_bytes());
        Some(Remembered(mac.finalize().into_bytes().into()))
    }

    /// The digest to store for a new value. `salt` must be random; only argon2id uses it.
    ///
    /// # Errors
    /// [`DigestError::MissingPepper`] cannot happen with a hasher made from a master key. It exists because a service
    /// must not panic over a secret.
    pub fn digest(&self, value: &KeyValue, salt: &[u8; 16]) -> Result<SecretDigest, DigestError> {
        self.digest_text(value.expose(), salt)
    }

    /// The digest that replaces an outdated one, for a value that was just proved.
    ///
    /// # Errors
    /// As [`SecretHasher::digest`].
    pub fn rehash(&self, proved: &PresentedValue<'_>, salt: &[u8; 16]) -> Result<SecretDigest, DigestError> {
        self.digest_text(proved.expose(), salt)
    }

    fn digest_text(&self, text: &str, salt: &[u8; 16]) -> Result<SecretDigest, DigestError> {
        match self.form {
            SecretForm::Hmac => {
                let mac = self.mac(self.newest, text)?;
                Ok(SecretDigest(Form::Hmac(HmacDigest { pepper: self.newest, mac })))
            }
            SecretForm::Argon2id => {
                let hash = Argon2::default().hash_password_with_salt(text.as_bytes(), salt);
                let phc = hash.map_err(|_| DigestError::Unreadable)?.to_string().into();
                Ok(SecretDigest(Form::Argon2id { phc }))
            }
        }
    }

    /// Compares a presented value with a stored digest, in constant time.
    ///
    /// # Errors
    /// [`DigestError`] if this node cannot check the digest. This is never a verdict.
    pub fn prove<'a>(
        &self,
        presented: &PresentedValue<'_>,
        digest: impl Into<DigestRef<'a>>,
    ) -> Result<Proof, DigestError> {
        match digest.into() {
            DigestRef::Hmac(HmacDigest { pepper, mac }) => {
                let presented = self.mac(*pepper, presented.expose())?;
                Ok(Proof(presented.ct_eq(mac).into()))
            }
            DigestRef::Remembered(Remembered(mac)) => {
                let presented = self.remember(presented).ok_or(DigestError::Unreadable)?;
                Ok(Proof(presented.0.ct_eq(mac).into()))
            }
            DigestRef::Argon2id(phc) => {
                let stored = PasswordHash::new(phc).map_err(|_| DigestError::Unreadable)?;
                match Argon2::default().verify_password(presented.expose().as_bytes(), &stored) {
                    Ok(()) => Ok(Proof(true)),
                    Err(argon2::password_hash::Error::PasswordInvalid) => Ok(Proof(false)),
                    Err(_) => Err(DigestError::Unreadable),
                }
            }
        }
    }

    /// Does the work of [`SecretHasher::prove`] for a key that does not exist, so that a missing key takes as long as a
    /// digest of the current form.
    pub fn prove_absent(&self, presented: &PresentedValue<'_>) -> Proof {
        let made = self.digest_text(presented.expose(), &[0; 16]);
        let equal = made.is_ok_and(|made| made.encode().as_bytes().ct_eq(&[0; 32]).into());
        // Nothing is stored, so nothing can match; the comparison only takes the same time.
        Proof(equal && false_but_opaque())
    }

    /// Whether [`SecretHasher::prove_absent`] takes milliseconds of a core and 19 MiB.
    #[must_use]
    pub const fn absence_is_slow(&self) -> bool {
        matches!(self.form, SecretForm::Argon2id)
    }

    /// Whether to replace a digest when its value is next proved: if it has the other form, an older pepper, or other
    /// costs than the current ones.
    #[must_use]
    pub fn needs_rehash<'a>(&self, digest: impl Into<DigestRef<'a>>) -> bool {
        match (digest.into(), self.form) {
            // Checked when the value was proved.
            (DigestRef::Remembered(_), _) => false,
            (DigestRef::Hmac(HmacDigest { pepper, .. }), SecretForm::Hmac) => *pepper != self.newest,
            (DigestRef::Argon2id(phc), SecretForm::Argon2id) => !has_current_costs(phc),
            (DigestRef::Hmac(_), SecretForm::Argon2id) | (DigestRef::Argon2id(_), SecretForm::Hmac) => true,
        }
    }

    fn mac(&self, version: KeyVersion, text: &str) -> Result<[u8; 32], DigestError> {
        let prepared = usize::from(version.number()).checked_sub(1).and_then(|at| self.peppers.get(at));
        let mut mac = prepared.ok_or(DigestError::MissingPepper(version))?.clone();
        mac.update(text.as_bytes());
        Ok(mac.finalize().into_bytes().into())
    }
}

/// Prevents the compiler from removing the comparison whose result is unused.
fn false_but_opaque() -> bool {
    std::hint::black_box(false)
}

fn has_current_costs(phc: &str) -> bool {
    PasswordHash::new(phc).ok().and_then(|hash| argon2::Params::try_from(&hash).ok()).is_some_and(|params| {
        let current = argon2::Params::default();
        (params.m_cost(), params.t_cost(), params.p_cost()) == (current.m_cost(), current.t_cost(), current.p_cost())
    })
}

#[cfg(test)]
#[path = "secret_hash/tests.rs"]
mod tests;
