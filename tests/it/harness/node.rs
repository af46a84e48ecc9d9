//! A server that is ready: its address, its credentials, and the ways to end it.

use std::path::{Path, PathBuf};

use keyward_testkit::{process::Process, program::Server};
use rustix::process::Signal;
use serde_json::Value;

use super::{Client, Finished, eventually};

pub(crate) use keyward_testkit::program::{Credentials, Demo};

/// A running node. Dropping it kills it.
pub(crate) struct Node {
    server: Server,
    folder: PathBuf,
}

impl Node {
    pub(super) fn start(process: Process, folder: &Path) -> Self {
        Self { server: Server::ready(process).unwrap(), folder: folder.to_owned() }
    }

    /// A node whose output is not read.
    pub(super) async fn start_without_output(process: Process, folder: &Path) -> Self {
        let demo = folder.join("keyward-data/demo.json");
        let mut base_url = String::new();
        eventually("demo.json has its address", async || {
            assert!(process.is_running(), "the node ended before it was ready");
            let Ok(text) = std::fs::read_to_string(&demo) else { return false };
            let file: Value = serde_json::from_str(&text).unwrap_or_default();
            file["base_url"].as_str().unwrap_or_default().clone_into(&mut base_url);
            !base_url.is_empty()
        })
        .await;
        Self { server: Server { process, base_url, metrics_url: None }, folder: folder.to_owned() }
    }

    pub(crate) fn base_url(&self) -> &str {
        &self.server.base_url
    }

    /// Host and port.
    pub(crate) fn address(&self) -> &str {
        self.server.base_url.split_once("://").map_or("", |(_, address)| address)
    }

    pub(crate) fn anonymous(&self) -> Client {
        Client::anonymous(&self.server.base_url)
    }

    /// A client with this credential.
    pub(crate) fn client(&self, credential: &str) -> Client {
        self.anonymous().with(credential)
    }

    /// A client of the metrics.
    pub(crate) fn metrics(&self) -> Client {
        Client::anonymous(self.server.metrics_url.as_deref().expect("it has an address for metrics"))
    }

    /// The sum of a metric over all labels; 0 if it is absent.
    pub(crate) async fn metric(&self, name: &str) -> f64 {
        let page = self.metrics().get("/metrics").await.expect(200);
        let values = page.text.lines().filter_map(|line| {
            let rest = line.strip_prefix(name).filter(|rest| rest.starts_with([' ', '{']))?;
            rest.rsplit(' ').next()?.parse::<f64>().ok()
        });
        values.sum()
    }

    /// Repeats the request until memory alone answers it: before that, the node may have no lease.
    pub(crate) async fn until_from_memory(&self, mut ask: impl AsyncFnMut()) {
        let read = async || {
            self.metric("keyward_cache_fills_total").await + self.metric("keyward_reads_without_lease_total").await
        };
        eventually("it answers from memory", async || {
            let (remembered, before) = (self.metric("keyward_cache_hits_total").await, read().await);
            ask().await;
            let none_was_read = (read().await - before).abs() < 0.5;
            none_was_read && self.metric("keyward_cache_hits_total").await > remembered
        })
        .await;
    }

    /// The content of `demo.json`.
    pub(crate) fn demo(&self) -> Demo {
        Demo::read(&self.folder.join("keyward-data")).unwrap()
    }

    pub(crate) fn demo_path(&self) -> PathBuf {
        self.folder.join("keyward-data/demo.json")
    }

    pub(crate) fn output_so_far(&self) -> String {
        self.server.process.output_so_far()
    }

    pub(crate) fn is_running(&self) -> bool {
        self.server.process.is_running()
    }

    /// Sends SIGTERM, and continues.
    pub(crate) fn terminate(&self) {
        self.server.process.signal(Signal::TERM).unwrap();
    }

    /// Sends SIGINT, as a person does.
    pub(crate) fn interrupt(&self) {
        self.server.process.signal(Signal::INT).unwrap();
    }

    /// Sends SIGHUP.
    pub(crate) fn hang_up(&self) {
        self.server.process.signal(Signal::HUP).unwrap();
    }

    /// Freezes it: it keeps its connections and its memory.
    pub(crate) fn freeze(&self) {
        self.server.process.freeze().unwrap();
    }

    /// Resumes it, as if no time had passed.
    pub(crate) fn thaw(&self) {
        self.server.process.signal(Signal::CONT).unwrap();
    }

    /// Waits until it has ended, successfully or not.
    pub(crate) fn end(self) -> Finished {
        Finished::wait_for(self.server.process)
    }

    /// Waits until it has ended successfully.
    #[track_caller]
    pub(crate) fn finish(self) -> Finished {
        self.end().success()
    }

    /// Stops it and waits until it has ended successfully.
    #[track_caller]
    pub(crate) fn stop(self) -> Finished {
        self.terminate();
        self.finish()
    }

    /// SIGKILL: it logs nothing.
    pub(crate) fn kill(self) {
        self.server.process.signal(Signal::KILL).unwrap();
        assert_eq!(self.end().code, None, "it ended before it was killed");
    }
}
