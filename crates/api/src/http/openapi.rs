//! The OpenAPI 3.1 document: made from the handlers' annotations, completed here with what they share.

use keyward_domain::KeyType;
use serde_json::Value;
use utoipa::{
    ToSchema as _,
    openapi::{
        OpenApi, RefOr, Schema, Server,
        path::{Operation, Parameter, PathItem},
        schema::{Components, ComponentsBuilder},
    },
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    health,
    problem::{Code, ProblemBody},
    state::AppState,
    v1, well_known,
};

mod amend;
mod examples;
mod facts;
mod shared;

/// Completes the document with what the routes do not declare.
pub(super) fn complete(mut document: OpenApi, public_url: &str) -> OpenApi {
    // Served beside the documenting router: any method, any path below it, and calls without a credential.
    let others = OpenApiRouter::<AppState>::new()
        .routes(routes!(v1::auth::auth))
        .routes(routes!(health::healthz))
        .routes(routes!(health::readyz))
        .routes(routes!(well_known::jwks))
        .routes(routes!(well_known::metadata));
    document.merge(others.into_openapi());
    add_paths_of_other_types(&mut document);
    document.info = shared::info(public_url);
    document.tags = Some(shared::tags());
    document.servers = Some(vec![Server::new(public_url)]);
    let components = document.components.get_or_insert_with(|| ComponentsBuilder::new().build());
    components.schemas.insert(ProblemBody::name().into_owned(), <ProblemBody as utoipa::PartialSchema>::schema());
    require_the_value_of_a_new_key(components);
    for (name, scheme) in shared::security_schemes(public_url) {
        components.add_security_scheme(name, scheme);
    }
    components.headers = amend::headers();
    let mut used = Vec::new();
    let mut recorded = examples::recorded(public_url);
    for operation in document.paths.paths.values_mut().flat_map(operations) {
        let name = operation.operation_id.clone().unwrap_or_default();
        // A test checks that every operation has facts.
        let Some(facts) = facts::of(&name) else { continue };
        amend::amend(operation, &facts);
        examples::add(operation, recorded.remove(&name).unwrap_or_default());
        used.extend(facts.codes);
    }
    if let Some(components) = &mut document.components {
        let codes = Code::ALL.into_iter().filter(|code| used.contains(code));
        components.examples =
            codes.map(|code| (code.as_str().to_owned(), examples::problem(code, public_url))).collect();
    }
    document
}

fn operations(path: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut path.get, &mut path.post, &mut path.put, &mut path.patch, &mut path.delete].into_iter().flatten()
}

/// Requires `value` in the answer to a creation; no other answer has it for a secret key.
fn require_the_value_of_a_new_key(components: &mut Components) {
    let Some(RefOr::T(Schema::Object(key))) = components.schemas.get("Key") else { return };
    let mut created = key.clone();
    created.description = Some("A key as the answer to its creation shows it, and no other.".to_owned());
    created.required.push("value".to_owned());
    components.schemas.insert("CreatedKey".to_owned(), RefOr::T(Schema::Object(created)));
}

/// Adds the paths of the call for gateways for the other types of key.
fn add_paths_of_other_types(document: &mut OpenApi) {
    let Some(auth) = document.paths.paths.get("/v1/auth").cloned() else { return };
    for key_type in [KeyType::Secret, KeyType::Public, KeyType::Tokenization] {
        let mut item = auth.clone();
        let Some(operation) = &mut item.get else { return };
        let types = operation.parameters.iter_mut().flatten().filter_map(|parameter| match parameter {
            RefOr::T(parameter) if parameter.name == "type" => Some(parameter),
            RefOr::T(_) | RefOr::Ref(_) => None,
        });
        types.for_each(|parameter| allow_only(parameter, key_type));
        let mut path = "/v1/auth".to_owned();
        if key_type != KeyType::Secret {
            operation.operation_id = Some(format!("authorize_{key_type}"));
            operation.summary = Some(format!("Authorise a request at a gateway by a {key_type} key"));
            operation.description = Some(format!("As `/v1/auth`, for {key_type} keys instead of secret ones."));
            path = format!("{path}-{key_type}");
        }
        document.paths.paths.insert(path, item);
    }
}

fn allow_only(parameter: &mut Parameter, key_type: KeyType) {
    if let Some(RefOr::T(Schema::Object(schema))) = &mut parameter.schema {
        schema.enum_values = Some(vec![Value::from(key_type.as_str())]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_has_its_facts_and_every_answer_with_a_body_an_example() {
        let kinds = super::super::kinds(super::super::TimeBudgets::default());
        let router = kinds.into_iter().fold(OpenApiRouter::new(), OpenApiRouter::merge);
        let mut document = complete(router.into_openapi(), "https://keys.example.test");
        for (path, item) in &mut document.paths.paths {
            for operation in operations(item) {
                let name = operation.operation_id.clone().unwrap_or_default();
                assert!(facts::of(&name).is_some(), "{path}: {name} is not in the table of facts");
                for (status, response) in &operation.responses.responses {
                    let RefOr::T(response) = response else { panic!("{name} {status}: a reference") };
                    for content in response.content.values() {
                        let RefOr::T(content) = content else { panic!("{name} {status}: a reference") };
                        assert!(!content.examples.is_empty(), "{name} {status} has no example");
                    }
                }
            }
        }
    }
}
