//! Serde as text, for the types of the feature `serde`: serialises with `Display`, deserialises with `FromStr`.

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
    //! Each type serialises as its text and rejects any other text with its own error message.
    use serde::{Serialize, de::DeserializeOwned};

    use crate::{
        AccountId, Environment, KeyId, KeyStatus, KeyType, Mid, Reason, Role, Scope, SecretForm, Status, Timestamp,
    };

    fn assert_text_form<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(value: &T, text: &str) {
        let json = serde_json::to_string(value).unwrap();
        assert_eq!(json, format!("\"{text}\""));
        assert_eq!(&serde_json::from_str::<T>(&json).unwrap(), value);
    }

    #[test]
    fn every_type_of_the_feature_serialises_as_its_text() {
        assert_text_form(&"key_01h2xcejqtf2nbrexx3vqjhp41".parse::<KeyId>().unwrap(), "key_01h2xcejqtf2nbrexx3vqjhp41");
        assert_text_form(
            &"acct_01h2xcejqtf2nbrexx3vqjhp41".parse::<AccountId>().unwrap(),
            "acct_01h2xcejqtf2nbrexx3vqjhp41",
        );
        assert_text_form(&"mid_1".parse::<Mid>().unwrap(), "mid_1");
        assert_text_form(&"charges:*".parse::<Scope>().unwrap(), "charges:*");
        assert_text_form(&"2026-11-23T12:00:00Z".parse::<Timestamp>().unwrap(), "2026-11-23T12:00:00.000Z");
        assert_text_form(&KeyType::Tokenization, "tokenization");
        assert_text_form(&Environment::Production, "production");
        assert_text_form(&Role::Partner, "partner");
        assert_text_form(&Status::Suspended, "suspended");
        assert_text_form(&KeyStatus::Expired, "expired");
        assert_text_form(&Reason::NoLongerNeeded, "no_longer_needed");
        assert_text_form(&SecretForm::Argon2id, "argon2id");
    }

    #[test]
    fn an_invalid_text_is_refused_with_the_types_own_message() {
        let error = serde_json::from_str::<Mid>("\"key_1\"").unwrap_err().to_string();
        assert!(error.contains("must not start with key_"), "{error}");
        assert!(serde_json::from_str::<Timestamp>("\"today\"").is_err());
        assert!(serde_json::from_str::<Timestamp>("1764000000").is_err());
        assert!(serde_json::from_str::<Role>("\"Partner\"").is_err());
    }
}
