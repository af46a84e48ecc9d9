//! Checks that the proxy in front of this installation is configured: otherwise all its clients count as one.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use super::findings::Findings;
use crate::{config::Settings, listener};

/// The setting that is checked.
const ABOUT: &str = "trusted_proxies";
/// The metric of a running server that counts such failures.
const FAILURES: &str = "keyward_failures_through_unconfigured_proxies_total";
/// Maximum time to wait for its metrics.
const PATIENCE: Duration = Duration::from_secs(3);
/// Larger than any page of metrics.
const MOST_BYTES: u64 = 16 * 1024 * 1024;

pub(super) async fn check_proxies(settings: &Settings, findings: &mut Findings) {
    let counted = count(settings).await;
    let is_https = settings.public_url.as_deref().is_some_and(|url| url.starts_with("https://"));
    if let Ok(count) = counted
        && count > 0.0
    {
        findings.notice(
            ABOUT,
            format!(
                "{count} wrong credentials came through a proxy that is not named there: its clients share limits, and \
                 the log says which it is"
            ),
        );
    } else if settings.trusted_proxies.is_empty() && is_https && settings.tls.is_none() {
        findings.notice(
            ABOUT,
            "none, and public_url is https while no TLS ends here: something forwards requests. Name it, or all its \
             clients share limits on wrong credentials",
        );
    } else {
        let named: Vec<String> = settings.trusted_proxies.iter().map(ToString::to_string).collect();
        let named = if named.is_empty() { "none".to_owned() } else { named.join(", ") };
        match counted {
            Ok(_) => findings.good(ABOUT, named),
            Err(why) if settings.trusted_proxies.is_empty() => {
                findings.notice(ABOUT, format!("{named}, and whether a proxy forwards requests is unknown: {why}"));
            }
            Err(why) => findings.good(ABOUT, format!("{named}; whether another one forwards is unknown: {why}")),
        }
    }
}

/// The count of a running server, or the reason why it is unknown.
async fn count(settings: &Settings) -> Result<f64, String> {
    let Some(address) = settings.metrics_listen else {
        return Err(
            "metrics_listen (KEYWARD_METRICS_LISTEN) is off; set it, such as to 127.0.0.1:9090, and start the server \
             again with it"
                .to_owned(),
        );
    };
    failures(listener::reachable(address)).await.ok_or_else(|| {
        format!("no server answers at metrics_listen, {address}; repeat while one runs with this setting")
    })
}

/// The number on the page of metrics; `None` if no server answers.
async fn failures(address: SocketAddr) -> Option<f64> {
    let answer = async {
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await?;
        let mut page = Vec::new();
        stream.take(MOST_BYTES).read_to_end(&mut page).await?;
        std::io::Result::Ok(page)
    };
    let page = timeout(PATIENCE, answer).await.ok()?.ok()?;
    let page = String::from_utf8_lossy(&page);
    page.lines().find_map(|line| line.strip_prefix(FAILURES)?.trim().parse().ok())
}
