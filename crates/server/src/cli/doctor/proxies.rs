//! Whether the proxy that forwards requests to this installation is configured: else all its clients are taken for one.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use super::Findings;
use crate::{config::Settings, listener};

/// What a running server counts them by.
const FAILURES: &str = "keyward_failures_through_unconfigured_proxies_total";
/// How long its metrics are waited for.
const PATIENCE: Duration = Duration::from_secs(3);
/// More than any page of metrics.
const MOST_BYTES: u64 = 16 * 1024 * 1024;

pub(super) async fn look_at_proxies(settings: &Settings, findings: &mut Findings) {
    let counted = match settings.metrics_listen {
        Some(address) => failures(listener::reachable(address)).await,
        None => None,
    };
    let is_https = settings.public_url.as_deref().is_some_and(|url| url.starts_with("https://"));
    if let Some(count) = counted.filter(|count| *count > 0.0) {
        findings.notice(
            "trusted_proxies",
            format!(
                "{count} wrong credentials came through a proxy that is not named there: its clients share limits, and \
                 the log says which it is"
            ),
        );
    } else if settings.trusted_proxies.is_empty() && is_https && settings.tls.is_none() {
        findings.notice(
            "trusted_proxies",
            "none, and public_url is https while no TLS ends here: something forwards requests. Name it, or all its \
             clients share limits on wrong credentials",
        );
    } else {
        let named: Vec<String> = settings.trusted_proxies.iter().map(ToString::to_string).collect();
        findings.good("trusted_proxies", if named.is_empty() { "none".to_owned() } else { named.join(", ") });
    }
}

/// What a running server has counted; none if no server answers.
async fn failures(address: SocketAddr) -> Option<f64> {
    let asked = async {
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await?;
        let mut page = Vec::new();
        stream.take(MOST_BYTES).read_to_end(&mut page).await?;
        std::io::Result::Ok(page)
    };
    let page = timeout(PATIENCE, asked).await.ok()?.ok()?;
    let page = String::from_utf8_lossy(&page);
    page.lines().find_map(|line| line.strip_prefix(FAILURES)?.trim().parse().ok())
}
