//! TLS from files: with a certificate made for one test, https works, and plain HTTP on that port does not.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use keyward_testkit::http::{LIMIT, client_options};
use rcgen::{CertificateParams, CertifiedKey, KeyPair, date_time_ymd, generate_simple_self_signed};
use reqwest::{Certificate, Method, header::HeaderMap};

use crate::harness::{Client, Node, Place, Raw, eventually};

/// Writes a new certificate to the two files, and returns it for a client that is to trust it.
fn certificate(folder: &Path) -> Certificate {
    write(folder, generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap())
}

/// Writes one that expires at the start of this year.
fn certificate_until(year: i32, folder: &Path) {
    let mut wanted = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    wanted.not_after = date_time_ymd(year, 1, 1);
    let signing_key = KeyPair::generate().unwrap();
    write(folder, CertifiedKey { cert: wanted.self_signed(&signing_key).unwrap(), signing_key });
}

fn write(folder: &Path, CertifiedKey { cert, signing_key }: CertifiedKey<KeyPair>) -> Certificate {
    fs::write(folder.join("tls.crt"), cert.pem()).unwrap();
    let key = folder.join("tls.key");
    fs::write(&key, signing_key.serialize_pem()).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    Certificate::from_der(cert.der()).unwrap()
}

fn client(trusted: Certificate, base_url: &str) -> Client {
    let http = client_options(LIMIT).tls_certs_only([trusted]).build().unwrap();
    Client::over(http, base_url)
}

fn serve(place: &Place) -> Node {
    let files = [("KEYWARD_TLS__CERTIFICATE", "tls.crt"), ("KEYWARD_TLS__KEY", "tls.key")];
    place.sandbox().envs(&files).serve()
}

async fn is_trusted(trusted: &Certificate, node: &Node) -> bool {
    let client = client(trusted.clone(), node.base_url());
    client.try_send(Method::GET, "/healthz", None, HeaderMap::new()).await.is_ok_and(|answer| answer.status == 200)
}

#[tokio::test]
async fn https_works_and_plain_http_does_not() {
    let place = Place::embedded();
    let trusted = certificate(place.folder());
    let node = serve(&place);
    assert!(node.base_url().starts_with("https://127.0.0.1:"), "{}", node.base_url());
    let demo = node.demo();
    let secure = client(trusted, node.base_url());
    secure.get("/readyz").await.expect(200);
    let partner = secure.with(&demo.partner.app_secret);
    let key = partner.create(&demo.merchant, "over TLS", &[]).await;
    assert_eq!(partner.verdict(&key.value).await, "VALID");
    let tokens = secure.tokens(&demo.partner.app_key, &demo.partner.app_secret).await;
    secure.with(&tokens.access).get("/v1/merchants").await.expect(200);

    let mut plain = Raw::connect(node.address()).await.unwrap();
    plain.send("GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    assert!(!plain.read_to_the_end().await.contains("HTTP/"), "plain HTTP was answered");
    // A client that does not trust the certificate refuses it.
    let stranger = Client::anonymous(node.base_url());
    let asked = stranger.try_send(Method::GET, "/healthz", None, HeaderMap::new()).await;
    assert!(asked.is_err_and(|error| error.is_connect()));
    node.stop();
}

#[tokio::test]
async fn a_new_certificate_is_adopted_automatically_and_a_broken_one_is_not() {
    let place = Place::embedded();
    let old = certificate(place.folder());
    let node = serve(&place);
    assert!(is_trusted(&old, &node).await);
    let new = certificate(place.folder());
    eventually("the new certificate is in use", async || is_trusted(&new, &node).await).await;
    assert!(!is_trusted(&old, &node).await);

    fs::write(place.folder().join("tls.crt"), "torn").unwrap();
    eventually("the log reports it", async || node.output_so_far().contains("kept the old certificate")).await;
    assert!(is_trusted(&new, &node).await);
    node.stop();
}

#[tokio::test]
async fn a_hang_up_rereads_unchanged_certificates() {
    let place = Place::embedded();
    let trusted = certificate(place.folder());
    let node = serve(&place);
    node.hang_up();
    eventually("the log reports it", async || node.output_so_far().contains("took over the certificate in tls.crt"))
        .await;
    fs::set_permissions(place.folder().join("tls.key"), fs::Permissions::from_mode(0o644)).unwrap();
    node.hang_up();
    eventually("the log reports it", async || node.output_so_far().contains("chmod 600 tls.key")).await;
    assert!(is_trusted(&trusted, &node).await);
    node.stop();
}

#[tokio::test]
async fn the_metrics_show_when_the_certificate_in_use_ends() {
    let place = Place::embedded();
    certificate_until(2100, place.folder());
    let files = [("KEYWARD_TLS__CERTIFICATE", "tls.crt"), ("KEYWARD_TLS__KEY", "tls.key")];
    let node = place.sandbox().envs(&files).words("--metrics-listen 127.0.0.1:0").serve();
    let end = async || node.metric("keyward_tls_certificate_expiry_timestamp_seconds").await;
    // 1 January 2100 and 2101, in seconds since the Unix epoch.
    assert!((end().await - 4_102_444_800.0).abs() < 0.5);
    certificate_until(2101, place.folder());
    eventually("the new certificate is in use", async || (end().await - 4_133_980_800.0).abs() < 0.5).await;
    node.stop();
}
