//! `/docs`, `/docs/problems` and the guides: pages that need only this service.

use keyward_api::http::problem::Code;

use crate::harness::{Answer, World};

const GUIDES: [&str; 7] = ["accounts", "authentication", "scopes", "errors", "pagination", "gateways", "which-key"];

fn paths() -> impl Iterator<Item = String> {
    let pages = ["/docs", "/docs/problems", "/docs/guides"].map(str::to_owned);
    pages.into_iter().chain(GUIDES.map(|name| format!("/docs/guides/{name}")))
}

async fn get(world: &World, path: &str) -> Answer {
    let answer = world.request("GET", path).send().await;
    assert_eq!(answer.status, 200, "{path}");
    answer
}

async fn page(world: &World, path: &str) -> String {
    let answer = get(world, path).await;
    assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
    assert!(answer.header("content-security-policy").unwrap().starts_with("default-src 'none'"));
    answer.text().to_owned()
}

#[tokio::test]
async fn no_page_loads_from_another_host_and_every_link_resolves() {
    let world = World::new().await;
    for path in paths() {
        let page = page(&world, &path).await;
        for attribute in [" src=\"", " href=\"", " action=\""] {
            for (at, _) in page.match_indices(attribute) {
                let target = page[at + attribute.len()..].split('"').next().unwrap();
                if target == "data:," {
                    continue;
                }
                assert!(target.starts_with('/') && !target.starts_with("//"), "{path}: {target}");
                let (target, anchor) = target.split_once('#').unwrap_or((target, ""));
                let there = get(&world, target).await;
                assert!(anchor.is_empty() || there.text().contains(&format!("id=\"{anchor}\"")), "{path}: {anchor}");
            }
        }
        for never in ["@import", "<iframe", "url(", "javascript:", " onclick=", "http://", "https://cdn"] {
            assert!(!page.contains(never), "{path}: {never}");
        }
    }
}

#[tokio::test]
async fn the_reference_runs_only_scripts_of_this_service_and_has_no_inline_script() {
    let world = World::new().await;
    let answer = get(&world, "/docs").await;
    let policy = answer.header("content-security-policy").unwrap();
    for rule in [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data:",
        "font-src 'self' data:",
        "connect-src 'self'",
        "frame-ancestors 'none'",
    ] {
        assert!(policy.split("; ").any(|part| part == rule), "{policy}: {rule}");
    }
    for script in answer.text().split("<script").skip(1) {
        assert!(script.starts_with(" src=\"/docs/") && script.contains("\"></script>"), "{script}");
    }
    for path in ["/docs/start.js", "/docs/scalar.js"] {
        assert_eq!(get(&world, path).await.header("content-type"), Some("text/javascript; charset=utf-8"), "{path}");
    }
}

#[tokio::test]
async fn the_script_is_compressed_where_accepted_and_sent_once_per_version() {
    let world = World::new().await;
    let plain = get(&world, "/docs/scalar.js").await;
    let ask = |name: &'static str, value: String| world.request("GET", "/docs/scalar.js").header(name, &value).send();
    let packed = ask("accept-encoding", "br, gzip".to_owned()).await;
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    assert!(packed.body.len() * 2 < plain.body.len());
    assert_eq!((plain.header("content-encoding"), plain.header("vary")), (None, Some("Accept-Encoding")));
    let tag = plain.header("etag").unwrap().to_owned();
    assert_eq!(packed.header("etag"), Some(tag.as_str()));
    let again = ask("if-none-match", format!("\"other\", {tag}")).await;
    assert_eq!((again.status.as_u16(), again.body.len()), (304, 0));
    assert_eq!(ask("if-none-match", "\"other\"".to_owned()).await.status, 200);
}

#[tokio::test]
async fn an_unknown_guide_is_not_found() {
    let world = World::new().await;
    for path in ["/docs/guides/nothing", "/docs/guides/", "/docs/guides/%ff", "/docs/scalar.css"] {
        world.request("GET", path).send().await.problem(404, "not_found");
    }
}

#[tokio::test]
async fn guides_name_only_existing_calls_and_codes() {
    let world = World::new().await;
    let document = world.request("GET", "/openapi.json").send().await.json(200);
    let templates: Vec<&String> = document["paths"].as_object().unwrap().keys().collect();
    let known = |path: &str| {
        let path = path.trim_end_matches('/').replace("{mid}", "{}").replace("$MID", "{}").replace("key_…", "{}");
        templates.iter().any(|template| {
            let segments = template.split('/').map(|segment| if segment.starts_with('{') { "{}" } else { segment });
            path == segments.collect::<Vec<_>>().join("/")
        })
    };
    let mut named = 0;
    for name in GUIDES {
        let page = page(&world, &format!("/docs/guides/{name}")).await;
        let calls = page.split("/v1/").skip(1).map(|rest| {
            let end = rest.find(|c: char| !(c.is_alphanumeric() || "-_/{}$…".contains(c))).unwrap_or(rest.len());
            format!("/v1/{}", &rest[..end])
        });
        for call in calls.filter(|call| call != "/v1/") {
            assert!(known(&call), "{name}: {call}");
            named += 1;
        }
        for status in ["400 ", "403 ", "404 ", "409 ", "503 "] {
            for rest in page.split(&format!("{status}<code>")).skip(1) {
                let code = rest.split('<').next().unwrap();
                assert!(Code::ALL.iter().any(|known| known.as_str() == code), "{name}: {code}");
                named += 1;
            }
        }
    }
    assert!(named > 20, "{named}");
}

#[tokio::test]
async fn the_list_of_problems_has_an_anchor_for_each_code() {
    let world = World::new().await;
    let page = page(&world, "/docs/problems").await;
    assert_eq!(page.matches("<tr id=").count(), Code::ALL.len());
    for code in Code::ALL {
        assert!(page.contains(&format!("<tr id=\"{}\">", code.as_str())), "{}", code.as_str());
        assert!(page.contains(&code.title().replace('\'', "&#39;")));
    }
}
