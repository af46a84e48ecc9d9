//! The connection between a node and its database. A test can cut it, stop it from delivering without closing it, as a
//! broken network does, or drop its notifications.

use std::net::SocketAddr;

use keyward_testkit::proxy::{Network, Proxy, Way};

/// A relay in front of a server. Dropping it cuts everything.
pub(crate) struct Wire {
    url: String,
    proxy: Proxy,
}

impl Wire {
    /// To the server of this URL over TCP.
    #[expect(clippy::unused_async, reason = "like the other waits of a scenario")]
    pub(crate) async fn to(url: &str) -> Self {
        Self::through(url, Proxy::to)
    }

    /// The same, on which no notification arrives.
    #[expect(clippy::unused_async, reason = "like the other waits of a scenario")]
    pub(crate) async fn without_notifications(url: &str) -> Self {
        Self::through(url, Proxy::without_notifications)
    }

    fn through(url: &str, proxy: impl FnOnce(SocketAddr) -> anyhow::Result<Proxy>) -> Self {
        let (before, after) = url.split_once('@').expect("a URL over TCP");
        let (server, database) = after.split_once('/').expect("a URL with a database");
        let proxy = proxy(server.parse().unwrap()).unwrap();
        Self { url: format!("{before}@{}/{database}", proxy.address()), proxy }
    }

    /// The URL of the server through this relay.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Stops delivering, without closing any connection.
    pub(crate) fn stop_delivering(&self) {
        self.proxy.set(Network::HalfOpen { way: Way::Both, kept: true });
    }

    /// Delivers again, including what was sent in between.
    pub(crate) fn deliver_again(&self) {
        self.proxy.set(Network::Healthy);
    }

    /// Ends all connections. New ones are accepted.
    pub(crate) fn cut(&self) {
        self.proxy.cut();
    }
}
