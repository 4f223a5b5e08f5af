//! The program as a person types it: help, exit codes, errors that say what to do, results on standard output.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod support;

use std::collections::BTreeSet;
use std::path::Path;

use loadtest::verdict::LATE_ANSWERS_SHARE_MAX;
use serde_json::Value;
use support::folder::Folder;
use support::program::{Ended, Program, command};
use support::server::banner_request;

const COMMANDS: [&str; 10] = [
    "demo",
    "serve",
    "init",
    "bid",
    "explain",
    "loadtest",
    "verify",
    "replay",
    "model",
    "check-config",
];
/// Bad usage or configuration.
const USAGE: Option<i32> = Some(64);
const SUCCESS: Option<i32> = Some(0);
const FAILURE: Option<i32> = Some(1);

/// Everything the command says, in one text.
fn expect(folder: &Folder, args: &[&str], code: Option<i32>) -> String {
    let ended = folder.run(args);
    assert_eq!(ended.code, code, "{args:?}: {ended:?}");
    format!("{}{}", ended.out, ended.err)
}

#[test]
fn help_names_every_command_and_goes_to_standard_output() {
    let folder = Folder::new();
    let help = folder.run(&["--help"]);
    assert_eq!((help.code, help.err.as_str()), (SUCCESS, ""));
    for name in COMMANDS {
        assert!(
            help.out.contains(&format!("  {name} ")),
            "{name}: {}",
            help.out
        );
        let own = folder.run(&[name, "--help"]);
        assert_eq!((own.code, own.err.as_str()), (SUCCESS, ""), "{name}");
        assert!(
            own.out.contains(&format!("Usage: paceline {name}")),
            "{}",
            own.out
        );
    }
    let version = folder.run(&["--version"]);
    assert_eq!(version.out, concat!("paceline ", env!("CARGO_PKG_VERSION")));
}

#[test]
fn bad_usage_exits_64_and_names_what_is_wrong() {
    let folder = Folder::new();
    let cases: [(&[&str], &str); 9] = [
        (&[], "Usage"),
        (&["sevre"], "serve"),
        (&["serve", "--prot", "8080"], "--prot"),
        (
            &["serve", "--only", "kitchen"],
            "bidder, pixel, updater, console",
        ),
        (&["demo", "--seconds", "0"], "--seconds"),
        (&["demo", "--seed", "x"], "--seed"),
        (&["init"], "--example"),
        (&["bid"], "FILE"),
        (&["check-config"], "FILE"),
    ];
    for (args, text) in cases {
        let said = expect(&folder, args, USAGE);
        assert!(said.contains(text), "{args:?}: {said}");
    }
}

#[test]
fn good_configurations_pass() {
    let folder = Folder::new();
    let every_key = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/paceline.toml");
    for file in [every_key.to_str().unwrap(), "paceline.toml"] {
        let said = expect(&folder, &["check-config", file], SUCCESS);
        assert!(said.contains("is good"), "{said}");
    }
}

#[test]
fn bad_configurations_are_refused_by_key_value_and_rule() {
    let folder = Folder::new();
    let cases: [(&str, &[&str]); 8] = [
        ("[bidder]\nlissen = \"a\"", &["lissen", "line 2", "listen"]),
        ("[bidder]\ncores = \"two\"", &["cores", "\"two\"", "usize"]),
        ("[bidder", &["line 1"]),
        (
            "[log]\npartitions = 0",
            &["log.partitions", "0", "1 to 256"],
        ),
        (
            "[bidder]\nfee_percent = 120.5",
            &["bidder.fee_percent", "120.5", "0 to 100"],
        ),
        ("[bidder]\ndeadline_ms = 0", &["bidder.deadline_ms", "0"]),
        (
            "[rates.usd]\nEUR = -1.5",
            &["rates.usd.EUR", "-1.5", "at least"],
        ),
        (
            "[pixel]\npublic_url = \"nowhere\"",
            &["public_url", "nowhere"],
        ),
    ];
    for (text, expected) in cases {
        std::fs::write(folder.file("bad.toml"), text).unwrap();
        for args in [
            &["check-config", "bad.toml"][..],
            &["serve", "--config", "bad.toml"],
        ] {
            let said = expect(&folder, args, USAGE);
            for text in expected {
                assert!(said.contains(text), "{args:?}: {text}: {said}");
            }
        }
    }
    let said = expect(&folder, &["check-config", "none.toml"], USAGE);
    assert!(said.contains("cannot read none.toml"), "{said}");
    assert!(
        !folder.file("data").exists(),
        "nothing is made before the check"
    );
}

#[test]
fn the_environment_overrides_and_is_checked_too() {
    let folder = Folder::new();
    let check = |variable: &str, value: &str| {
        let mut check = command(folder.path(), &["check-config", "paceline.toml"]);
        check.env(variable, value);
        Program::start(check, b"").end()
    };
    let moved = check("PACELINE_DATA", "/elsewhere");
    assert_eq!(moved.code, SUCCESS);
    assert!(moved.out.contains("/elsewhere"), "{moved:?}");
    for (variable, value, text) in [
        ("PACELINE_LOG_PARTITIONS", "0", "log.partitions = 0"),
        ("PACELINE_KITCHEN_SINK", "1", "PACELINE_KITCHEN_SINK"),
    ] {
        let refused = check(variable, value);
        assert_eq!(refused.code, USAGE, "{refused:?}");
        assert!(refused.err.contains(text), "{refused:?}");
    }
}

fn bid(folder: &Folder, args: &[&str], input: &str) -> Ended {
    let args = [&["bid", "-"], args].concat();
    Program::start(command(folder.path(), &args), input.as_bytes()).end()
}

#[test]
fn bid_answers_standard_input_with_the_example_campaigns() {
    let folder = Folder::new();
    let request = banner_request("r1").to_string();
    let answered = bid(&folder, &[], &request);
    assert_eq!(answered.code, SUCCESS, "{answered:?}");
    let response: Value = serde_json::from_str(&answered.out).unwrap();
    assert_eq!(response["id"], "r1");
    assert_eq!(
        response["seatbid"][0]["bid"][0]["adomain"][0],
        "outfitters.example"
    );
    assert!(
        !folder.file("paceline-data").exists(),
        "deciding makes no folder"
    );

    let explained = bid(&folder, &["--explain"], &request);
    let verdicts: Vec<&str> = explained
        .out
        .lines()
        .filter(|line| line.contains("line item"))
        .collect();
    assert_eq!(verdicts.len(), 14, "{explained:?}");
    let chosen = verdicts.iter().find(|line| line.contains(": BID")).unwrap();
    for text in ["price", "floor", "pCTR", "multiplier"] {
        assert!(chosen.contains(text), "{chosen}");
    }

    let mut paid_in_gold = banner_request("r2");
    paid_in_gold["cur"] = serde_json::json!(["XAU"]);
    let cases = [
        ("{\"id\":", "400"),
        ("", "400"),
        (&paid_in_gold.to_string(), "204 no bid"),
    ];
    for (input, text) in cases {
        let refused = bid(&folder, &[], input);
        assert_eq!(refused.code, SUCCESS, "{refused:?}");
        assert!(refused.out.starts_with(text), "{refused:?}");
    }
}

#[test]
fn bid_reads_files_and_a_data_folder() {
    let folder = Folder::with_examples();
    for name in ["a", "b"] {
        let request = banner_request(name).to_string();
        std::fs::write(folder.file(&format!("{name}.json")), request).unwrap();
    }
    let said = expect(
        &folder,
        &["bid", "a.json", "b.json", "--data", "data"],
        SUCCESS,
    );
    for text in ["a.json:", "{\"id\":\"a\"", "b.json:", "{\"id\":\"b\""] {
        assert!(said.contains(text), "{text}: {said}");
    }
    let said = expect(&folder, &["bid", "none.json"], FAILURE);
    assert!(said.contains("none.json"), "{said}");
    let said = expect(&folder, &["bid", "a.json", "--exchange", "nobody"], FAILURE);
    assert!(
        said.contains("nobody") && said.contains("generic"),
        "{said}"
    );
}

#[test]
fn folders_that_cannot_be_used_say_what_to_do() {
    let folder = Folder::new();
    let cases: [&[&str]; 4] = [
        &["demo", "--data", "/proc/nope"],
        &["init", "--example", "all-formats", "--data", "/proc/nope"],
        &["serve", "--data", "/proc/nope", "--config", "paceline.toml"],
        &["verify", "--data", "nothing-here"],
    ];
    for args in cases {
        let said = expect(&folder, args, FAILURE);
        assert!(said.contains("--data DIR"), "{args:?}: {said}");
        assert!(!said.contains("with the password"), "{args:?}: {said}");
    }
    std::fs::create_dir(folder.file("empty")).unwrap();
    let said = expect(&folder, &["verify", "--data", "empty"], FAILURE);
    assert!(said.contains("no data folder of paceline"), "{said}");
}

/// Every number that the verdict of a demo must have; dots are nested objects.
const VERDICT: [&str; 22] = [
    "requests",
    "bids",
    "invalid_bids",
    "wins",
    "impressions",
    "clicks",
    "conversions",
    "spend_micros",
    "budget_micros",
    "overspend_micros",
    "late_micros",
    "unbilled_micros",
    "bids_unlogged",
    "events_lost",
    "events_double_counted",
    "model.log_loss",
    "model.baseline_log_loss",
    "model.truth_log_loss",
    "model.auc",
    "latency_us.p50",
    "latency_us.p99",
    "latency_us.p999",
];

#[test]
fn a_short_demo_ends_with_its_verdict() {
    let folder = Folder::new();
    let demo = [
        "demo",
        "--seconds",
        "5",
        "--rate",
        "150",
        "--acks",
        "acks.txt",
        "--json",
    ];
    let demo = folder.run(&demo);
    assert!(demo.out.contains("with the password"), "{demo:?}");
    let verdict: Value = serde_json::from_str(demo.last_line()).unwrap();
    // A machine that is busy with other tests may answer late; nothing else may fail.
    let late = verdict["late_answers"].as_f64().unwrap() > LATE_ANSWERS_SHARE_MAX;
    assert_eq!(verdict["passed"], !late, "{demo:?}");
    assert_eq!(demo.code, if late { FAILURE } else { SUCCESS }, "{demo:?}");
    for key in VERDICT {
        let found = key.split('.').fold(&verdict, |inside, name| &inside[name]);
        assert!(found.is_number(), "{key}: {verdict}");
    }
    assert_eq!(verdict["reports_match_ledger"], true, "{verdict}");
    for key in [
        "invalid_bids",
        "overspend_micros",
        "events_lost",
        "events_double_counted",
    ] {
        assert_eq!(verdict[key], 0, "{key}: {verdict}");
    }
    for key in ["bids", "wins", "impressions", "spend_micros"] {
        assert!(verdict[key].as_i64().unwrap() > 0, "{key}: {verdict}");
    }
    let acks = std::fs::read_to_string(folder.file("acks.txt")).unwrap();
    // A doubled notice is acknowledged twice, as one event.
    let ids: BTreeSet<_> = acks.lines().map(|line| line.split(' ').next()).collect();
    assert_eq!(verdict["events_acknowledged"], ids.len(), "{verdict}");
    let left: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|one| one.unwrap().file_name())
        .collect();
    assert_eq!(left.len(), 2, "its temporary folder is gone: {left:?}");
}

#[test]
fn a_replay_prints_figures_and_names_bad_rows() {
    let folder = Folder::new();
    let rows: String = (0..2_400)
        .map(|at| {
            format!(
                "{} {} 0.{:03} {}\n",
                at % 50 / 49,
                20 + at % 37,
                1 + at % 11,
                at / 100
            )
        })
        .collect();
    let (good, bad, plot) = ("rows.tsv", "bad.tsv", "plot.svg");
    std::fs::write(folder.path().join(good), rows).unwrap();
    std::fs::write(folder.path().join(bad), "0 1 0.1 0\n0 x 0.1 0\n").unwrap();
    let input = |name: &str| folder.path().join(name).display().to_string();
    let (rows, picture) = (input(good), input(plot));
    let replay = ["replay", "--budget", "1/8", "--input", &rows];
    let with = |more: &[&'static str]| [&replay[..], more].concat();
    let figures: Value =
        serde_json::from_str(&expect(&folder, &with(&["--json"]), SUCCESS)).unwrap();
    assert_eq!(figures["overspend"], 0);
    assert!(figures["value_pct"].as_f64().unwrap() > 80.0, "{figures}");
    let table = expect(&folder, &with(&["--all"]), SUCCESS);
    for strategy in [
        "dual", "layers", "throttle", "pid", "asap", "linear", "ortb", "truthful", "constant",
    ] {
        assert!(table.contains(strategy), "{strategy}: {table}");
    }
    let drawn = [&replay[..], &["--plot", &picture]].concat();
    expect(&folder, &drawn, SUCCESS);
    assert!(
        std::fs::read_to_string(&picture)
            .unwrap()
            .starts_with("<svg")
    );
    let wrong = input(bad);
    let said = expect(
        &folder,
        &["replay", "--budget", "1/8", "--input", &wrong],
        USAGE,
    );
    assert!(said.contains("line 2: price 'x' is no number"), "{said}");
    let said = expect(
        &folder,
        &["replay", "--input", &rows, "--budget", "9/8"],
        USAGE,
    );
    assert!(said.contains("as in 1/8"), "{said}");
}
