//! `keyward health`: checks that the server of this machine answers, for images without an HTTP client.
//!
//! Opens no database, and sends nothing except the request.

use std::{net::SocketAddr, process::ExitCode, sync::Arc, time::Duration};

use anyhow::{Result, anyhow, bail, ensure};
use bytes::Bytes;
use clap::Args;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, pki_types::ServerName};
use serde_json::Value;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::{Instant, timeout_at},
};
use tokio_rustls::TlsConnector;

use super::{exit::Exit, options::must_be, output};
use crate::{
    config::{Settings, address, duration},
    listener::reachable,
};

mod own_machine;

use own_machine::OwnMachine;

/// Larger than any answer of the server.
const MOST_BYTES: usize = 64 << 10;

#[derive(Debug, Args)]
pub(super) struct Health {
    /// Check whether requests can be answered now (/readyz), not only whether the process runs (/healthz)
    #[arg(long)]
    ready: bool,
    /// Maximum time for the answer
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = time_limit)]
    timeout: Duration,
    /// Address of the server, if not the one in the settings
    #[arg(long, value_name = "ADDR", value_parser = place)]
    listen: Option<String>,
}

impl Health {
    /// The setting that this command line overrides.
    pub(super) fn listen(&self) -> Option<String> {
        self.listen.clone()
    }
}

fn time_limit(text: &str) -> Result<Duration, String> {
    duration(text).map_err(must_be)
}

/// Parses the address of a running server.
fn place(text: &str) -> Result<String, String> {
    match address(text).map_err(must_be)?.port() {
        0 => Err(must_be("the address that the server printed; only the server knows what port 0 became")),
        _ => Ok(text.to_owned()),
    }
}

pub(super) async fn run(health: &Health, settings: &Settings) -> Result<ExitCode> {
    let address = reachable(settings.listen);
    ensure!(
        address.port() != 0,
        "listen (KEYWARD_LISTEN, --listen) has port 0, so only the server knows its port: name the address that it \
         printed with --listen"
    );
    let path = if health.ready { "/readyz" } else { "/healthz" };
    let scheme = if settings.tls.is_some() { "https" } else { "http" };
    let url = format!("{scheme}://{address}{path}");
    let (due, by_tls) = (Instant::now() + health.timeout, settings.tls.is_some());
    let (status, body) = match timeout_at(due, ask(address, by_tls, path)).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => {
            let otherwise = timeout_at(due, ask(address, !by_tls, path)).await;
            let error = if matches!(otherwise, Ok(Ok(_))) { anyhow!(mismatch(by_tls)) } else { error };
            return Err(error.context(format!("{url} does not answer")));
        }
        Err(_) => bail!("{url} sent no answer within {:?}", health.timeout),
    };
    ensure!(status == StatusCode::OK, "{url} answers {}: {}", status.as_u16(), reason(&body));
    let answer = in_a_line(&body);
    let expected = if health.ready { "ready" } else { "ok" };
    ensure!(answer.split(' ').next() == Some(expected), "{url} answers 200, but not `{expected}`; is this a keyward?");
    output::line(&format!("{url}: {answer}"))?;
    Ok(Exit::Done.into())
}

/// The hint to the protocol mismatch that explains a missing answer.
const fn mismatch(by_tls: bool) -> &'static str {
    if by_tls {
        "the server speaks plain HTTP, and the request used TLS, since tls.certificate and tls.key \
         (KEYWARD_TLS__CERTIFICATE, KEYWARD_TLS__KEY) are set here: use the settings of the server"
    } else {
        "the server speaks TLS, and the request used plain HTTP, since tls.certificate and tls.key \
         (KEYWARD_TLS__CERTIFICATE, KEYWARD_TLS__KEY) are not set here: use the settings of the server"
    }
}

/// A text as one line, without terminal control characters: any program may have answered.
fn in_a_line(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.replace(char::is_control, "\u{fffd}")
}

/// The detail of a problem.
fn reason(body: &str) -> String {
    let problem: Option<Value> = serde_json::from_str(body).ok();
    let detail = problem.as_ref().and_then(|it| it["detail"].as_str().or_else(|| it["title"].as_str()));
    detail.map_or_else(|| "no reason is given; is this a keyward?".to_owned(), in_a_line)
}

async fn ask(address: SocketAddr, by_tls: bool, path: &str) -> Result<(StatusCode, String)> {
    let stream = TcpStream::connect(address).await?;
    if !by_tls {
        return exchange(stream, address, path).await;
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(OwnMachine::with(provider)))
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let name = ServerName::from(address.ip());
    exchange(TlsConnector::from(Arc::new(config)).connect(name, stream).await?, address, path).await
}

async fn exchange<S>(stream: S, address: SocketAddr, path: &str) -> Result<(StatusCode, String)>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let request = Request::get(path).header(header::HOST, address.to_string()).header(header::CONNECTION, "close");
    let request = request.body(Empty::<Bytes>::new())?;
    let exchange = async move {
        let response = sender.send_request(request).await?;
        let (head, body) = response.into_parts();
        let body = Limited::new(body, MOST_BYTES).collect().await.map_err(anyhow::Error::from_boxed)?;
        Ok((head.status, String::from_utf8_lossy(&body.to_bytes()).into_owned()))
    };
    // After the answer, how the connection ends does not matter.
    let (answer, _) = tokio::join!(exchange, connection);
    answer
}
