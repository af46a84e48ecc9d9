//! The README, as pasted: its own lines against a new node, and its sample answers against the real ones.

use std::path::{Path, PathBuf};

use crate::harness::{Node, Page, Place, binary, free_address, installed, on_both, run, shell};

on_both!(blocking the_lines_for_the_first_key_work_as_pasted; waiting);

fn the_lines_for_the_first_key_work_as_pasted(place: &Place) {
    let curl = shell("command -v curl", place.folder());
    assert_eq!(
        curl.code,
        Some(0),
        "there is no curl, and the README's lines need it: install it (Debian: apt-get install curl)"
    );
    let node = place.sandbox().serve();
    let section = Page::read("README.md").section("## First key in a minute");
    let finished = shell(&pasted(&section.blocks("sh").concat()), place.folder()).success();
    assert_eq!(finished.err, "", "{}", finished.out);
    section.samples_are_like(&finished.out);
    node.stop();
}

#[test]
fn a_request_passes_through_nginx_by_the_readme_alone() {
    let place = Place::embedded();
    let node = place.sandbox().serve();
    let readme = Page::read("README.md");
    let begin = readme.section("## First key in a minute").blocks("sh").remove(0);
    let next = readme.section("## What next");
    let through_nginx = next.blocks("sh").remove(0);
    let nginx = Nginx::prepare(&place, &node);
    let script = pasted(&format!("{begin}{through_nginx}"));
    assert_eq!((script.matches("nginx -p ").count(), script.matches(SHOWN_GATEWAY).count()), (2, 2), "{script}");
    let script = script.replace("nginx -p ", &format!("{} -p ", nginx.program.display()));
    let finished = shell(&script.replace(SHOWN_GATEWAY, &nginx.address), place.folder()).success();
    next.samples_are_like(&finished.out);
    node.stop();
}

#[test]
fn every_link_of_a_page_leads_to_a_file() {
    let root = keyward_testkit::run::workspace_root();
    let examples = ["examples/nginx", "examples/caddy", "examples/observability", "examples/systemd"];
    let folders = ["", "docs"].into_iter().chain(examples).map(|folder| root.join(folder));
    let files = folders.flat_map(|folder| std::fs::read_dir(folder).unwrap()).map(|entry| entry.unwrap().path());
    let (mut pages, mut links) = (0, 0);
    for page in files.filter(|file| file.extension().is_some_and(|extension| extension == "md")) {
        let text = std::fs::read_to_string(&page).unwrap();
        pages += 1;
        for rest in text.split("](").skip(1) {
            let link = rest.split([')', '#']).next().unwrap_or_default();
            if !link.contains("://") && !link.is_empty() {
                assert!(page.with_file_name(link).exists(), "{} links to {link}", page.display());
                links += 1;
            }
        }
    }
    assert!(pages > 8 && links > 20, "{links} links on {pages} pages: most are not found");
}

/// The binary that the reader runs with `cargo run`, already built by the tests.
#[track_caller]
fn pasted(script: &str) -> String {
    let cargo = "cargo run --quiet --";
    assert_eq!(script.matches(cargo).count(), 1, "the README's lines do not get the credentials from `{cargo}`");
    script.replace(cargo, &binary().display().to_string())
}

const SHOWN_GATEWAY: &str = "127.0.0.1:8000";

/// The examples where the README's lines look for them, with free addresses.
struct Nginx {
    program: PathBuf,
    address: String,
    folder: PathBuf,
}

impl Nginx {
    fn prepare(place: &Place, node: &Node) -> Self {
        let nginx =
            Self { program: installed("nginx", "nginx"), address: free_address(), folder: place.folder().to_owned() };
        let examples = nginx.folder.join("examples/nginx");
        std::fs::create_dir_all(&examples).unwrap();
        let application = free_address();
        for name in ["keyward.conf", "try.conf"] {
            let text =
                std::fs::read_to_string(keyward_testkit::run::workspace_root().join("examples/nginx").join(name))
                    .unwrap();
            let text = text.replace("listen 8000;", &format!("listen {};", nginx.address));
            let text = text.replace("127.0.0.1:9000", &application).replace("127.0.0.1:8080", node.address());
            std::fs::write(examples.join(name), text).unwrap();
        }
        nginx
    }
}

impl Drop for Nginx {
    /// The README's lines stop it. If they failed before, this does.
    fn drop(&mut self) {
        let (prefix, configuration) = (self.folder.join("try-nginx/"), self.folder.join("examples/nginx/try.conf"));
        if prefix.join("nginx.pid").exists() {
            let arguments = [Path::new("-p"), &prefix, Path::new("-c"), &configuration, "-s".as_ref(), "stop".as_ref()];
            run(&self.program, arguments, &self.folder);
        }
    }
}
