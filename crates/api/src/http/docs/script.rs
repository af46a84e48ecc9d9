//! Scalar's script, which is part of the program.
//!
//! Unpacked into memory on first use, and never loaded from another host.

use std::{
    io::Write as _,
    sync::{Arc, OnceLock},
};

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use http::HeaderValue;
use tokio::task::spawn_blocking;

use crate::http::problem::{Code, Problem};

/// Scalar's script. Clones share it.
#[derive(Clone, Default)]
pub(super) struct Script(Arc<OnceLock<Option<Packed>>>);

/// The script, as it is and compressed.
pub(super) struct Packed {
    pub(super) plain: Bytes,
    pub(super) gzip: Bytes,
    /// Identifies the content, so that a browser fetches each version once.
    pub(super) tag: HeaderValue,
}

impl Packed {
    fn new() -> Option<Self> {
        let plain = Bytes::from(scalar_api_reference::get_asset("scalar.js")?);
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(&plain).ok()?;
        let gzip = encoder.finish().ok()?.into();
        let name = BASE64.encode(digest(&SHA256, &plain));
        let tag = HeaderValue::from_str(&format!("W/\"{name}\"")).ok()?;
        Some(Self { plain, gzip, tag })
    }
}

impl Script {
    /// The script, compressed once, off the threads that answer: it takes as long as a thousand verifications.
    ///
    /// # Errors
    /// A problem if the program holds no script, or its thread failed.
    pub(super) async fn packed(&self) -> Result<&Packed, Problem> {
        if self.0.get().is_none() {
            let script = self.clone();
            spawn_blocking(move || script.0.get_or_init(Packed::new).is_some())
                .await
                .map_err(|error| Problem::new(Code::Internal).because(error))?;
        }
        self.0.get().and_then(Option::as_ref).ok_or_else(|| Problem::new(Code::Internal))
    }
}
