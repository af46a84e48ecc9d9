//! The pages under `/docs` in Debian's Chromium, as a reader sees them: wide, dark, and on a phone.

use serde_json::Value;

use crate::harness::Place;

#[test]
fn the_reference_works_in_a_browser_and_asks_no_other_host() {
    let chromium = keyward_testkit::tools::find_or_install("chromium", "chromium").unwrap();
    let place = Place::embedded();
    let node = place.sandbox().serve();
    let printed = keyward_testkit::outside::node("page.mjs", &[chromium.to_str().unwrap(), node.base_url()]).unwrap();
    let views: Vec<Value> = printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(views.len(), 3, "{printed}");
    for view in &views {
        for bad in ["console", "failed", "elsewhere", "refused"] {
            assert_eq!(view[bad], serde_json::json!([]), "{bad}: {view}");
        }
        assert_eq!(view["landed"], "/docs", "{view}");
        assert_eq!(view["wide"], false, "the page is wider than its window: {view}");
    }
    let [desktop, dark, _] = views.as_slice() else { unreachable!("three views were counted") };
    assert!(desktop["operations"].as_u64().is_some_and(|count| count > 10), "{desktop}");
    assert_ne!(desktop["background"], dark["background"], "{dark}");
    node.stop();
}
