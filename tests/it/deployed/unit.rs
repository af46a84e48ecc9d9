//! `examples/systemd/keyward.service`, as systemd's own tools judge it.

use super::read;
use crate::harness::{Place, binary, installed, private, run};

/// Maximum exposure that the unit's README promises, in tenths.
const EXPOSURE: &str = "15";

#[test]
fn systemd_accepts_the_unit_and_rates_it_as_promised() {
    let unit = read("examples/systemd/keyward.service");
    let program = "/usr/local/bin/keyward";
    assert_eq!(unit.matches(program).count(), 1);
    let place = Place::embedded();
    // The tool requires that the program exists.
    private(&place.folder().join("keyward.service"), &unit.replace(program, &binary().display().to_string()));
    let analyze = installed("systemd-analyze", "systemd");
    let verified = run(&analyze, ["verify", "./keyward.service"], place.folder()).success();
    assert_eq!(verified.output().trim(), "", "systemd-analyze complains about the unit");
    let rate = ["security", "--offline=true", "--no-pager", "--threshold", EXPOSURE, "./keyward.service"];
    run(&analyze, rate, place.folder()).success();
    let readme = read("examples/systemd/README.md").replace('\n', " ");
    assert!(readme.contains("below 1.5 of 10"), "the README promises another exposure");
}

#[test]
fn the_unit_uses_what_the_service_can_do() {
    let unit = read("examples/systemd/keyward.service");
    for line in [
        // `supervised` tests the notification of readiness, and `hang_up` the reload.
        "Type=notify",
        "ExecReload=/bin/sh -c 'kill -HUP $MAINPID'",
        "User=keyward",
        "LoadCredential=master.key:/etc/keyward/master.key",
        "Environment=KEYWARD_MASTER_KEY_FILE=%d/master.key",
        "Environment=KEYWARD_DATA_DIR=/var/lib/keyward",
        "StateDirectory=keyward",
        "StateDirectoryMode=0700",
    ] {
        assert!(unit.lines().any(|found| found == line), "{line} is missing");
    }
    // A password in a unit is readable by every user.
    assert!(!unit.contains("://"), "the unit holds an address");
}
