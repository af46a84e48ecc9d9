//! `docs/production.md`, block by block: from an empty machine and an empty database server to a partner's first key.

use keyward_testkit::pg::{Cluster, Durability, Options};
use serde_json::Value;

use crate::harness::{Finished, Page, Place, Program, binary, installed, mode_of, page_values, private, run, shell};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_leads_from_an_empty_machine_to_a_partners_first_key() {
    let cluster = Cluster::start_with(Options { durability: Durability::Fast, tcp: true }).unwrap();
    let machine = Machine::of(&cluster);
    let page = Page::read("docs/production.md");

    machine.psql("postgres", &page.section("## 1. The database").block("sql"));
    let set_up = machine.lines(&page.section("## 2. The machine").block("sh"));
    shell(&set_up, machine.folder()).success();
    for (file, mode) in [("master.key", 0o600), ("root.json", 0o600), ("partner-1.json", 0o600), ("", 0o700)] {
        assert_eq!(mode_of(&machine.folder().join("etc").join(file)), mode, "{file}");
    }
    machine.psql("keyward", &page.section("## 3. A role of the service's own").block("sql"));

    let serve = machine.lines(&page.section("## 4. Serve").block("sh"));
    let before = serve.strip_suffix("keyward serve\n").expect("it ends with the service");
    // The same shell as before, without what is made once.
    let exports: String = set_up.lines().filter(|line| line.starts_with("export ")).fold(String::new(), add_line);
    let node = Program::in_folder(machine.folder()).under(&format!("{exports}{before}").trim_end().replace('\n', "; "));
    let node = node.words("serve --listen 127.0.0.1:0").serve();

    let first = page.section("## 5. The partner's first key").block("sh");
    let first = machine.lines(&first.replace("127.0.0.1:8080", node.address()));
    let answers = page_values(&shell(&first, machine.folder()).success().out);
    let [shop, key] = answers.as_slice() else { panic!("not two answers: {answers:?}") };
    assert_eq!((&shop["role"], &shop["parent_mid"]), (&"merchant".into(), &"partner-1".into()), "{shop}");
    assert_eq!((&key["mid"], &key["state"]), (&shop["mid"], &"active".into()), "{key}");
    let value = key["value"].as_str().unwrap();
    assert!(value.starts_with("sk_live_"), "production issues live keys");
    let root: Value = serde_json::from_str(&machine.read("etc/root.json")).unwrap();
    let platform = node.client(root["appSecret"].as_str().unwrap());
    assert_eq!(platform.verdict(value).await, "VALID");
    // A server with the role of the tables' owner warns.
    let log = node.stop().err;
    assert!(!log.contains("owner of the tables"), "{log}");
}

fn add_line(lines: String, line: &str) -> String {
    lines + line + "\n"
}

/// The machine of the page, in a folder of this one.
struct Machine {
    place: Place,
    admin: String,
    /// The page's text, and its replacement here.
    here: Vec<(String, String)>,
}

impl Machine {
    fn of(cluster: &Cluster) -> Self {
        let place = Place::embedded();
        let folder = place.folder().display().to_string();
        let admin = cluster.tcp_url().unwrap();
        let server = admin.split(['@', '/']).find(|part| part.starts_with("127.0.0.1:")).unwrap().to_owned();
        std::fs::create_dir(place.folder().join("bin")).unwrap();
        let here = [
            ("/etc/keyward", format!("{folder}/etc")),
            ("/usr/local/bin", format!("{folder}/bin")),
            ("target/release/keyward", binary().display().to_string()),
            ("db.example", server),
            ("OWNER_PASSWORD", format!("owner{}", std::process::id())),
            ("SERVICE_PASSWORD", format!("service{}", std::process::id())),
        ];
        Self { place, admin, here: here.map(|(shown, here)| (shown.to_owned(), here)).into() }
    }

    fn folder(&self) -> &std::path::Path {
        self.place.folder()
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder().join(name)).unwrap()
    }

    /// The lines of a block, on this machine.
    fn lines(&self, block: &str) -> String {
        let lines = self.here.iter().fold(block.to_owned(), |block, (shown, here)| block.replace(shown, here));
        format!("export PATH={}/bin:$PATH\n{lines}", self.folder().display())
    }

    /// Runs a block of SQL in this database, as the server's administrator.
    fn psql(&self, database: &str, block: &str) -> Finished {
        let sql = self.here.iter().fold(block.to_owned(), |block, (shown, here)| block.replace(shown, here));
        let file = self.folder().join("block.sql");
        private(&file, &sql);
        let url = keyward_testkit::pg::with_database(&self.admin, database).unwrap();
        let psql = installed("psql", "postgresql-client");
        run(&psql, ["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", &url, "-f", "block.sql"], self.folder()).success()
    }
}
