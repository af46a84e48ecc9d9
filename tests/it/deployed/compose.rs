//! `compose.yaml`, and the commands of `docs/containers.md`: with the real program and a real Postgres in place of a
//! container engine.

use std::{collections::BTreeMap, fs, os::unix::fs::PermissionsExt as _, path::Path};

use keyward_testkit::pg::{Cluster, Durability, Options};
use serde_json::Value;
use yaml_rust2::{Yaml, YamlLoader};

use super::{image::Image, read};
use crate::harness::{Page, Place, Program, binary, free_address, installed, mode_of, private, run, shell};

fn compose() -> Yaml {
    let text = read("compose.yaml");
    YamlLoader::load_from_str(&text).unwrap_or_else(|error| panic!("compose.yaml: {error}")).remove(0)
}

fn texts(list: &Yaml) -> Vec<String> {
    list.as_vec().unwrap().iter().map(|it| it.as_str().unwrap().to_owned()).collect()
}

/// The value of a text with one `${NAME:-default}` if the variable is not set.
fn default(text: &str) -> &str {
    text.split_once(":-").map_or(text, |(_, rest)| rest.trim_end_matches('}'))
}

/// The variables of a service, including those of the image; its secrets and volumes are in this folder.
fn variables(service: &str, folder: &Path) -> BTreeMap<String, String> {
    let (document, image) = (compose(), Image::read());
    let service = &document["services"][service]["environment"];
    let own = service.as_hash().unwrap().iter();
    let own = own.map(|(name, value)| (name.as_str().unwrap().to_owned(), default(value.as_str().unwrap()).to_owned()));
    let here = |value: String| {
        let secrets = folder.join("secrets").display().to_string();
        let data = folder.join("data").display().to_string();
        if value == image.one("VOLUME") { data } else { value.replace("/run/secrets", &secrets) }
    };
    image.variables().into_iter().chain(own).map(|(name, value)| (name, here(value))).collect()
}

#[test]
fn the_file_has_no_password_and_the_page_lists_each_secret() {
    let document = compose();
    let folder = Place::embedded();
    make_secrets(folder.folder());
    let (files, image) = (document["secrets"].as_hash().unwrap(), Image::read());
    for (name, secret) in files {
        let file = folder.folder().join(secret["file"].as_str().unwrap());
        assert_eq!(mode_of(&file), 0o600, "{name:?}");
    }
    for (name, service) in document["services"].as_hash().unwrap() {
        for (variable, value) in service["environment"].as_hash().unwrap() {
            let (variable, value) = (variable.as_str().unwrap(), value.as_str().unwrap());
            let is_path = !variable.contains("PASSWORD") || variable.ends_with("_FILE");
            assert!(is_path && !value.contains('@'), "{variable} holds a password");
        }
        for secret in texts(&service["secrets"]) {
            assert!(files.contains_key(&Yaml::String(secret.clone())), "{name:?} needs {secret}");
            // The process that reads it must own it.
            let owner = if name.as_str() == Some("postgres") { "999:999" } else { image.one("USER") };
            let is_given = |line: &str| line.starts_with(&format!("chown {owner} ")) && line.contains(&secret);
            assert!(secrets_block().lines().any(is_given), "{secret} is not given to {owner}");
        }
    }
}

#[test]
fn the_service_starts_after_the_migration_and_has_no_privileges() {
    let services = &compose()["services"];
    let after = |service: &str, other: &str| services[service]["depends_on"][other]["condition"].as_str();
    assert_eq!(after("migrate", "postgres"), Some("service_healthy"));
    assert_eq!(after("keyward", "migrate"), Some("service_completed_successfully"));
    for service in ["migrate", "keyward"] {
        let service = &services[service];
        assert_eq!(service["read_only"].as_bool(), Some(true));
        assert_eq!(
            (texts(&service["cap_drop"]), texts(&service["security_opt"])),
            (vec!["ALL".to_owned()], vec!["no-new-privileges:true".to_owned()])
        );
        assert_eq!(service["build"]["dockerfile"].as_str(), Some("Containerfile"));
        assert!(service["user"].is_badvalue(), "the image's user is not kept");
    }
    // A completed job is not restarted.
    assert_eq!(services["migrate"]["restart"].as_str(), Some("no"));
    let ports = texts(&services["keyward"]["ports"]);
    assert!(
        ports.iter().all(|it| it.starts_with("127.0.0.1:") && it.ends_with(Image::read().one("EXPOSE"))),
        "{ports:?}"
    );
}

fn secrets_block() -> String {
    Page::read("docs/containers.md").section("## With Postgres").blocks("sh").remove(0)
}

/// Creates the secrets as the page does, except for their owners, which only root can set.
fn make_secrets(folder: &Path) {
    let block = secrets_block();
    let (made, given): (Vec<&str>, Vec<&str>) = block.lines().partition(|line| !line.starts_with("chown "));
    assert_eq!(given.len(), 2, "{block}");
    shell(&made.join("\n"), folder).success();
}

/// Quotes a shell word.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// Replaces `docker compose`: runs a service's program here, with its variables. Starts and builds no containers.
fn stand_in(folder: &Path, server: &str) {
    let (host, port) = server.rsplit_once(':').unwrap();
    let keyward = |service: &str| {
        let variables = variables(service, folder);
        let all: Vec<String> = variables.iter().map(|(name, value)| quoted(&format!("{name}={value}"))).collect();
        format!("exec env -i {} {} \"$@\"", all.join(" "), quoted(&binary().display().to_string()))
    };
    let psql = installed("psql", "postgresql-client");
    let command = texts(&compose()["services"]["migrate"]["command"]).join(" ");
    let script = format!(
        "#!/bin/sh\nset -eu\ncase \"$*\" in\n\
         'compose build' | 'compose up -d' | 'compose up -d postgres') exit 0 ;;\n\
         'compose run --rm migrate') set -- {command}; {migrate} ;;\n\
         'compose run --rm keyward '*) shift 4; {serve} ;;\n\
         'compose exec keyward {program} '*) shift 4; {serve} ;;\n\
         'compose exec -T postgres psql '*) shift 5; PGPASSWORD=$(cat secrets/owner-password); export PGPASSWORD\n\
         exec {psql} -X -h {host} -p {port} \"$@\" ;;\n\
         *) echo \"what is docker $*?\" >&2; exit 64 ;;\nesac\n",
        migrate = keyward("migrate"),
        serve = keyward("keyward"),
        program = Image::read().program(),
        psql = psql.display(),
    );
    let path = folder.join("bin/docker");
    fs::create_dir(folder.join("bin")).unwrap();
    fs::write(&path, script).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
}

/// Prepares what an engine provides: the owner that the Postgres image creates, the address of the server, the volume.
fn prepare(folder: &Path, admin: &str, server: &str) {
    let password = fs::read_to_string(folder.join("secrets/owner-password")).unwrap();
    private(
        &folder.join("role.sql"),
        &format!(
            "CREATE ROLE keyward_owner LOGIN SUPERUSER PASSWORD '{password}';\nCREATE DATABASE keyward OWNER \
             keyward_owner;\n"
        ),
    );
    let psql = installed("psql", "postgresql-client");
    run(&psql, ["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", admin, "-f", "role.sql"], folder).success();
    for name in ["secrets/owner.toml", "secrets/service.toml"] {
        let text = fs::read_to_string(folder.join(name)).unwrap();
        assert_eq!(text.matches("@postgres/").count(), 1, "it names another server than the service `postgres`");
        private(&folder.join(name), &text.replace("@postgres/", &format!("@{server}/")));
    }
    fs::create_dir(folder.join("docs")).unwrap();
    fs::write(folder.join("docs/production.md"), read("docs/production.md")).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_leads_from_secrets_to_a_healthy_service_with_accounts() {
    let cluster = Cluster::start_with(Options { durability: Durability::Fast, tcp: true }).unwrap();
    let admin = cluster.tcp_url().unwrap();
    let server = admin.split(['@', '/']).find(|part| part.starts_with("127.0.0.1:")).unwrap();
    let place = Place::embedded();
    let folder = place.folder();
    make_secrets(folder);
    prepare(folder, &admin, server);
    stand_in(folder, server);
    let [_, database, accounts, serve] =
        <[String; 4]>::try_from(Page::read("docs/containers.md").section("## With Postgres").blocks("sh")).unwrap();
    let page = |block: &str| shell(&format!("export PATH=\"$PWD/bin:$PATH\"\n{block}"), folder).success();
    page(&database);
    // There is no terminal here; the page says what to do then.
    page(&format!("{} --out root.json", accounts.trim_end()));

    let services = &compose()["services"];
    let address = free_address();
    let keyward = |words: &[String]| {
        let program = variables("keyward", folder)
            .into_iter()
            .fold(Program::in_folder(folder), |program, (name, value)| program.env(&name, value));
        words.iter().fold(program.env("KEYWARD_LISTEN", &address), Program::word)
    };
    let node = keyward(&texts(&services["keyward"]["command"])).serve();
    let check = texts(&services["keyward"]["healthcheck"]["test"]);
    assert_eq!(check[..2], ["CMD".to_owned(), Image::read().program()]);
    keyward(&check[2..]).run().success();
    page(&serve);
    let root: Value = serde_json::from_str(&fs::read_to_string(folder.join("root.json")).unwrap()).unwrap();
    node.client(root["appSecret"].as_str().unwrap()).get("/v1/merchants").await.expect(200);
    // It runs under its own role.
    let log = node.stop().err;
    assert!(!log.contains("knows us as"), "{log}");
    assert_eq!(keyward(&check[2..]).run().code, Some(1));
}
