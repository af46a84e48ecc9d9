//! Serde by text form, for the types of the feature `serde`: what `Display` writes, `FromStr` reads.

macro_rules! as_text {
    ($name:ty) => {
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

pub(crate) use as_text;

#[cfg(test)]
mod tests {
    //! Each type is its text, and what is no such text is refused with the type's own words.
    use serde::{Serialize, de::DeserializeOwned};

    use crate::{
        AccountId, Environment, KeyId, KeyStatus, KeyType, Mid, Reason, Role, Scope, SecretForm, Status, Timestamp,
    };

    fn is_its_text<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(value: &T, text: &str) {
        let json = serde_json::to_string(value).unwrap();
        assert_eq!(json, format!("\"{text}\""));
        assert_eq!(&serde_json::from_str::<T>(&json).unwrap(), value);
    }

    #[test]
    fn every_type_of_the_feature_is_its_text() {
        is_its_text(&"key_01h2xcejqtf2nbrexx3vqjhp41".parse::<KeyId>().unwrap(), "key_01h2xcejqtf2nbrexx3vqjhp41");
        is_its_text(
            &"acct_01h2xcejqtf2nbrexx3vqjhp41".parse::<AccountId>().unwrap(),
            "acct_01h2xcejqtf2nbrexx3vqjhp41",
        );
        is_its_text(&"mid_1".parse::<Mid>().unwrap(), "mid_1");
        is_its_text(&"charges:*".parse::<Scope>().unwrap(), "charges:*");
        is_its_text(&"2026-11-23T12:00:00Z".parse::<Timestamp>().unwrap(), "2026-11-23T12:00:00.000Z");
        is_its_text(&KeyType::Tokenization, "tokenization");
        is_its_text(&Environment::Production, "production");
        is_its_text(&Role::Partner, "partner");
        is_its_text(&Status::Suspended, "suspended");
        is_its_text(&KeyStatus::Expired, "expired");
        is_its_text(&Reason::NoLongerNeeded, "no_longer_needed");
        is_its_text(&SecretForm::Argon2id, "argon2id");
    }

    #[test]
    fn what_is_no_such_text_is_refused_with_the_types_own_words() {
        let error = serde_json::from_str::<Mid>("\"key_1\"").unwrap_err().to_string();
        assert!(error.contains("must not start with key_"), "{error}");
        assert!(serde_json::from_str::<Timestamp>("\"today\"").is_err());
        assert!(serde_json::from_str::<Timestamp>("1764000000").is_err());
        assert!(serde_json::from_str::<Role>("\"Partner\"").is_err());
    }
}
