//! The OpenAPI 3.1 document: made from the handlers' own annotations, completed here with what all of them share.

use std::collections::BTreeMap;

use keyward_domain::KeyType;
use utoipa::{
    IntoResponses, PartialSchema as _, ToSchema as _,
    openapi::{
        ContentBuilder, HeaderBuilder, InfoBuilder, LicenseBuilder, OpenApi, RefOr, Response, ResponseBuilder, Server,
        schema::{ComponentsBuilder, Ref},
        security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme},
    },
};

use super::{
    problem::ProblemBody,
    v1::{self, token::rfc6749::ErrorView},
};

const BEARER: &str = "bearer";

/// The problems that any operation may answer with.
pub(super) struct Problems;

impl IntoResponses for Problems {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        [
            ("400", "The request is not valid: `errors` names everything that is wrong."),
            ("401", "The credential is missing or not valid."),
            ("403", "The credential does not allow this."),
            ("404", "There is no such thing, or the caller does not reach it."),
            ("409", "The state of the key or the account does not allow this."),
            ("413", "The body is too large."),
            ("415", "The content type is not supported."),
            ("429", "Too many wrong credentials, or too many of the caller's own requests at the same time."),
            ("500", "A defect of ours."),
            ("503", "The service is temporarily unable to answer, or the outcome is unknown."),
            ("504", "The request's time ran out."),
        ]
        .into_iter()
        .map(|(status, description)| (status.to_owned(), RefOr::T(problem(status, description))))
        .collect()
    }
}

fn problem(status: &str, description: &str) -> Response {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(ProblemBody::name()))).build();
    let response = ResponseBuilder::new().description(description).content("application/problem+json", content);
    let header = |text| HeaderBuilder::new().description(Some(text)).schema(Some(String::schema())).build();
    match status {
        "401" => response.header("WWW-Authenticate", header("`Bearer` (RFC 6750)")).build(),
        "429" | "503" | "504" => response.header("Retry-After", header("Seconds to wait")).build(),
        _ => response.build(),
    }
}

/// The whole document: what the routes say, and what is said once for all of them.
pub(super) fn complete(mut document: OpenApi, public_url: &str) -> OpenApi {
    // Any method serves `/v1/auth`, with anything behind it, which the document can only say in words.
    let auth = utoipa_axum::router::OpenApiRouter::<super::AppState>::new()
        .routes(utoipa_axum::routes!(v1::auth::auth))
        .into_openapi();
    document.merge(auth);
    add_paths_of_other_types(&mut document);
    document.info = InfoBuilder::new()
        .title("Keyward")
        .version("1")
        .description(Some(
            "Issues, lists, revokes and verifies the API keys of a platform's merchants. Clients must accept unknown \
             fields and answers of any size. A field of a body whose name differs from a known one only in case, `_`, \
             `-` or a trailing `[]` is that field; an unknown name in a query is refused. Times are RFC 3339 in UTC \
             with three digits of a second.",
        ))
        .license(Some(LicenseBuilder::new().name("MIT OR Apache-2.0").build()))
        .build();
    document.servers = Some(vec![Server::new(public_url)]);
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("An access token, or the value of a secret key."))
        .build();
    let components = document.components.get_or_insert_with(|| ComponentsBuilder::new().build());
    components.schemas.insert(ProblemBody::name().into_owned(), ProblemBody::schema());
    components.schemas.insert(ErrorView::name().into_owned(), ErrorView::schema());
    components.add_security_scheme(BEARER, SecurityScheme::Http(bearer));
    add_oauth_errors(&mut document);
    document.security = Some(vec![SecurityRequirement::new(BEARER, Vec::<String>::new())]);
    document
}

/// The call for gateways has a path for each type of key.
fn add_paths_of_other_types(document: &mut OpenApi) {
    let Some(auth) = document.paths.paths.get("/v1/auth").cloned() else { return };
    for key_type in [KeyType::Public, KeyType::Tokenization] {
        let mut item = auth.clone();
        if let Some(operation) = &mut item.get {
            operation.operation_id = Some(format!("auth_{key_type}"));
            operation.summary = Some(format!("Authorise a request at a gateway by a {key_type} key."));
            operation.description = Some(format!("As `/v1/auth`, for {key_type} keys instead of secret ones."));
        }
        document.paths.paths.insert(format!("/v1/auth-{key_type}"), item);
    }
}

/// The one exception to the shape of problems: to a form, the token endpoint fails in the words of RFC 6749.
fn add_oauth_errors(document: &mut OpenApi) {
    let token = document.paths.paths.get_mut("/v1/oauth2/token").and_then(|path| path.post.as_mut());
    let Some(token) = token else { return };
    for status in ["400", "401", "429", "500", "503"] {
        if let Some(RefOr::T(response)) = token.responses.responses.get_mut(status) {
            let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(ErrorView::name()))).build();
            response.content.insert("application/json".to_owned(), RefOr::T(content));
        }
    }
}
