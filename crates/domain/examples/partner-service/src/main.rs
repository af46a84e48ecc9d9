//! A service of another team that issues keys to its own devices, with the rules of `keyward-domain` and a `HashMap`.
//!
//! The service provides what the domain lacks: the time, fresh ids, random bytes, and storage. The domain provides
//! everything that is easy to get wrong: the key format, hashing, granting of scopes, expiry and revocation.

use std::{collections::HashMap, error::Error};

use keyward_domain::{
    AccountId, Actor, ApiKey, Candidate, Chain, Context, Decision, Environment, KeyId, KeyState, KeyTerms, KeyType,
    KeyValue, Link, MasterKey, Name, Now, Origin, OtherManagerKeys, PresentedValue, Reach, Reason, Requirements,
    Restrictions, RevocationRequest, Role, ScopeSet, SecretForm, SecretHasher, Status, Verdict, judge,
};
use uuid::Uuid;

/// Keys in memory, with the hasher that checks them.
struct Devices {
    keys: HashMap<KeyId, ApiKey>,
    chain: Chain,
    hasher: SecretHasher,
}

/// The outcome of a verification.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Accepted,
    Refused(&'static str),
}

impl Devices {
    fn new(master: &MasterKey) -> Result<Self, Box<dyn Error>> {
        let account = AccountId::from_uuid(Uuid::from_u128(1));
        let (role, status) = (Role::Platform, Status::Active);
        let own = Link { id: account, mid: "devices".parse()?, role, status, policy: None };
        let hasher = SecretHasher::new(master, SecretForm::Hmac);
        Ok(Self { keys: HashMap::new(), chain: Chain::new(own, vec![])?, hasher })
    }

    /// Issues a key to a device and stores only its digest.
    fn issue(
        &mut self,
        id: KeyId,
        name: &str,
        scopes: &str,
        random: [u8; 32],
        now: Now,
    ) -> Result<KeyValue, Box<dyn Error>> {
        let scopes: ScopeSet = scopes.parse()?;
        let terms = KeyTerms::agree(KeyType::Secret, Name::parse(name)?, None, scopes, Restrictions::NONE, now)?;
        let value = KeyValue::mint(KeyType::Secret, Environment::Sandbox, id, random);
        let digest = self.hasher.digest(&value, &[0; 16])?;
        let origin = Origin { id, at: now.recorded(), by: Actor::Operator, pair: None };
        self.keys.insert(id, ApiKey::issue(terms, origin, &self.chain, &value, Some(digest))?);
        Ok(value)
    }

    /// Judges a presented value. An unknown key takes the same comparison as a known one.
    fn verify(&self, shown: &str, scope: &str, now: Now) -> Result<Outcome, Box<dyn Error>> {
        let required = Requirements { scopes: scope.parse()?, ..Requirements::default() };
        let presented = PresentedValue::parse(shown, Environment::Sandbox);
        let found = match &presented {
            Err(error) => Err(*error),
            Ok(presented) => Ok(match self.keys.get(&presented.id()) {
                Some(key) => {
                    let proof = key.prove(presented, &self.hasher)?;
                    Some(Candidate { key: key.view(), chain: &self.chain, scopes: key.view().scopes, proof })
                }
                None => {
                    let _absent = self.hasher.prove_absent(presented);
                    None
                }
            }),
        };
        Ok(match judge(found, None, &required, &Context::at(now)) {
            Verdict::Valid { .. } => Outcome::Accepted,
            Verdict::Invalid { denial, .. } => Outcome::Refused(denial.code()),
        })
    }

    /// Revokes a key.
    fn revoke(&mut self, id: KeyId, now: Now) -> Result<(), Box<dyn Error>> {
        let key = self.keys.get(&id).ok_or("no such device")?;
        let request =
            RevocationRequest { now, by: Actor::Operator, reason: Reason::Compromised, reach: Reach::operator() };
        if let Decision::Revoke(revocation) = key.revoke(&self.chain, &request, OtherManagerKeys::None)? {
            let mut facts = key.facts().clone();
            facts.state = KeyState::Revoked(revocation);
            self.keys.insert(id, ApiKey::restore(facts)?);
        }
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    // A real service reads these from a file and from the operating system.
    let mut devices = Devices::new(&MasterKey::from_bytes(&[42; 32])?)?;
    let now = Now::exact("2026-11-23T12:00:00Z".parse()?);
    let id = KeyId::from_uuid(Uuid::from_u128(2));

    let value = devices.issue(id, "Till 7", "payments:*", [7; 32], now)?;
    println!("{id}: {:?}", devices.verify(value.expose(), "payments:read", now)?);
    devices.revoke(id, now)?;
    println!("{id}: {:?}", devices.verify(value.expose(), "payments:read", now)?);
    Ok(())
}

#[cfg(test)]
mod tests {
    //! The rules also hold outside Keyward.
    use super::*;

    #[test]
    fn a_device_is_accepted_for_its_scopes_until_its_key_is_revoked() -> Result<(), Box<dyn Error>> {
        let mut devices = Devices::new(&MasterKey::from_bytes(&[1; 32])?)?;
        let now = Now::exact("2026-11-23T12:00:00Z".parse()?);
        let id = KeyId::from_uuid(Uuid::from_u128(2));
        let value = devices.issue(id, "Till 7", "payments:*", [7; 32], now)?;
        let other = KeyValue::mint(KeyType::Secret, Environment::Sandbox, id, [8; 32]);
        let unknown = KeyValue::mint(KeyType::Secret, Environment::Sandbox, KeyId::from_uuid(Uuid::nil()), [7; 32]);
        assert_eq!(devices.verify(value.expose(), "payments:read", now)?, Outcome::Accepted);
        assert_eq!(devices.verify(value.expose(), "refunds:read", now)?, Outcome::Refused("INSUFFICIENT_SCOPE"));
        assert_eq!(devices.verify(other.expose(), "payments:read", now)?, Outcome::Refused("NOT_FOUND"));
        assert_eq!(devices.verify(unknown.expose(), "payments:read", now)?, Outcome::Refused("NOT_FOUND"));
        assert_eq!(devices.verify("nonsense", "payments:read", now)?, Outcome::Refused("NOT_FOUND"));
        devices.revoke(id, now)?;
        assert_eq!(devices.verify(value.expose(), "payments:read", now)?, Outcome::Refused("REVOKED"));
        Ok(())
    }
}
