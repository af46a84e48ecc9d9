//! `Containerfile`, interpreted as an engine does; its program is started here.

use serde_json::Value;

use super::read;
use crate::harness::{Place, Program, free_address};

/// Instructions with their arguments, in order.
pub(super) struct Image(Vec<(String, String)>);

impl Image {
    pub(super) fn read() -> Self {
        let text = read("Containerfile").replace("\\\n", " ");
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let split = |line: &str| line.split_once(' ').map(|(word, rest)| (word.to_owned(), rest.trim().to_owned()));
        Self(lines.map(|line| split(line).unwrap_or_else(|| panic!("{line} has no argument"))).collect())
    }

    /// The last stage.
    fn stage(&self) -> &[(String, String)] {
        let begin = self.0.iter().rposition(|(word, _)| word == "FROM").unwrap();
        &self.0[begin..]
    }

    fn all(&self, word: &str) -> Vec<&str> {
        self.stage().iter().filter(|(found, _)| found == word).map(|(_, rest)| rest.as_str()).collect()
    }

    pub(super) fn one(&self, word: &str) -> &str {
        let found = self.all(word);
        assert_eq!(found.len(), 1, "{word} in the last stage");
        found[0]
    }

    /// The words of an instruction in exec form, which needs no shell.
    fn words(&self, word: &str) -> Vec<String> {
        list(self.one(word))
    }

    /// The environment variables of the image.
    pub(super) fn variables(&self) -> Vec<(String, String)> {
        let pair = |pair: &str| pair.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
        self.one("ENV").split_whitespace().map(|it| pair(it).unwrap()).collect()
    }

    /// The path of the program in the image.
    pub(super) fn program(&self) -> String {
        self.words("ENTRYPOINT").remove(0)
    }
}

fn list(json: &str) -> Vec<String> {
    let words: Vec<Value> = serde_json::from_str(json).unwrap_or_else(|error| panic!("{error}: {json}"));
    words.iter().map(|word| word.as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_image_has_the_program_at_its_entry_point_and_does_not_run_as_root() {
    let image = Image::read();
    assert_eq!(image.one("USER"), "65532:65532");
    let program = image.program();
    assert!(image.all("COPY").contains(&format!("--from=build /src/target/release/keyward {program}").as_str()));
    let built = image.0.iter().find(|(word, rest)| word == "RUN" && rest.starts_with("cargo ")).unwrap();
    assert_eq!(built.1, "cargo build --locked --release --bin keyward");
    // The folder has the mode that the service demands, and belongs to its user.
    let folder = image.0.iter().find(|(word, rest)| word == "RUN" && rest.contains("/rootfs")).unwrap();
    assert_eq!(folder.1, "install -d -m 700 /rootfs/data");
    assert!(image.all("COPY").contains(&"--from=build --chown=65532:65532 /rootfs/ /"));
    assert!(image.variables().contains(&("KEYWARD_DATA_DIR".to_owned(), image.one("VOLUME").to_owned())));
}

#[test]
fn the_image_is_built_by_the_oldest_supported_compiler() {
    let manifest = read("Cargo.toml");
    let promised = manifest.lines().find_map(|line| line.strip_prefix("rust-version = ")).unwrap().trim_matches('"');
    let (_, build) = Image::read().0.remove(0);
    assert!(build.starts_with(&format!("docker.io/library/rust:{promised}-")), "{build}");
    let ignored = read(".dockerignore");
    for name in [".git", "target", "keyward-data", "secrets"] {
        assert!(ignored.lines().any(|line| line == name), "{name} would be sent to the engine");
    }
}

#[tokio::test]
async fn the_image_starts_a_server_that_its_health_check_accepts() {
    let (image, place) = (Image::read(), Place::embedded());
    let address = free_address();
    let port = address.rsplit_once(':').unwrap().1;
    let here = |(name, value): (String, String)| {
        let exposed = format!(":{}", image.one("EXPOSE"));
        let value = if name == "KEYWARD_LISTEN" {
            value.strip_suffix(&exposed).map(|ip| format!("{ip}:{port}")).expect("it exposes another port")
        } else {
            value.replacen(image.one("VOLUME"), "data", 1)
        };
        (name, value)
    };
    let variables: Vec<_> = image.variables().into_iter().map(here).collect();
    let keyward = |words: &[String]| {
        let program = Program::in_folder(place.folder());
        let program = variables.iter().fold(program, |program, (name, value)| program.env(name, value));
        words.iter().fold(program, Program::word)
    };
    let (options, check) = image.one("HEALTHCHECK").split_once(" CMD ").unwrap();
    assert!(options.contains("--interval=") && options.contains("--timeout="), "{options}");
    let check = list(check);
    assert_eq!(check[0], image.program(), "there is no shell to find it");

    let start: Vec<String> = image.words("ENTRYPOINT").into_iter().skip(1).chain(image.words("CMD")).collect();
    let node = keyward(&start).serve();
    node.anonymous().get("/readyz").await.expect(200);
    assert!(place.folder().join("data/keyward.db").is_file(), "its data is elsewhere");
    keyward(&check[1..]).run().success();
    node.stop();
    assert_eq!(keyward(&check[1..]).run().code, Some(1));
}
