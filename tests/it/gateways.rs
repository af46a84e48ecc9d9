//! nginx and Caddy in front of an application, configured by the examples of this repository, exactly as shown there.
//! Every claim is tested with both.

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

mod application;
mod caddy;
mod fixture;
mod nginx;
mod passing;
mod refusing;

/// A test of each claim for each gateway.
macro_rules! on_both_gateways {
    ($($file:ident: $($claim:ident),+;)+) => {
        mod behind_nginx {
            $($(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $claim() {
                    super::$file::$claim::<super::nginx::Nginx>().await;
                }
            )+)+
        }
        mod behind_caddy {
            $($(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $claim() {
                    super::$file::$claim::<super::caddy::Caddy>().await;
                }
            )+)+
        }
    };
}

on_both_gateways!(
    passing:
    a_valid_key_passes_and_the_application_receives_its_identity,
    identity_headers_of_a_client_are_replaced,
    a_credential_never_reaches_the_application,
    reading_and_writing_need_different_scopes,
    a_key_with_the_maximum_of_scopes_passes,
    a_preflight_passes_where_that_is_allowed_and_nowhere_else,
    refusals_of_the_application_are_its_own;
    refusing:
    an_invalid_credential_is_401,
    a_missing_scope_is_403_with_its_name,
    a_key_of_another_type_is_403,
    too_many_wrong_keys_are_429,
    an_outage_of_the_database_is_503,
    a_revoked_key_is_refused_on_the_very_next_request,
    an_unavailable_node_fails_no_request,
    without_the_service_nothing_passes,
    a_frozen_service_lets_nothing_pass,
    nothing_else_leads_to_the_application;
);

fn headers<const N: usize>(all: [(&'static str, &str); N]) -> HeaderMap {
    let named = |(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
    all.into_iter().map(named).collect()
}

/// The challenges of an answer.
fn challenges(headers: &HeaderMap) -> Vec<&str> {
    headers.get_all("www-authenticate").iter().map(|value| value.to_str().unwrap()).collect()
}
