//! `/docs` and `/docs/problems`: pages that need nothing but themselves.

use keyward_api::http::problem::Code;

use crate::harness::World;

async fn page(world: &World, path: &str) -> String {
    let answer = world.request("GET", path).send().await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
    assert!(answer.header("content-security-policy").unwrap().starts_with("default-src 'none'"));
    answer.text().to_owned()
}

#[tokio::test]
async fn no_page_needs_anything_from_elsewhere() {
    let world = World::new().await;
    for path in ["/docs", "/docs/problems"] {
        let page = page(&world, path).await;
        for attribute in ["src=", "href=", "action=", "url("] {
            for (at, _) in page.match_indices(attribute) {
                let target = page[at + attribute.len()..].trim_start_matches(['"', '\'']);
                let inside = target.starts_with('#') || target.starts_with('/') && !target.starts_with("//");
                assert!(inside, "{path}: {}", &page[at..(at + 60).min(page.len())]);
            }
        }
        for never in ["<script", "@import", "<iframe", "<link"] {
            assert!(!page.contains(never), "{path}: {never}");
        }
    }
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

#[tokio::test]
async fn the_reference_names_every_operation_and_every_link_leads_somewhere() {
    let world = World::new().await;
    let page = page(&world, "/docs").await;
    let document = world.request("GET", "/openapi.json").send().await.json(200);
    for (path, operations) in document["paths"].as_object().unwrap() {
        for method in operations.as_object().unwrap().keys() {
            assert!(page.contains(&format!("id=\"{}-{path}\"", method.to_uppercase())), "{method} {path}");
        }
    }
    for (at, _) in page.match_indices("href=\"#") {
        let anchor = page[at + 7..].split('"').next().unwrap();
        assert!(page.contains(&format!("id=\"{anchor}\"")), "{anchor}");
    }
}
