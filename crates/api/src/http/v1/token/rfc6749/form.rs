//! The form of a token request, read like every other body: by folded names, each parameter once.
//!
//! What RFC 6749 adds is here: a parameter without a value counts as absent, one that is not known is ignored, and none
//! may be repeated (section 3.2). Never judges a value: `rfc6749` does.

use std::borrow::Cow;

use serde::Deserialize;

use crate::http::{
    fields::{Fields, Form},
    given::{self, Check, Credential, Given},
    problem::Problem,
};

/// The parameters as they came. Any other is ignored, because nothing denies unknown members.
#[derive(Deserialize)]
struct TokenForm {
    grant_type: Option<Given<String>>,
    client_id: Option<Given<String>>,
    client_secret: Option<Given<Credential>>,
    scope: Option<Given<String>>,
    refresh_token: Option<Given<Credential>>,
}

/// The parameters of a request, none of them empty.
pub(super) struct Parameters {
    pub(super) grant_type: Option<String>,
    pub(super) client_id: Option<String>,
    pub(super) client_secret: Option<Credential>,
    pub(super) scope: Option<String>,
    pub(super) refresh_token: Option<Credential>,
}

impl TokenForm {
    fn check(self) -> Result<Parameters, Problem> {
        let mut check = Check::default();
        let parameters = Parameters {
            grant_type: check.field("grant_type", self.grant_type),
            client_id: check.field("client_id", self.client_id),
            client_secret: check.field("client_secret", self.client_secret),
            scope: check.field("scope", self.scope),
            refresh_token: check.field("refresh_token", self.refresh_token),
        };
        check.finish(|| Some(parameters))
    }
}

impl Parameters {
    /// Reads the body of a request. A leading byte order mark is skipped, as before JSON.
    ///
    /// # Errors
    /// What is wrong with the form.
    pub(super) fn read(body: &[u8]) -> Result<Self, Cow<'static, str>> {
        let body = body.strip_prefix("\u{feff}".as_bytes()).unwrap_or(body);
        let pairs: Vec<(String, String)> =
            serde_urlencoded::from_bytes(body).map_err(|_| Cow::Borrowed("the body must be a form"))?;
        let mut form = Form::default();
        for (name, value) in pairs.into_iter().filter(|(_, value)| !value.is_empty()) {
            form.add(name, value);
        }
        let fields = Fields::form(form);
        let is_repeated = fields.has_repeated();
        let checked = given::read::<TokenForm>(fields).map_err(Problem::from).and_then(TokenForm::check);
        let parameters = checked.map_err(|problem| Cow::Owned(problem.first_error().unwrap_or_default()))?;
        // A known parameter is named above; the name of any other may hold anything.
        if is_repeated { Err(Cow::Borrowed("a field must be given once")) } else { Ok(parameters) }
    }
}

#[cfg(test)]
mod tests {
    //! What RFC 6749 says of parameters.
    use super::*;

    fn scope(form: &str) -> Result<Option<String>, Cow<'static, str>> {
        Parameters::read(form.as_bytes()).map(|parameters| parameters.scope)
    }

    #[test]
    fn a_parameter_is_known_by_any_spelling_and_absent_if_empty() {
        for (form, value) in [
            ("", None),
            ("scope=", None),
            ("scope=&scope=", None),
            ("scope=&scope=a&scope=", Some("a")),
            ("Scope=a+b", Some("a b")),
            ("SCOPE[]=+", Some(" ")),
            ("\u{feff}scope=a", Some("a")),
            ("scope=a&unknown=&unknown=x&audience=y&=z", Some("a")),
        ] {
            assert_eq!(scope(form).unwrap().as_deref(), value, "{form}");
        }
        let credentials = Parameters::read(b"clientSecret=+s%0A&refresh-token=+r&client_id=+i&GrantType=+g").unwrap();
        assert_eq!(credentials.client_secret.unwrap().as_str(), "s");
        assert_eq!(credentials.refresh_token.unwrap().as_str(), "r");
        assert_eq!((credentials.client_id.as_deref(), credentials.grant_type.as_deref()), (Some(" i"), Some(" g")));
    }

    #[test]
    fn a_repeated_parameter_is_refused_whether_known_or_not() {
        for (form, message) in [
            ("scope=a&scope=a", "scope must be given once"),
            ("scope=a&SCOPE=a", "scope must be given once"),
            ("client-id=a&client_id=b", "client_id must be given once"),
            ("x=1&x=1&scope=a&scope=b", "scope must be given once"),
            ("scope=a&x=1&x=2", "a field must be given once"),
            ("x_y=1&xY=2", "a field must be given once"),
        ] {
            assert_eq!(scope(form).unwrap_err(), message, "{form}");
        }
    }
}
