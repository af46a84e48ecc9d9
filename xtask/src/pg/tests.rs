//! The promises of a throwaway cluster, kept by a real one: it answers, it survives what fault tests do to it, it
//! leaves nothing.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{Cluster, Durability, Options};
use crate::run;

/// Runs SQL by `psql` over a URL and answers what it prints, without a header.
fn psql(cluster: &Cluster, url: &str, sql: &str) -> anyhow::Result<String> {
    let mut command = Command::new(cluster.bin_dir().join("psql"));
    // A developer's own setting, which must not lead anywhere else.
    command.env("PGPORT", "1").args(["-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", sql]);
    Ok(run::capture(&mut command)?.trim_end().to_owned())
}

/// Whether a process, by its number, still runs; in a container nobody may ever reap it.
fn lives(pid: &str) -> bool {
    super::server::processes().unwrap().iter().any(|process| process.pid.as_raw_nonzero().to_string() == pid)
}

fn postmaster(folder: &Path) -> String {
    let file = std::fs::read_to_string(folder.join("data/postmaster.pid")).unwrap();
    file.lines().next().unwrap().to_owned()
}

#[test]
fn a_fast_cluster_answers_and_leaves_nothing_behind() {
    let cluster = Cluster::start(Durability::Fast).unwrap();
    let settings = "SELECT current_setting('fsync') || current_setting('server_encoding') || current_user";
    assert_eq!(psql(&cluster, &cluster.url(), settings).unwrap(), "offUTF8keyward");
    let (folder, pid) = (cluster.socket_dir().to_owned(), postmaster(cluster.socket_dir()));
    drop(cluster);
    assert!(!folder.exists(), "{}", folder.display());
    assert!(!lives(&pid));
}

#[test]
fn over_tcp_only_the_password_opens() {
    let cluster = Cluster::start_with(Options { durability: Durability::Fast, tcp: true }).unwrap();
    let url = cluster.tcp_url().unwrap();
    assert_eq!(psql(&cluster, &url, "SELECT host(inet_server_addr())").unwrap(), "127.0.0.1");
    assert_eq!(psql(&cluster, &cluster.url(), "SELECT 1").unwrap(), "1");
    let guess = url.replace("keyward:", "keyward:0");
    let refusal = psql(&cluster, &guess, "SELECT 1").unwrap_err().to_string();
    assert!(refusal.contains("password authentication failed"), "{refusal}");
}

#[test]
fn what_was_committed_survives_every_way_to_end_it() {
    let cluster = Cluster::start(Durability::Real).unwrap();
    let run = |sql| psql(&cluster, &cluster.url(), sql).unwrap();
    assert_eq!(run("SELECT current_setting('fsync') || current_setting('synchronous_commit')"), "onon");
    run("CREATE TABLE event (name TEXT)");
    for (name, end) in [
        ("INSERT INTO event VALUES ('order')", Cluster::stop as fn(&Cluster) -> anyhow::Result<()>),
        ("INSERT INTO event VALUES ('hurry')", Cluster::stop_immediately),
        ("INSERT INTO event VALUES ('kill')", Cluster::kill9),
    ] {
        run(name);
        end(&cluster).unwrap();
        assert!(psql(&cluster, &cluster.url(), "SELECT 1").is_err());
        cluster.start_again().unwrap();
    }
    assert_eq!(run("SELECT string_agg(name, ',') FROM event"), "order,hurry,kill");
    assert!(cluster.start_again().unwrap_err().to_string().contains("running already"));
}

/// Not a test of its own: the process that the next test kills. It does nothing unless it is asked to.
#[test]
fn victim() {
    if run::variable("KEYWARD_XTASK_VICTIM").is_none() {
        return;
    }
    let cluster = Cluster::start(Durability::Fast).unwrap();
    println!("\nfolder={}", cluster.socket_dir().display());
    // Until the other end closes, which it never does.
    std::io::stdin().lock().read_line(&mut String::new()).unwrap();
}

#[test]
fn a_killed_owner_takes_its_server_and_its_folder_along() {
    let mut owner = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "pg::tests::victim", "--nocapture"])
        .env("KEYWARD_XTASK_VICTIM", "yes")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(owner.stdout.take().unwrap()).lines();
    let folder = lines.map(Result::unwrap).find_map(|line| line.strip_prefix("folder=").map(PathBuf::from)).unwrap();
    let pid = postmaster(&folder);
    assert!(lives(&pid));

    owner.kill().unwrap();
    owner.wait().unwrap();

    assert!(super::server::eventually(|| Ok(!folder.exists())).unwrap(), "{} is still there", folder.display());
    assert!(super::server::eventually(|| Ok(!lives(&pid))).unwrap(), "Postgres (process {pid}) is still there");
}
