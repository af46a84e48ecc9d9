//! The demo accounts of a sandbox: how a newcomer finds their credentials, on a terminal and in a shell.

use crate::harness::{Demo, Finished, Place, Program, binary, on_both, shell};

on_both!(a_shell_gets_the_variables_of_the_first_requests, every_start_on_a_terminal_shows_lines_to_paste);

/// The variables of a shell after it has read the lines.
fn in_a_shell(lines: &str, place: &Place) -> [String; 3] {
    let script = format!("eval \"$(cat <<'END'\n{lines}\nEND\n)\"\nprintf '%s\\n' \"$KW\" \"$KEY\" \"$MID\"");
    let printed = shell(&script, place.folder()).success().out;
    let words: Vec<String> = printed.lines().map(str::to_owned).collect();
    words.try_into().unwrap_or_else(|words| panic!("not three lines: {words:?}"))
}

fn expected(base_url: &str, demo: &Demo) -> [String; 3] {
    [base_url.to_owned(), demo.partner.app_secret.clone(), demo.merchant.clone()]
}

fn env(program: Program) -> Finished {
    program.words("demo env").run()
}

async fn a_shell_gets_the_variables_of_the_first_requests(place: Place) {
    let refusal = env(place.keyward()).refusal();
    assert!(refusal.contains("there is no ./keyward-data/demo.json") && refusal.contains("serve"), "{refusal}");
    let node = place.sandbox().serve();
    let demo = node.demo();
    let lines = env(place.keyward()).success().out;
    assert_eq!(in_a_shell(&lines, &place), expected(node.base_url(), &demo));
    // A single file needs no database to identify it: this shell does not know the server's.
    assert_eq!(env(Program::in_folder(place.folder())).success().out, lines);
    let elsewhere = place.keyward().words("demo env --url https://sandbox.test/").run().success().out;
    assert_eq!(in_a_shell(&elsewhere, &place), expected("https://sandbox.test", &demo));
    node.stop();
    // The next server has another address, and the lines contain it.
    let node = place.sandbox().serve();
    assert_eq!(in_a_shell(&env(place.keyward()).success().out, &place), expected(node.base_url(), &demo));
    node.client(&demo.partner.app_secret).get("/v1/merchants").await.expect(200);
    node.stop();
    std::fs::write(place.data().join("demo.json"), "torn").unwrap();
    env(place.keyward()).refuses_with(&["another database"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_several_files_a_shell_gets_the_one_of_its_database() {
    let (first, second) = (Place::postgres().await, Place::postgres().await);
    let on = |place: &Place| Program::in_folder(first.folder()).env("DATABASE_URL", place.url().unwrap());
    for place in [&first, &second] {
        on(place).words("serve --listen 127.0.0.1:0 --demo").serve().stop();
    }
    let file = |name: &str| std::fs::read_to_string(first.data().join(name)).unwrap();
    for (place, name) in [(&first, "demo.json"), (&second, "demo-2.json")] {
        let [_, secret, merchant] = in_a_shell(&env(on(place)).success().out, place);
        let found = file(name).contains(&secret) && file(name).contains(&merchant);
        assert!(found, "the shell got credentials of another file than {name}");
    }
    env(Program::in_folder(first.folder())).refuses_with(&["demo.json", "demo-2.json", "cannot be asked"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_sandbox_reports_how_to_create_accounts() {
    let place = Place::postgres().await;
    let node = place.keyward().words("serve --listen 127.0.0.1:0").serve();
    assert!(node.output_so_far().contains("no accounts yet: start with --demo"), "{}", node.output_so_far());
    node.stop();
    let node = place.keyward().words("serve --listen 127.0.0.1:0 --demo").serve();
    assert!(node.output_so_far().contains("demo credentials: ./keyward-data/demo.json"), "{}", node.output_so_far());
    node.stop();
    // Another node with the same accounts, which has no file of theirs.
    std::fs::remove_file(place.data().join("demo.json")).unwrap();
    let node = place.keyward().words("serve --listen 127.0.0.1:0 --demo").serve();
    assert!(node.output_so_far().contains("keyward help key pair"), "{}", node.output_so_far());
    node.stop();
}

async fn every_start_on_a_terminal_shows_lines_to_paste(place: Place) {
    let node = place.sandbox().serve();
    let secret = node.demo().partner.app_secret;
    let output = node.output_so_far();
    assert!(!output.contains("curl") && !output.contains(&secret), "a pipe received output meant for a terminal");
    node.stop();
    for _ in 0..2 {
        let mut terminal = place.sandbox().on_terminal();
        terminal.until("keyward is ready on ");
        terminal.until("demo env");
        let seen = terminal.seen();
        let lines: Vec<&str> = seen.lines().map(str::trim).filter(|line| line.starts_with("curl -s http")).collect();
        assert!(lines.len() == 3 && lines.iter().all(|line| line.contains(&secret)), "not three lines to paste");
        assert!(seen.contains(&format!("eval \"$({}", binary().display())), "no line that sets variables");
        terminal.terminate();
        assert_eq!(terminal.end().code, Some(0));
    }
}
