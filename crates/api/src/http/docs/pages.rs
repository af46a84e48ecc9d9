//! The content of `/docs`: made once when the service starts, and shared by all answers.
//!
//! Never changes while the process runs, and concerns no caller.

use askama::Template;
use bytes::Bytes;
use keyward_app::Settings;
use utoipa::openapi::OpenApi;

use super::{
    guides::{Guide, Index},
    html::page,
    script::Script,
};
use crate::http::problem::{Code, Problem};

/// Content that never changes while the process runs: made once, and shared by all answers.
pub(in crate::http) struct Pages {
    /// The OpenAPI document.
    pub(in crate::http) document: Bytes,
    pub(super) reference: Result<Bytes, Problem>,
    pub(super) problems: Result<Bytes, Problem>,
    pub(super) index: Result<Bytes, Problem>,
    pub(super) guides: [Result<Bytes, Problem>; Guide::ALL.len()],
    pub(super) script: Script,
}

impl Pages {
    pub(in crate::http) fn new(document: &OpenApi, settings: &Settings) -> Self {
        let prefix = settings.path_prefix();
        Self {
            document: serde_json::to_string_pretty(document).unwrap_or_default().into(),
            reference: page(&Reference { prefix }),
            problems: page(&Problems { prefix, codes: Code::ALL }),
            index: page(&Index { prefix, guides: Guide::ALL }),
            guides: Guide::ALL.map(|guide| guide.page(prefix)),
            script: Script::default(),
        }
    }
}

#[derive(Template)]
#[template(path = "problems.html")]
struct Problems<'a> {
    prefix: &'a str,
    codes: [Code; Code::ALL.len()],
}

#[derive(Template)]
#[template(path = "reference.html")]
struct Reference<'a> {
    prefix: &'a str,
}
