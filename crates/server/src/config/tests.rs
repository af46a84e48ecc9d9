//! The precedence of sources, refusals and their messages, and the match of sample and settings.

use std::collections::HashMap;

use super::*;

const SAMPLE: &str = include_str!("../../keyward.toml.sample");

/// A start with this file (if any), these variables and these flags.
struct Start<'a> {
    file: Option<&'a str>,
    variables: &'a [(&'a str, &'a str)],
    flags: &'a [(&'static str, &'a str)],
    purpose: Purpose,
}

const PLAIN: Start<'static> = Start { file: None, variables: &[], flags: &[], purpose: Purpose::Serve };

fn load(start: &Start<'_>) -> Result<Settings, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keyward.toml");
    let config = start.file.map(|text| {
        fs_write(&path, text);
        path.clone()
    });
    let settings = start.flags.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    let variables: HashMap<_, _> =
        start.variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Settings::load(&Flags { config, settings }, variables, start.purpose)
        .map_err(|error| error.to_string().replace(&path.display().to_string(), "keyward.toml"))
}

fn fs_write(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
}

#[test]
fn without_settings_it_is_a_sandbox_on_this_machine() {
    let settings = load(&PLAIN).unwrap();
    assert_eq!(settings.environment, Environment::Sandbox);
    assert_eq!(settings.listen.to_string(), "127.0.0.1:8080");
    assert!(settings.is_embedded() && settings.auto_migrate && settings.partners_name_mids && settings.seeds_demo());
    assert_eq!(settings.master_key_path(), Path::new("./keyward-data/master.key"));
}

#[test]
fn the_environment_overrides_the_file_and_flags_override_both() {
    let file = Some("listen = \"127.0.0.1:1\"\n[limits]\nmax_connections = 5\nrequest_timeout = \"1s\"\n");
    let variables = &[("KEYWARD_LISTEN", "127.0.0.1:2"), ("KEYWARD_LIMITS__MAX_CONNECTIONS", "6")];
    let flags = &[("listen", "127.0.0.1:3")];
    for (start, port) in [
        (Start { file, ..PLAIN }, 1),
        (Start { file, variables, ..PLAIN }, 2),
        (Start { file, variables, flags, ..PLAIN }, 3),
    ] {
        assert_eq!(load(&start).unwrap().listen.port(), port);
    }
    let limits = load(&Start { file, variables, ..PLAIN }).unwrap().limits;
    assert_eq!((limits.max_connections, limits.request_timeout), (6, Duration::from_secs(1)));
}

#[test]
fn the_database_has_its_own_variable() {
    let url = "postgres://u:p@h/db";
    for name in ["DATABASE_URL", "KEYWARD_DATABASE_URL"] {
        let settings = load(&Start { variables: &[(name, url)], ..PLAIN }).unwrap();
        assert!(!settings.is_embedded() && !settings.seeds_demo(), "{name}");
    }
}

#[test]
fn lists_are_lists_or_separated_by_commas() {
    let file = Some("trusted_proxies = [\"10.0.0.0/8\", \"::1\"]");
    let variables = &[("KEYWARD_TRUSTED_PROXIES", "10.0.0.0/8, ::1")];
    for start in [Start { file, ..PLAIN }, Start { variables, ..PLAIN }] {
        let proxies = load(&start).unwrap().trusted_proxies;
        assert_eq!(proxies, ["10.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()]);
    }
    assert!(
        load(&Start { variables: &[("KEYWARD_TRUSTED_PROXIES", "")], ..PLAIN }).unwrap().trusted_proxies.is_empty()
    );
}

#[test]
fn each_refusal_names_the_setting_its_source_and_the_expected_value() {
    type Case<'a> = (Start<'a>, &'a [&'a str]);
    let of_file = |text| Start { file: Some(text), ..PLAIN };
    let of_variable = |variable| Start { variables: std::slice::from_ref(variable), ..PLAIN };
    let wide: Vec<String> = (0..256).map(|first| format!("{first}.0.0.0/8")).collect();
    let wide = wide.join(",");
    let wide = ("KEYWARD_TRUSTED_PROXIES", wide.as_str());
    let cases: [Case<'_>; 27] = [
        (of_variable(&wide), &["trusted_proxies", "sixteen of /8"]),
        (of_file("[limits]\ndrain = \"10d\""), &["limits.drain", "at most 1h"]),
        (of_file("[limits]\nshutdown_timeout = \"61m\""), &["limits.shutdown_timeout", "at most 1h"]),
        (of_variable(&("DATABASE_URL", "postgres://u@h:99999/d")), &["DATABASE_URL", "from 1 to 65535"]),
        (of_variable(&("DATABASE_URL", "postgres://u@h/d?port=0")), &["DATABASE_URL", "from 1 to 65535"]),
        (
            of_file("[limits]\nrequest_timeout = 10"),
            &["limits.request_timeout (KEYWARD_LIMITS__REQUEST_TIMEOUT) in keyward.toml is \"10\"", "with its unit"],
        ),
        (
            of_variable(&("KEYWARD_LISTEN", "8080")),
            &["listen (KEYWARD_LISTEN) in the environment is \"8080\"", "an IP address and a port"],
        ),
        (
            Start { flags: &[("environment", "prod")], ..PLAIN },
            &["environment (KEYWARD_ENVIRONMENT) on the command line is \"prod\"", "sandbox or production"],
        ),
        (of_file("[limits]\nmax_conections = 1"), &["there is no setting limits.max_conections", "max_connections"]),
        (of_variable(&("KEYWARD_LIMTS__X", "1")), &["no setting limts.x (KEYWARD_LIMTS__X) in the environment"]),
        (of_variable(&("KEYWARD_LIMITS", "1")), &["no setting limits (KEYWARD_LIMITS) in the environment"]),
        (of_file("[listen]\nport = 1"), &["listen (KEYWARD_LISTEN)", "must be a single value"]),
        (of_file("trusted_proxies = [\"10.0.0.0/8\", \"me\"]"), &["trusted_proxies", "\"me\"", "networks such as"]),
        (of_variable(&("KEYWARD_TRUSTED_PROXIES", "10.0.0.0/8, 0.0.0.0/0")), &["trusted_proxies", "\"0.0.0.0/0\""]),
        (of_file("[tls]\nkey = \"k\""), &["tls.certificate", "tls.key", "go together"]),
        (of_file("[limits]\nmax_header_bytes = 100"), &["limits.max_header_bytes", "from 16384"]),
        (of_file("[database]\nmin_connections = 20"), &["database.min_connections", "database.max_connections"]),
        (of_variable(&("KEYWARD_LOG__FILTER", "a=b=c")), &["log.filter", "a level"]),
        (of_variable(&("KEYWARD_LOG__FILTER", "warning")), &["log.filter", "is \"warning\"", "a level"]),
        (
            of_variable(&("KEYWARD_PORT", "9999")),
            &["there is no setting port (KEYWARD_PORT) in the environment", "listen"],
        ),
        (of_variable(&("KEYWARD_LIMITS__MAX_BODY_BYTES", "-1")), &["limits.max_body_bytes", "a whole number"]),
        (of_variable(&("KEYWARD_SECRET_HASH", "md5")), &["secret_hash", "hmac or argon2id"]),
        (of_variable(&("KEYWARD_AUTO_MIGRATE", "perhaps")), &["auto_migrate", "true or false"]),
        (of_variable(&("KEYWARD_PUBLIC_URL", "keys.example.com")), &["public_url", "an address such as https://"]),
        (of_variable(&("KEYWARD_LOG__FORMAT", "xml")), &["log.format", "auto, human or json"]),
        (of_variable(&("KEYWARD_SERVICE_PORT", "http")), &["there is no setting service_port"]),
        (of_variable(&("KEYWARD_TEST", "1")), &["there is no setting test (KEYWARD_TEST)"]),
    ];
    for (start, words) in cases {
        let refusal = load(&start).unwrap_err();
        for word in words {
            assert!(refusal.contains(word), "{word:?} is missing in: {refusal}");
        }
    }
}

#[test]
fn all_errors_are_reported_together() {
    let variables = &[("KEYWARD_LISTEN", "x"), ("KEYWARD_DEMO", "yes"), ("KEYWARD_COLOUR", "blue")];
    let refusal = load(&Start { variables, ..PLAIN }).unwrap_err();
    assert!(refusal.starts_with("3 settings are missing or invalid\n"), "{refusal}");
}

#[test]
fn a_configuration_file_may_be_in_a_folder_of_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secrets@node/password.toml");
    std::fs::create_dir(path.parent().unwrap()).unwrap();
    fs_write(&path, "listen = \"127.0.0.1:1234\"");
    let in_variable = HashMap::from([("KEYWARD_CONFIG".to_owned(), path.display().to_string())]);
    for (config, variables) in [(None, in_variable), (Some(path.clone()), HashMap::new())] {
        let merged = layers::merge(&Flags { config, ..Flags::default() }, variables).unwrap();
        assert_eq!(merged.file, path);
    }
}

#[test]
fn a_value_that_looks_like_a_token_is_never_quoted() {
    let random: String = "aB3-dE6_gH9".chars().cycle().take(43).collect();
    let token = format!("{}{}.x", "ey", "J0eXAi");
    for text in [&random, &token] {
        assert_eq!(quoted(text), None, "{text}");
    }
    for plain in ["key_01h2xcejqtf2nbrexx3vqjhp41", "mid_01h2xcejqtf2nbrexx3vqjhp41", "/var/lib/Keyward-2/data", "30d"]
    {
        assert!(quoted(plain).is_some(), "{plain}");
    }
}

#[test]
fn a_password_is_never_quoted() {
    let starts = [
        Start { variables: &[("DATABASE_URL", "mysql://u:open-sesame@h/db")], ..PLAIN },
        Start { variables: &[("KEYWARD_DATABASE_DIRECT_URL", "mysql://u:open-sesame@h/db")], ..PLAIN },
        Start { variables: &[("DATABASE_URL", "postgres://u:open/sesame@h/db")], ..PLAIN },
        Start { variables: &[("DATABASE_URL", "postgres://h/db?pasword=open-sesame")], ..PLAIN },
        // In the wrong setting, and not quite an address.
        Start { variables: &[("KEYWARD_PUBLIC_URL", "postgres://u:open-sesame@h/db")], ..PLAIN },
        Start { variables: &[("KEYWARD_LISTEN", "postgres:/u:open-sesame@h/db")], ..PLAIN },
        Start { variables: &[("KEYWARD_TRUSTED_PROXIES", "10.0.0.1,postgres://u:open-sesame")], ..PLAIN },
        Start { variables: &[("KEYWARD_DATA_DIR", "postgres://u:open-sesame@h/db")], ..PLAIN },
        Start { variables: &[("KEYWARD_CONFIG", "postgres://u:open-sesame@h/db")], ..PLAIN },
        Start { flags: &[("metrics_listen", "postgres://h/db?password=open-sesame")], ..PLAIN },
        Start { file: Some("[database]\nmax_connections = \"postgres://u:open-sesame@h/db\""), ..PLAIN },
        Start { file: Some("database_url = postgres://u:open-sesame@h/db"), ..PLAIN },
        Start { file: Some("database_url = \"postgres://u:open-sesame@h/db\"\nlisten = \"x\""), ..PLAIN },
    ];
    for start in starts {
        let refusal = load(&start).unwrap_err();
        assert!(!refusal.contains("sesame"), "{refusal}");
    }
    let settings = load(&Start { variables: &[("DATABASE_URL", "postgres://u:open-sesame@h/db")], ..PLAIN }).unwrap();
    assert!(!format!("{settings:?}").contains("sesame"));
}

#[test]
fn a_file_that_is_no_toml_is_named_with_the_place() {
    let refusal = load(&Start { file: Some("listen = \n"), ..PLAIN }).unwrap_err();
    assert!(refusal.contains("keyward.toml is not TOML") && refusal.contains("line 1"), "{refusal}");
    let absent = Flags { config: Some("/nowhere/keyward.toml".into()), ..Flags::default() };
    let refusal = Settings::load(&absent, HashMap::new(), Purpose::Serve).unwrap_err();
    assert!(refusal.to_string().contains("cannot read the configuration file /nowhere/keyward.toml"));
}

#[test]
fn production_lists_all_missing_settings() {
    let missing =
        |purpose, flags: &'static [(&'static str, &'static str)]| load(&Start { flags, purpose, ..PLAIN }).unwrap_err();
    let refusal = missing(Purpose::Serve, &[("environment", "production"), ("demo", "true")]);
    let demo = ["no demo", "--demo", "keyward account create --role platform"];
    let missing_ones = ["4 settings", "DATABASE_URL", "data_dir", "master_key_file", "public_url", "head -c 32"];
    for word in demo.into_iter().chain(missing_ones) {
        assert!(refusal.contains(word), "{word}: {refusal}");
    }
    let refusal = missing(Purpose::Operate, &[("environment", "production"), ("data_dir", "d")]);
    assert!(refusal.contains("master_key_file") && !refusal.contains("public_url"), "{refusal}");
    assert!(!missing(Purpose::Migrate, &[("environment", "production")]).contains("master_key_file"));
    let asks = load(&Start { flags: &[("environment", "production")], purpose: Purpose::Ask, ..PLAIN });
    assert!(asks.is_ok(), "a question needs no database: {asks:?}");
}

#[test]
fn production_with_all_settings_has_neither_demo_nor_automatic_migrations() {
    let flags = &[
        ("environment", "production"),
        ("data_dir", "d"),
        ("master_key_file", "k"),
        ("public_url", "https://keys.example.com/"),
    ];
    let settings = load(&Start { flags, ..PLAIN }).unwrap();
    assert!(!settings.auto_migrate && !settings.partners_name_mids && !settings.seeds_demo());
    assert_eq!(settings.public_url.as_deref(), Some("https://keys.example.com"));
    assert_eq!(settings.master_key_path(), Path::new("k"));
}

#[test]
fn the_demo_is_the_default_only_where_no_other_machine_can_reach_it() {
    let seeds = |variables| load(&Start { variables, ..PLAIN }).unwrap().seeds_demo();
    assert!(!seeds(&[("KEYWARD_LISTEN", "0.0.0.0:8080")]));
    assert!(seeds(&[("KEYWARD_LISTEN", "0.0.0.0:8080"), ("KEYWARD_DEMO", "true")]));
    assert!(seeds(&[("DATABASE_URL", "postgres://h/db"), ("KEYWARD_DEMO", "true")]));
    assert!(!seeds(&[("KEYWARD_DEMO", "false")]));
}

#[test]
fn variables_that_are_not_ours_are_ignored() {
    let variables = &[
        ("KEYWARD_SERVICE_HOST", "10.0.0.1"),
        ("KEYWARD_SERVICE_PORT_HTTP", "80"),
        ("KEYWARD_PORT", "tcp://10.0.0.1:80"),
        ("KEYWARD_PORT_80_TCP", "tcp://10.0.0.1:80"),
        ("KEYWARD_PORT_80_TCP_PROTO", "tcp"),
        ("KEYWARD_PORT_80_TCP_PORT", "80"),
        ("KEYWARD_PORT_80_TCP_ADDR", "10.0.0.1"),
        ("KEYWARD_API_SERVICE_HOST", "fd00::1"),
        ("KEYWARD_API_SERVICE_PORT", "443"),
        ("KEYWARD_API_PORT", "tcp://[fd00::1]:443"),
        ("KEYWARD_API_PORT_443_TCP", "tcp://[fd00::1]:443"),
        ("KEYWARD_API_PORT_443_TCP_ADDR", "fd00::1"),
        ("KEYWARD_TEST_DATABASE_URL", "postgres://h/db"),
    ];
    assert!(load(&Start { variables, ..PLAIN }).is_ok());
}

#[test]
fn an_earlier_name_of_a_setting_works_with_a_warning_but_not_beside_the_current_one() {
    const EARLIER: (&str, &str) = ("KEYWARD_LIMITS__MAX_REQUESTS_AT_ONCE", "7");
    let settings = load(&Start { variables: &[EARLIER], ..PLAIN }).unwrap();
    assert_eq!(settings.limits.max_concurrent_requests, 7);
    let [warning] = settings.warnings.as_slice() else { panic!("{:?}", settings.warnings) };
    assert!(warning.contains(EARLIER.0) && warning.contains("is now limits.max_concurrent_requests"), "{warning}");

    let file = Some("[limits]\nmax_concurrent_requests = 8\n");
    assert!(load(&Start { file, ..PLAIN }).unwrap().warnings.is_empty());
    let refusal = load(&Start { file, variables: &[EARLIER], ..PLAIN }).unwrap_err();
    assert!(refusal.contains("omit it"), "{refusal}");
    let refusal = load(&Start { variables: &[(EARLIER.0, "many")], ..PLAIN }).unwrap_err();
    assert!(refusal.contains(EARLIER.0) && refusal.contains("many"), "{refusal}");
}

#[test]
fn the_sample_equals_the_defaults() {
    let (sample, plain) = (load(&Start { file: Some(SAMPLE), ..PLAIN }).unwrap(), load(&PLAIN).unwrap());
    let plain = Settings { data_dir_given: true, ..plain };
    assert_eq!(format!("{sample:#?}"), format!("{plain:#?}"));
}

#[test]
fn sample_and_page_name_every_setting_and_the_examples_are_valid() {
    let is_example = |line: &str| line.strip_prefix('#').is_some_and(|rest| rest.starts_with(char::is_alphabetic));
    let all: Vec<&str> = SAMPLE.lines().map(|line| if is_example(line) { &line[1..] } else { line }).collect();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keyward.toml");
    fs_write(&path, &all.join("\n"));
    let merged = layers::merge(&Flags { config: Some(path), ..Flags::default() }, HashMap::new()).unwrap();

    let mut named = Vec::new();
    reader::flatten(&merged.root, "", &mut named);
    let mut reader = Reader::new(merged);
    Settings::read(&mut reader);
    let mut named: Vec<_> = named.into_iter().map(|(name, _)| name).collect();
    named.sort();
    assert_eq!(named, reader.known_names());
    let page = include_str!("../../../../docs/settings.md");
    let is_on_the_page = |name: &&String| {
        let last = name.rsplit('.').next().unwrap_or_default();
        page.contains(&format!("`{name}`")) || page.contains(&format!("`.{last}`"))
    };
    assert_eq!(named.iter().find(|name| !is_on_the_page(name)), None, "docs/settings.md does not name it");
    assert_eq!(reader.finish(Vec::new()), Ok(()));
}
