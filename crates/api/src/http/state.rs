//! The state that all handlers share, made once for a listener.
//!
//! Holds no request, and never decides: each handler takes the part that it needs.

use std::sync::Arc;

use axum::extract::FromRef;
use keyward_app::{Access, Manage};

use super::{docs::pages::Pages, options::HttpOptions, strangers::Strangers};

/// State of all handlers.
#[derive(Clone)]
pub(super) struct AppState {
    pub(super) access: Arc<Access>,
    pub(super) manage: Arc<Manage>,
    pub(super) strangers: Arc<Strangers>,
    pub(super) options: Arc<HttpOptions>,
    pub(super) pages: Arc<Pages>,
}

impl FromRef<AppState> for Arc<Access> {
    fn from_ref(state: &AppState) -> Self {
        Arc::clone(&state.access)
    }
}

impl FromRef<AppState> for Arc<Manage> {
    fn from_ref(state: &AppState) -> Self {
        Arc::clone(&state.manage)
    }
}

impl FromRef<AppState> for Arc<HttpOptions> {
    fn from_ref(state: &AppState) -> Self {
        Arc::clone(&state.options)
    }
}
