//! `keyward serve`: starts the service from its settings, and stops it without leaving anything running.
//!
//! The order matters. Listen first, because the address in use goes into tokens and the demo file; then open the
//! database, then answer. Stopping reverses it: answer no more, finish pending work, write what is in memory, close the
//! database. Nothing here decides about keys.

use std::{
    io::{self, IsTerminal as _},
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, Result, anyhow};
use keyward_api::http::{HttpOptions, Readiness, entrance};
use keyward_app::{Clock, access::rotate_signing_keys::keep_signing_keys};
use keyward_storage::LostHistory;
use tokio::{net::TcpListener, signal::unix::Signal, task::JoinHandle};
use tokio_util::sync::CancellationToken;
use tower::util::BoxCloneSyncService;

use crate::{
    background::Background,
    clock::SystemClock,
    config::{Limits, Settings},
    database::{Database, Mode},
    demo::{self, Outcome},
    error_text::one_line,
    file_size,
    listener::{self, Certificates, Lifecycle, Listener},
    metrics::{self, Metrics, Readings},
    node::Node,
    open_files,
    shutdown::{self, Stop, StopSignals},
    supervisor,
    telemetry::print_line,
};

mod rereading;

pub(crate) use rereading::Rereading;

/// Serves until a signal stops it.
pub(crate) async fn run(settings: Settings, rereading: Rereading) -> Result<()> {
    // First, because from here on no signal ends the process by itself.
    let (mut signals, hangups) = (StopSignals::listen()?, shutdown::hangups()?);
    let running = tokio::select! {
        biased;
        _ = signals.next() => {
            tracing::info!("asked to stop before being ready");
            return Ok(());
        }
        running = Running::start(&settings, rereading, hangups) => running?,
    };
    running.until(&mut signals).await
}

/// A running service.
struct Running {
    node: Node,
    ready: Readiness,
    stop: CancellationToken,
    lifecycle: Lifecycle,
    metrics: Lifecycle,
    serving: JoinHandle<()>,
    limits: Limits,
}

/// The parts that exist before the database is open.
struct Entry {
    listener: TcpListener,
    tls: Option<Arc<Certificates>>,
    metered: Option<Metered>,
    base_url: String,
    limits: Limits,
}

impl Running {
    async fn start(settings: &Settings, rereading: Rereading, hangups: Signal) -> Result<Self> {
        let (listener, address) = listener::bind(settings.listen, "listen (KEYWARD_LISTEN, --listen)").await?;
        let tls = match &settings.tls {
            Some(files) => Some(Arc::new(Certificates::load(files).await?)),
            None => None,
        };
        let scheme = if tls.is_some() { "https" } else { "http" };
        let base_url = format!("{scheme}://{}", listener::reachable(address));
        let metered = Metered::bind(settings).await?;
        if let Some(warning) = file_size::warning() {
            tracing::warn!("{warning}");
        }
        let max_connections = open_files::room_for(settings.limits.max_connections);
        let limits = Limits { max_connections, ..settings.limits.clone() };

        let node = Node::open(settings, Mode::Make, Some(&base_url)).await?;
        settings.warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
        node.database.warnings().iter().for_each(|warning| tracing::warn!("{warning}"));
        let entry = Entry { listener, tls: tls.clone(), metered, base_url: base_url.clone(), limits };
        let (started, demo) = Self::on(node, settings, entry).await?;
        let follow = rereading.follow(tls, hangups, started.stop.clone());
        started.node.background.spawn(follow);
        print_ready(&base_url, &format!("{}, {}", settings.environment, started.node.database), demo.as_ref());
        supervisor::ready();
        Ok(started)
    }

    /// Starts everything that needs a database.
    async fn on(node: Node, settings: &Settings, entry: Entry) -> Result<(Self, Option<Outcome>)> {
        keep_signing_keys(&node.access).await.context("there is no key to sign tokens with")?;
        let demo = prepare_demo(&node, settings, &entry.base_url).await;
        node.database.make_whole().await?;
        log_losses(&node.database).await?;
        let (ready, stop) = (Readiness::default(), CancellationToken::new());
        let (lifecycle, metrics) = (Lifecycle::new(), Lifecycle::new());
        let background = Background {
            access: Arc::clone(&node.access),
            manage: Arc::clone(&node.manage),
            tracker: node.background.clone(),
            stop: stop.clone(),
            usage_flush_interval: settings.usage_flush_interval,
        };
        background.start(ready.clone(), entry.metered.as_ref().map(|metered| metered.metrics.clone()));
        let limits = entry.limits;
        let entrance = entrance(Arc::clone(&node.manage), http_options(settings, ready.clone()));
        if let Some(metered) = entry.metered {
            metered.metrics.read(Readings {
                access: Arc::clone(&node.access),
                entrance: entrance.clone(),
                pools: node.database.pools(),
                certificates: entry.tls.clone(),
            });
            let page = BoxCloneSyncService::new(metrics::router(metered.metrics));
            let listener = Listener::new(metered.listener, &limits, metrics.clone());
            node.background.spawn(listener.serve(move |_| page.clone()));
        }
        // Last of everything that may fail or be interrupted: a node that has joined must leave in order.
        node.access.verifier().start().await.context("the database cannot be read")?;
        let listener = Listener::new(entry.listener, &limits, lifecycle.clone())
            .secured(entry.tls)
            .trusting(&settings.trusted_proxies);
        let serving = node.background.spawn(listener.serve(move |peer: SocketAddr| entrance.for_connection(peer)));
        // The signing keys were just read from the database: it is available.
        ready.open();
        Ok((Self { node, ready, stop, lifecycle, metrics, serving, limits }, demo))
    }

    async fn until(mut self, signals: &mut StopSignals) -> Result<()> {
        let signal = tokio::select! {
            biased;
            signal = signals.next() => signal,
            lost = self.node.lost() => return Err(self.give_up(lost).await),
            ended = &mut self.serving => {
                let ended = ended.err().map_or_else(|| anyhow!("the listener ended unexpectedly"), Into::into);
                return Err(self.give_up(ended).await);
            }
        };
        let drain = match signal {
            Stop::Terminate => self.limits.drain,
            Stop::Interrupt => Duration::ZERO,
        };
        tracing::info!(?drain, "asked to stop: finishing pending requests");
        supervisor::stopping();
        tokio::select! {
            biased;
            () = self.stop(drain) => Ok(()),
            never = signals.insist() => never,
        }
    }

    /// Stops immediately, even with work pending: to continue would be worse.
    async fn give_up(mut self, why: anyhow::Error) -> anyhow::Error {
        tracing::error!(error = &*why as &dyn std::error::Error, "stopping immediately: {}", one_line(&why));
        supervisor::stopping();
        self.ready.close();
        self.stop.cancel();
        self.lifecycle.cut();
        self.metrics.cut();
        let in_order = async {
            self.node.access.verifier().leave().await;
            if !self.serving.is_finished() {
                // It has ended, successfully or not.
                let _ = (&mut self.serving).await;
            }
            // The original error matters more than one of closing.
            let _ = self.node.close().await;
        };
        let _ = tokio::time::timeout(self.limits.shutdown_timeout, in_order).await;
        why
    }

    /// Stops in order and within the limit, even if clients or the database hang.
    async fn stop(mut self, drain: Duration) {
        let limit = self.limits.shutdown_timeout;
        let in_order = async {
            self.ready.close();
            // First of all: the task that watches the database would open it again.
            self.stop.cancel();
            // Stop answering from memory and release the lease: from then on no revocation waits for this node.
            self.node.access.verifier().leave().await;
            // Every request is answered, and its client may notice that the next one is for another node.
            self.lifecycle.drain();
            tokio::time::sleep(drain).await;
            self.lifecycle.close();
            // Clients have their time, but the remaining steps need some too.
            let served = tokio::time::timeout(limit.mul_f64(0.8), &mut self.serving).await;
            let served = if let Ok(served) = served {
                served
            } else {
                self.lifecycle.cut();
                (&mut self.serving).await
            };
            if let Err(error) = served {
                tracing::error!(error = &error as &dyn std::error::Error, "the listener failed");
            }
            self.metrics.cut();
            if let Err(error) = self.node.close().await {
                tracing::warn!(error = &*error as &dyn std::error::Error, "while stopping: {}", one_line(&error));
            }
        };
        if tokio::time::timeout(limit + drain, in_order).await.is_ok() {
            tracing::info!("stopped");
        } else {
            tracing::warn!(?limit, "limits.shutdown_timeout has passed: stopping with work pending");
        }
    }
}

/// Metrics and their listening socket.
struct Metered {
    metrics: Metrics,
    listener: TcpListener,
}

impl Metered {
    async fn bind(settings: &Settings) -> Result<Option<Self>> {
        let Some(address) = settings.metrics_listen else { return Ok(None) };
        let setting = "metrics_listen (KEYWARD_METRICS_LISTEN, --metrics-listen)";
        let (listener, address) = listener::bind(address, setting).await?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let metrics = Metrics::start(clock)?;
        print_line(&format!("keyward answers metrics on http://{}/metrics", listener::reachable(address)));
        Ok(Some(Self { metrics, listener }))
    }
}

fn http_options(settings: &Settings, ready: Readiness) -> HttpOptions {
    let limits = &settings.limits;
    HttpOptions {
        trusted_proxies: settings.trusted_proxies.clone(),
        max_body_bytes: limits.max_body_bytes,
        body_read_timeout: limits.body_read_timeout,
        request_timeout: limits.request_timeout,
        max_concurrent_requests: limits.max_concurrent_requests,
        gateway: settings.gateway,
        ready,
    }
}

/// Logs once the losses from when a copy replaced the database, in the words of a node whose database goes back.
async fn log_losses(database: &Database) -> Result<()> {
    for LostHistory { kept_up_to, had_up_to, noticed_at, .. } in database.unsaid_lost_history().await? {
        ::metrics::counter!("keyward_history_lost_total").increment(1);
        tracing::error!(
            %kept_up_to,
            %had_up_to,
            "the database went back (noticed at {noticed_at}): of the changes up to number {had_up_to}, those after \
             number {kept_up_to} are lost. Keys that they revoked are accepted until you revoke them again"
        );
    }
    Ok(())
}

/// Demo accounts are a convenience: without them the service still starts.
async fn prepare_demo(node: &Node, settings: &Settings, base_url: &str) -> Option<Outcome> {
    if !settings.may_have_demo() {
        return None;
    }
    match demo::prepare(&node.manage, &settings.demo_path(), base_url, settings.seeds_demo()).await {
        Ok(outcome) => {
            demo::log_location(&outcome);
            Some(outcome)
        }
        Err(error) => {
            tracing::warn!(error = &*error as &dyn std::error::Error, "no demo accounts: {}", one_line(&error));
            None
        }
    }
}

/// Prints that requests are answered, and the first step.
fn print_ready(base_url: &str, what: &str, demo: Option<&Outcome>) {
    let hint = demo.map(|outcome| format!("; {}", demo::hint(outcome))).unwrap_or_default();
    print_line(&format!("keyward is ready on {base_url} ({what}); reference: {base_url}/docs{hint}"));
    let (Some(Outcome::Seeded(file) | Outcome::Kept(file)), true) = (demo, io::stdout().is_terminal()) else { return };
    // A file that a person has changed does not keep the service from starting.
    match demo::greeting(file) {
        Ok(greeting) => print_line(&format!("\n{greeting}")),
        Err(error) => tracing::warn!("{}", one_line(&error)),
    }
}
