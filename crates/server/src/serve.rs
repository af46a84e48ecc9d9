//! `keyward serve`: from settings to a service that answers, and back to a machine on which nothing is left running.
//!
//! The order matters. Listen first, for the address in use goes into tokens and the demo file; then open the database,
//! then answer. Stopping goes backwards: answer no more, finish what runs, write down what is in memory, close the
//! database. Nothing here decides about keys.

use std::{
    future,
    io::{self, IsTerminal as _, Write as _},
    net::SocketAddr,
    sync::Arc,
};

use anyhow::{Context as _, Result, anyhow};
use axum_server::{Handle, tls_rustls::RustlsConfig};
use keyward_api::{
    app::{Clock, rotate_signing_keys::keep_signing_keys},
    http::{HttpOptions, Readiness, entrance},
};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;
use tower::service_fn;

use crate::{
    background::Background,
    clock::SystemClock,
    config::{Settings, Tls},
    database::Access,
    demo::{self, Outcome},
    listener,
    metrics::{self, Metrics},
    node::Node,
    shutdown::{self, StopSignals},
};

/// Serves until told to stop.
pub(crate) async fn run(settings: Settings) -> Result<()> {
    let mut signals = StopSignals::listen()?;
    let running = tokio::select! {
        biased;
        () = signals.next() => {
            tracing::info!("asked to stop before being ready");
            return Ok(());
        }
        running = Running::start(&settings) => running?,
    };
    running.until(&mut signals).await
}

/// A service that answers.
struct Running {
    node: Node,
    ready: Readiness,
    stop: CancellationToken,
    handle: Handle<SocketAddr>,
    metrics: Handle<SocketAddr>,
    serving: JoinHandle<io::Result<()>>,
    shutdown_timeout: std::time::Duration,
}

impl Running {
    async fn start(settings: &Settings) -> Result<Self> {
        let (listener, address) = listener::bind(settings.listen, "listen (KEYWARD_LISTEN, --listen)").await?;
        let tls = match &settings.tls {
            Some(files) => Some((files.clone(), listener::load_tls(files).await?)),
            None => None,
        };
        let scheme = if tls.is_some() { "https" } else { "http" };
        let base_url = format!("{scheme}://{}", listener::reachable(address));
        let metrics = Metered::bind(settings).await?;

        let node = Node::open(settings, Access::Change, Some(&base_url)).await?;
        let started = Self::on(node, settings, listener, tls, metrics, &base_url).await?;
        say(&format!("keyward is ready on {base_url} ({}, {})", settings.environment, started.node.database));
        Ok(started)
    }

    /// Everything that needs a database.
    async fn on(
        node: Node,
        settings: &Settings,
        listener: TcpListener,
        tls: Option<(Tls, RustlsConfig)>,
        metered: Option<Metered>,
        base_url: &str,
    ) -> Result<Self> {
        keep_signing_keys(&node.app).await.context("there is no key to sign tokens with")?;
        if settings.plants_demo() {
            plant_demo(&node, settings, base_url).await?;
        }
        let (ready, stop) = (Readiness::default(), CancellationToken::new());
        let (handle, metrics_handle) = (Handle::new(), Handle::new());
        let background = Background {
            app: Arc::clone(&node.app),
            tracker: node.background.clone(),
            stop: stop.clone(),
            usage_flush_interval: settings.usage_flush_interval,
        };
        background.start(ready.clone(), metered.as_ref().map(|metered| metered.metrics.clone()));
        if let Some(metered) = metered {
            let app = metrics::router(metered.metrics).into_make_service();
            let server = listener::plain(metered.listener, &settings.limits, &metrics_handle);
            node.background.spawn(async move { server.serve(app).await });
        }
        if let Some((files, config)) = &tls {
            node.background.spawn(follow_certificates(files.clone(), config.clone(), stop.clone())?);
        }
        // Last of all that may fail or be given up: whoever has joined the others has to leave them in order.
        node.app.verifier().start().await.context("the database cannot be read")?;
        let serving = serve(&node, settings, listener, tls.map(|(_, config)| config), &handle, ready.clone());
        // The signing keys came from the database just now: it is there.
        ready.open();
        let shutdown_timeout = settings.limits.shutdown_timeout;
        Ok(Self { node, ready, stop, handle, metrics: metrics_handle, serving, shutdown_timeout })
    }

    async fn until(mut self, signals: &mut StopSignals) -> Result<()> {
        tokio::select! {
            biased;
            () = signals.next() => {}
            ended = &mut self.serving => {
                self.ready.close();
                self.stop.cancel();
                self.metrics.shutdown();
                self.node.close().await?;
                return Err(ended.map_or_else(Into::into, |ended| match ended {
                    Ok(()) => anyhow!("the listener ended by itself"),
                    Err(error) => error.into(),
                }));
            }
        }
        tracing::info!("asked to stop: finishing what runs");
        tokio::select! {
            biased;
            () = self.stop() => Ok(()),
            never = signals.insist() => never,
        }
    }

    /// Stops in order, within the limit, whatever the clients and the database do.
    async fn stop(mut self) {
        let limit = self.shutdown_timeout;
        let in_order = async {
            self.ready.close();
            // Before anything else: what watches the database would open it again.
            self.stop.cancel();
            // Answer from memory no more and give the lease back: from then on no revocation waits for this node.
            self.node.app.verifier().leave().await;
            // Clients may take as long as they are given, but something has to be left for the rest.
            self.handle.graceful_shutdown(Some(limit.mul_f64(0.8)));
            if let Err(error) = (&mut self.serving).await {
                tracing::error!(error = &error as &dyn std::error::Error, "the listener broke down");
            }
            self.metrics.shutdown();
            if let Err(error) = self.node.close().await {
                tracing::warn!(error = &*error as &dyn std::error::Error, "while stopping: {error:#}");
            }
        };
        if tokio::time::timeout(limit, in_order).await.is_ok() {
            tracing::info!("stopped");
        } else {
            tracing::warn!(?limit, "limits.shutdown_timeout is over: stopping with work under way");
        }
    }
}

/// Metrics, and the socket that they are read from.
struct Metered {
    metrics: Metrics,
    listener: TcpListener,
}

impl Metered {
    async fn bind(settings: &Settings) -> Result<Option<Self>> {
        let Some(address) = settings.metrics_listen else { return Ok(None) };
        let setting = "metrics_listen (KEYWARD_METRICS_LISTEN, --metrics-listen)";
        let (listener, address) = listener::bind(address, setting).await?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
        let metrics = Metrics::start(clock)?;
        say(&format!("keyward answers metrics on http://{}/metrics", listener::reachable(address)));
        Ok(Some(Self { metrics, listener }))
    }
}

fn serve(
    node: &Node,
    settings: &Settings,
    listener: TcpListener,
    tls: Option<RustlsConfig>,
    handle: &Handle<SocketAddr>,
    ready: Readiness,
) -> JoinHandle<io::Result<()>> {
    let limits = &settings.limits;
    let options = HttpOptions {
        trusted_proxies: settings.trusted_proxies.clone(),
        max_body_bytes: limits.max_body_bytes,
        body_read_timeout: limits.body_read_timeout,
        request_timeout: limits.request_timeout,
        max_requests_at_once: limits.max_requests_at_once,
        ready,
    };
    let entrance = entrance(Arc::clone(&node.app), options);
    let service = service_fn(move |peer: SocketAddr| future::ready(io::Result::Ok(entrance.for_connection(peer))));
    match tls {
        Some(config) => node.background.spawn(listener::secured(listener, limits, handle, config).serve(service)),
        None => node.background.spawn(listener::plain(listener, limits, handle).serve(service)),
    }
}

async fn plant_demo(node: &Node, settings: &Settings, base_url: &str) -> Result<()> {
    let path = settings.demo_path();
    let outcome = demo::plant(&node.app, &path, base_url).await?;
    demo::say_where(&outcome, &path);
    match &outcome {
        Outcome::Planted(demo) if io::stdout().is_terminal() => say(&demo::greeting(demo, &path, base_url)),
        Outcome::Planted(_) | Outcome::Kept => say(&format!("demo credentials are in {}", path.display())),
        Outcome::OfAnother | Outcome::NotOurs => {}
    }
    Ok(())
}

/// Reads the certificates again whenever SIGHUP says so. What cannot be used is not taken over.
fn follow_certificates(
    files: Tls,
    config: RustlsConfig,
    stop: CancellationToken,
) -> Result<impl Future<Output = ()> + Send> {
    let mut hangups = shutdown::hangups()?;
    Ok(async move {
        while let Some(Some(())) = stop.run_until_cancelled(hangups.recv()).await {
            match listener::reload_tls(&files, &config).await {
                Ok(()) => tracing::info!("took over the certificate in {}", files.certificate.display()),
                Err(error) => {
                    tracing::error!(error = &*error as &dyn std::error::Error, "kept the old certificate: {error:#}");
                }
            }
        }
    })
}

/// One line for whoever started the server. That nobody reads it is no reason not to serve.
fn say(line: &str) {
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}
