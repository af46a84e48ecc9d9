//! The fixture of every claim about gateways: the service, a gateway with its example configuration, and an application
//! behind it.

use std::path::Path;

use reqwest::{Method, header::HeaderMap};
use serde_json::Value;
use tempfile::TempDir;

use super::application::Application;
use crate::harness::{Answer, Client, Daemon, Demo, Issued, Node, Place, Program, Raw, eventually, free_address};

/// A program in front of applications.
pub(super) trait Kind {
    /// The example of the repository that configures it.
    const EXAMPLE: &'static str;
    /// The addresses of the gateway, the service and the application in the example.
    const ADDRESSES: [&'static str; 3];

    /// The configuration with another node of the service before the first, as the example's README describes.
    fn with_another_node(configuration: &str, address: &str) -> String;

    /// Starts it in this folder with this configuration.
    fn start(folder: &Path, configuration: &str) -> Daemon;
}

/// All three, running.
pub(super) struct Fixture {
    pub(super) place: Place,
    pub(super) node: Node,
    pub(super) demo: Demo,
    pub(super) application: Application,
    gateway: Gateway,
}

struct Gateway {
    daemon: Daemon,
    address: String,
    _folder: TempDir,
}

impl Fixture {
    pub(super) async fn of<K: Kind>() -> Self {
        Self::with::<K>(Place::embedded(), |program| program).await
    }

    /// In this place, with additional settings.
    pub(super) async fn with<K: Kind>(place: Place, settings: impl FnOnce(Program) -> Program) -> Self {
        Self::rewritten::<K>(place, settings, |example| example).await
    }

    /// The same, with a modified example.
    pub(super) async fn rewritten<K: Kind>(
        place: Place,
        settings: impl FnOnce(Program) -> Program,
        rewrite: impl FnOnce(String) -> String,
    ) -> Self {
        // The gateway reports the source of requests.
        let program = place.sandbox().env("KEYWARD_TRUSTED_PROXIES", "127.0.0.0/8");
        let node = settings(program).serve();
        let application = Application::start().await;
        let gateway = Gateway::start::<K>(node.address(), application.address(), rewrite).await;
        Self { demo: node.demo(), place, node, application, gateway }
    }

    /// A client of the gateway, without a credential.
    pub(super) fn anonymous(&self) -> Client {
        Client::anonymous(&format!("http://{}", self.gateway.address))
    }

    /// A client of the gateway with this credential.
    pub(super) fn client(&self, credential: &str) -> Client {
        self.anonymous().with(credential)
    }

    /// The demo's partner, as a client of the service itself.
    pub(super) fn partner(&self) -> Client {
        self.node.client(&self.demo.partner.app_secret)
    }

    /// The value of a new secret key of the merchant.
    pub(super) async fn key(&self, scopes: &[&str]) -> String {
        self.partner().create(&self.demo.merchant, "Till", scopes).await.value
    }

    /// A new secret key of the merchant that may read charges, and a client of the gateway with it.
    pub(super) async fn till(&self) -> (Issued, Client) {
        let key = self.partner().create(&self.demo.merchant, "Till", &["charges:read"]).await;
        let client = self.client(&key.value);
        (key, client)
    }

    /// Checks that a new key passes before it is revoked, and is refused immediately afterwards.
    pub(super) async fn a_revoked_key_is_refused(&self) {
        let (key, till) = self.till().await;
        for _ in 0..3 {
            till.get("/charges").await.expect(200);
        }
        self.partner().revoke(&key.id).await.expect(204);
        self.refused(&till).await.expect_problem(401, "invalid_credential");
    }

    /// Sends a request to the gateway byte for byte, and reads its answer to the end: for requests that no HTTP library
    /// sends.
    pub(super) async fn raw(&self, head: &str) -> String {
        let mut raw = Raw::connect(&self.gateway.address).await.unwrap();
        raw.send(&format!("{head}\r\nHost: {}\r\nConnection: close\r\n\r\n", self.gateway.address)).await;
        raw.read_to_the_end().await
    }

    /// Sends a request to the gateway, and checks that nothing reaches the application.
    pub(super) async fn kept_out(&self, client: &Client, method: Method, path: &str, headers: HeaderMap) -> Answer {
        let before = self.application.reached();
        let answer = client.try_send(method, path, None, headers).await.unwrap();
        assert_eq!(self.application.reached(), before, "it reached the application: {} {}", answer.status, answer.text);
        answer
    }

    /// The same for reading charges.
    pub(super) async fn refused(&self, client: &Client) -> Answer {
        self.kept_out(client, Method::GET, "/charges", HeaderMap::new()).await
    }

    /// The gateway's log.
    pub(super) fn log(&self) -> String {
        self.gateway.daemon.output_so_far()
    }

    /// Stops the service; the rest stays.
    pub(super) fn without_service(self) -> (FixtureWithoutService, Place) {
        self.node.stop();
        (FixtureWithoutService { application: self.application, gateway: self.gateway }, self.place)
    }
}

/// The fixture without the service.
pub(super) struct FixtureWithoutService {
    pub(super) application: Application,
    gateway: Gateway,
}

impl FixtureWithoutService {
    pub(super) fn client(&self, credential: &str) -> Client {
        Client::anonymous(&format!("http://{}", self.gateway.address)).with(credential)
    }
}

impl Gateway {
    /// Starts it with the example, changing only the addresses.
    async fn start<K: Kind>(service: &str, application: &str, rewrite: impl FnOnce(String) -> String) -> Self {
        let path = keyward_testkit::run::workspace_root().join(K::EXAMPLE);
        let example = std::fs::read_to_string(&path).unwrap();
        let address = free_address();
        let mut configuration = example;
        for (shown, used) in K::ADDRESSES.into_iter().zip([&*address, service, application]) {
            assert_eq!(configuration.matches(shown).count(), 1, "{} contains {shown:?} once", K::EXAMPLE);
            let used = shown.replace(shown.trim_start_matches("listen ").trim_end_matches(';'), used);
            configuration = configuration.replace(shown, &used);
        }
        let folder = tempfile::tempdir().unwrap();
        let daemon = K::start(folder.path(), &rewrite(configuration));
        eventually("the gateway answers", async || {
            assert!(daemon.is_running(), "the gateway ended:\n{}", daemon.output_so_far());
            Raw::connect(&address).await.is_ok()
        })
        .await;
        Self { daemon, address, _folder: folder }
    }
}

/// The request as the application received it.
pub(super) struct Echo(pub(super) Value);

impl Echo {
    #[track_caller]
    pub(super) fn of(answer: &Answer) -> Self {
        assert_eq!(answer.status, 200, "{}", answer.text);
        Self(answer.json())
    }

    /// The headers with this name, however it is spelled: as a program behind CGI or WSGI reads them, where case and
    /// the two kinds of dashes are the same.
    pub(super) fn all(&self, name: &str) -> Vec<String> {
        let fold = |name: &str| name.to_ascii_lowercase().replace('_', "-");
        let headers = self.0["headers"].as_array().unwrap().iter();
        let here = headers.filter(|header| fold(header[0].as_str().unwrap()) == fold(name));
        here.map(|header| header[1].as_str().unwrap().to_owned()).collect()
    }
}
