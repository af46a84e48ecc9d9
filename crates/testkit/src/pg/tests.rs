//! Tests of a real throwaway cluster: it answers, survives the faults of fault tests, and leaves nothing behind.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{Cluster, Durability, Options, Replication};
use crate::run;

/// Runs SQL over a URL.
fn psql(cluster: &Cluster, url: &str, sql: &str) -> anyhow::Result<String> {
    // A developer's setting, which must have no effect.
    let mut command = super::psql(cluster.bin_dir(), url);
    Ok(run::capture(command.env("PGPORT", "1").args(["-c", sql]))?.trim_end().to_owned())
}

/// Whether the process with this id still runs. In a container it may never be reaped.
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
fn over_tcp_a_password_is_required() {
    let cluster = Cluster::start_with(Options { durability: Durability::Fast, tcp: true }).unwrap();
    let url = cluster.tcp_url().unwrap();
    assert_eq!(psql(&cluster, &url, "SELECT host(inet_server_addr())").unwrap(), "127.0.0.1");
    assert_eq!(psql(&cluster, &cluster.url(), "SELECT 1").unwrap(), "1");
    let guess = url.replace("keyward:", "keyward:0");
    let refusal = psql(&cluster, &guess, "SELECT 1").unwrap_err().to_string();
    assert!(refusal.contains("password authentication failed"), "{refusal}");
}

#[test]
fn committed_data_survive_every_way_to_end_the_server() {
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

/// Runs SQL in the database to which the cluster's own URL leads.
fn ask(cluster: &Cluster, sql: &str) -> String {
    psql(cluster, &cluster.url(), sql).unwrap()
}

const NAMES: &str = "SELECT string_agg(name, ',' ORDER BY name) FROM event";

#[test]
fn a_restored_base_backup_has_all_earlier_commits() {
    let cluster = Cluster::start(Durability::Fast).unwrap();
    ask(&cluster, "CREATE TABLE event (name TEXT); INSERT INTO event VALUES ('before')");
    let backup = cluster.base_backup("backup").unwrap();
    for _ in 0..2 {
        ask(&cluster, "INSERT INTO event VALUES ('later')");
        cluster.stop_immediately().unwrap();
        cluster.put_back(&backup).unwrap();
        cluster.start_again().unwrap();
        assert_eq!(ask(&cluster, NAMES), "before");
    }
}

#[test]
fn a_promoted_standby_lacks_commits_after_it_was_cut_off() {
    let cluster = Cluster::start_with(Options { durability: Durability::Fast, tcp: true }).unwrap();
    ask(&cluster, "CREATE TABLE event (name TEXT)");
    let address = (cluster.url(), cluster.tcp_url().unwrap());
    for (round, left) in [(1, "kept 1"), (2, "kept 1,kept 2")] {
        let standby = cluster.standby(Replication::Asynchronous).unwrap();
        let kept = format!("SET synchronous_commit = on; INSERT INTO event VALUES ('kept {round}')");
        ask(&cluster, &kept);
        standby.cut_off().unwrap();
        ask(&cluster, "SET synchronous_commit = on; INSERT INTO event VALUES ('lost')");
        let refusal = cluster.fail_over(cluster.standby(Replication::Asynchronous).unwrap()).unwrap_err();
        assert!(refusal.to_string().contains("stop it first"), "{refusal}");
        cluster.kill9().unwrap();
        cluster.fail_over(standby).unwrap();
        assert_eq!(ask(&cluster, NAMES), left);
        assert_eq!(psql(&cluster, &cluster.tcp_url().unwrap(), NAMES).unwrap(), left);
    }
    assert_eq!(cluster.url(), address.0);
    assert_ne!(cluster.tcp_url().unwrap(), address.1);
    // The promoted server is restarted like any other.
    cluster.restart().unwrap();
    assert_eq!(ask(&cluster, NAMES), "kept 1,kept 2");
}

#[test]
fn a_synchronous_standby_has_every_commit_that_returned() {
    let cluster = Cluster::start(Durability::Fast).unwrap();
    ask(&cluster, "CREATE TABLE event (name TEXT)");
    let standby = cluster.standby(Replication::Synchronous).unwrap();
    ask(&cluster, "SET synchronous_commit = on; INSERT INTO event VALUES ('last')");
    cluster.stop_immediately().unwrap();
    cluster.fail_over(standby).unwrap();
    assert_eq!(ask(&cluster, NAMES), "last");
    // The promoted server waits for no standby.
    ask(&cluster, "SET synchronous_commit = on; INSERT INTO event VALUES ('after')");
    assert_eq!(ask(&cluster, NAMES), "after,last");
}

/// Not a test: the process that the next test kills. It does nothing without the variable that the next test sets.
#[test]
fn victim() {
    if run::variable("KEYWARD_XTASK_VICTIM").is_none() {
        return;
    }
    let cluster = Cluster::start(Durability::Fast).unwrap();
    let _standby = cluster.standby(Replication::Asynchronous).unwrap();
    println!("\nfolder={}", cluster.socket_dir().display());
    // Blocks until it is killed: the other end never closes.
    std::io::stdin().lock().read_line(&mut String::new()).unwrap();
}

#[test]
fn the_servers_and_the_folder_of_a_killed_owner_are_removed() {
    let mut owner = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "pg::tests::victim", "--nocapture"])
        .env("KEYWARD_XTASK_VICTIM", "yes")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(owner.stdout.take().unwrap()).lines();
    let folder = lines.map(Result::unwrap).find_map(|line| line.strip_prefix("folder=").map(PathBuf::from)).unwrap();
    let pids = [postmaster(&folder), postmaster(&folder.join("standby-1"))];
    assert!(pids.iter().all(|pid| lives(pid)));

    owner.kill().unwrap();
    owner.wait().unwrap();

    assert!(super::server::eventually(|| Ok(!folder.exists())).unwrap(), "{} is still there", folder.display());
    for pid in pids {
        assert!(super::server::eventually(|| Ok(!lives(&pid))).unwrap(), "Postgres (process {pid}) is still there");
    }
}
