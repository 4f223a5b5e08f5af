//! `paceline model` as a data scientist uses it: from a table to a model, its figures, its export and its registry.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod support;

use std::fmt::Write;

use domain::random::SplitMix64;
use serde_json::Value;
use support::folder::Folder;
use support::program::{Ended, Program, command};

const SUCCESS: Option<i32> = Some(0);
const FAILURE: Option<i32> = Some(1);
const USAGE: Option<i32> = Some(64);
const COLUMNS: [&str; 6] = [
    "--label",
    "click",
    "--numeric",
    "age",
    "--categorical",
    "site,ad",
];

/// Clicks that depend on site and ad; a site's rate is one of five. `invert` turns the truth around.
fn table(seed: u64, rows: usize, invert: bool) -> String {
    let mut rng = SplitMix64::new(seed);
    let mut text = "click\tage\tsite\tad\tregion\n".to_owned();
    for _ in 0..rows {
        let (site, ad) = (rng.below(50), rng.below(8));
        let rate = 0.04 + 0.08 * (site % 5) as f64 + 0.02 * ad as f64;
        let rate = if invert { 0.5 - rate } else { rate };
        let click = u8::from(rng.chance(rate));
        let age = if rng.chance(0.1) {
            String::new()
        } else {
            rng.below(90).to_string()
        };
        writeln!(text, "{click}\t{age}\ts{site}\ta{ad}\tr{}", site % 3).unwrap();
    }
    text
}

fn write(folder: &Folder, name: &str, text: &str) {
    std::fs::write(folder.file(name), text).unwrap();
}

/// With `train.tsv` and, drawn from the same truth, `test.tsv`.
fn folder() -> Folder {
    let folder = Folder::new();
    write(&folder, "train.tsv", &table(1, 20_000, false));
    write(&folder, "test.tsv", &table(2, 10_000, false));
    folder
}

/// Runs `paceline model` with these words.
fn model(folder: &Folder, line: &str, code: Option<i32>) -> Ended {
    let words: Vec<&str> = std::iter::once("model")
        .chain(line.split_whitespace())
        .collect();
    let ended = folder.run(&words);
    assert_eq!(ended.code, code, "{line}: {ended:?}");
    ended
}

fn json(ended: &Ended) -> Value {
    serde_json::from_str(ended.last_line()).unwrap()
}

fn train(folder: &Folder, rest: &str) -> Value {
    let columns = COLUMNS.join(" ");
    json(&model(
        folder,
        &format!("train --input train.tsv {columns} {rest}"),
        SUCCESS,
    ))
}

fn number(value: &Value, key: &str) -> f64 {
    value[key]
        .as_f64()
        .unwrap_or_else(|| panic!("{key} in {value}"))
}

fn predictions(folder: &Folder, name: &str) -> Vec<f64> {
    let text = std::fs::read_to_string(folder.file(name)).unwrap();
    let (head, rest) = text.split_once('\n').unwrap();
    assert_eq!(head, "prediction");
    rest.lines().map(|line| line.parse().unwrap()).collect()
}

#[test]
fn from_a_table_to_an_export_predictions_stay_what_they_are() {
    let folder = folder();
    for kind in ["lr", "ffm", "deepffm"] {
        let report = train(&folder, &format!("--model {kind} --bits 16 --out m.plm"));
        assert_eq!(report["examples"], 20_000);
        assert!(
            (0.5..0.58).contains(&number(&report, "log_loss")),
            "{report}"
        );
        assert!(number(&report, "auc") > 0.6, "{report}");
        let cpu = number(&report, "read_cpu_seconds") + number(&report, "learn_cpu_seconds");
        let speed = number(&report, "examples_per_cpu_second");
        assert!((speed * cpu / 20_000.0 - 1.0).abs() < 1e-6 && number(&report, "seconds") >= 0.0);

        model(
            &folder,
            "predict --model m.plm --input test.tsv --out p.tsv",
            SUCCESS,
        );
        let exact = predictions(&folder, "p.tsv");
        assert_eq!(exact.len(), 10_000);
        let judged = json(&model(
            &folder,
            "eval --model m.plm --input test.tsv --slice region --json",
            SUCCESS,
        ));
        check_figures(&judged, &exact, &folder);

        let whole = std::fs::metadata(folder.file("m.plm")).unwrap().len();
        for (bits, allowed) in [(16, 1e-4), (8, 2e-3)] {
            model(
                &folder,
                &format!("export --model m.plm --bits {bits} --out s.plm"),
                SUCCESS,
            );
            assert!(std::fs::metadata(folder.file("s.plm")).unwrap().len() < whole);
            let served = json(&model(
                &folder,
                "eval --model s.plm --input test.tsv --json",
                SUCCESS,
            ));
            let change = number(&served, "log_loss") - number(&judged, "log_loss");
            assert!(change.abs() < allowed, "{kind} {bits}: {change}");
            model(
                &folder,
                "predict --model s.plm --input test.tsv --out q.tsv",
                SUCCESS,
            );
            let rounded = predictions(&folder, "q.tsv");
            let worst = exact.iter().zip(&rounded).map(|(a, b)| (a - b).abs());
            assert!(worst.fold(0.0, f64::max) < 100.0 * allowed, "{kind} {bits}");
        }
    }
}

/// The printed figures are those that the predictions give.
fn check_figures(judged: &Value, predictions: &[f64], folder: &Folder) {
    let text = std::fs::read_to_string(folder.file("test.tsv")).unwrap();
    let rows: Vec<Vec<&str>> = text
        .lines()
        .skip(1)
        .map(|line| line.split('\t').collect())
        .collect();
    let clicked = |row: &Vec<&str>| row[0] == "1";
    let loss = |(row, p): (&Vec<&str>, &f64)| {
        if clicked(row) {
            -p.ln()
        } else {
            -(1.0 - p).ln()
        }
    };
    let log_loss = rows.iter().zip(predictions).map(loss).sum::<f64>() / rows.len() as f64;
    let clicks = rows.iter().filter(|row| clicked(row)).count();
    assert!((number(judged, "log_loss") - log_loss).abs() < 1e-6);
    assert_eq!(judged["clicks"], clicks);
    assert_eq!(judged["rows"], rows.len());
    let ratio = predictions.iter().sum::<f64>() / clicks as f64;
    assert!((number(judged, "calibration") - ratio).abs() < 1e-6);
    assert!((ratio - 1.0).abs() < 0.15, "{ratio}");
    assert!(
        number(judged, "rig") > 0.02 && number(judged, "auc") > 0.62,
        "{judged}"
    );
    let slices = judged["slices"].as_array().unwrap();
    assert_eq!(slices.len(), 3);
    for slice in slices {
        let own = |row: &&Vec<&str>| row[4] == slice["value"];
        assert_eq!(slice["rows"], rows.iter().filter(own).count());
        assert!((number(slice, "calibration") - 1.0).abs() < 0.25, "{slice}");
    }
}

#[test]
fn one_thread_a_cache_and_a_gzipped_table_give_the_same_model() {
    let folder = folder();
    let packed = std::fs::File::create(folder.file("train.tsv.gz")).unwrap();
    let mut packer = flate2::write::GzEncoder::new(packed, flate2::Compression::fast());
    std::io::Write::write_all(&mut packer, table(1, 20_000, false).as_bytes()).unwrap();
    packer.finish().unwrap();
    let columns = COLUMNS.join(" ");
    let models: Vec<Vec<u8>> = ["", "--cache rows", "--cache rows", "gz"]
        .iter()
        .map(|rest| {
            let input = if *rest == "gz" {
                "train.tsv.gz"
            } else {
                "train.tsv"
            };
            let rest = if *rest == "gz" { "" } else { rest };
            let line = format!("train --input {input} {columns} --bits 16 {rest} --out m.plm");
            model(&folder, &line, SUCCESS);
            std::fs::read(folder.file("m.plm")).unwrap()
        })
        .collect();
    assert!(models.iter().all(|model| *model == models[0]));
    let names = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name());
    let left = names
        .filter(|name| name.to_string_lossy().contains("m.plm"))
        .count();
    assert_eq!(left, 1, "only the model is left");
}

#[test]
fn two_threads_learn_as_well() {
    let folder = folder();
    train(&folder, "--bits 16 --threads 2 --cache rows --out m.plm");
    let again = train(&folder, "--bits 16 --threads 2 --cache rows --out m.plm");
    assert_eq!(again["examples"], 20_000);
    let judged = json(&model(
        &folder,
        "eval --model m.plm --input test.tsv --json",
        SUCCESS,
    ));
    assert!(number(&judged, "auc") > 0.6, "{judged}");
}

/// Runs a command that fails and looks for a text in what it says.
fn refuse(folder: &Folder, line: &str, code: Option<i32>, expected: &str) {
    let ended = model(folder, line, code);
    let said = format!("{}{}", ended.out, ended.err);
    assert!(said.contains(expected), "{line}: {said}");
}

#[test]
fn flags_that_do_not_fit_are_named() {
    let folder = folder();
    let columns = COLUMNS.join(" ");
    let cases = [
        ("--label click", "--categorical"),
        ("--label click --numeric age,age", "'age' is named twice"),
        (&format!("{columns} --k 5"), "k (4 or 8) is 5"),
        (&format!("{columns} --bits 60"), "bits is 60"),
        (&format!("{columns} --calibrate-by region"), "region"),
        (&format!("{columns} --keep-negatives 0"), "0.0001 to 1"),
    ];
    for (flags, expected) in cases {
        let line = format!("train --input train.tsv {flags} --out x.plm");
        refuse(&folder, &line, USAGE, expected);
    }
    let line = format!("train --input train.tsv {columns} --bits 10 --out x.plm");
    model(&folder, &line, SUCCESS);
    let bench = "bench --model x.plm --context-fields 3";
    refuse(&folder, bench, USAGE, "leave some");
    refuse(
        &folder,
        "export --model x.plm --bits 12 --out s.plm",
        USAGE,
        "16 or 8",
    );
}

#[test]
fn tables_that_cannot_be_used_are_named_with_the_line() {
    let folder = folder();
    let head = "click\tage\tsite\tad\n";
    write(
        &folder,
        "bad.tsv",
        &format!("{head}1\t3\ts\ta\n2\t3\ts\ta\n"),
    );
    write(
        &folder,
        "ragged.tsv",
        &format!("{head}1\t3\ts\n0\t3\ts\ta\n"),
    );
    let columns = COLUMNS.join(" ");
    let cases = [
        ("train.tsv --label none --numeric age", "no column 'none'"),
        (
            "train.tsv --label click --numeric size",
            "no column 'size'; the header has click, age, site, ad, region",
        ),
        (&format!("none.tsv {columns}"), "none.tsv: cannot open"),
        (&format!("bad.tsv {columns}"), "bad.tsv, line 3: label '2'"),
        (
            &format!("ragged.tsv {columns}"),
            "line 2: 3 columns, the header has 4",
        ),
    ];
    for (input, expected) in cases {
        let line = format!("train --input {input} --out x.plm");
        refuse(&folder, &line, FAILURE, expected);
    }
    assert!(
        !folder.file("x.plm").exists(),
        "nothing is left of what failed"
    );
    let both =
        format!("train --input ragged.tsv bad.tsv {columns} --skip-bad-rows --bits 10 --out x.plm");
    let skipped = json(&model(&folder, &both, SUCCESS));
    assert_eq!(
        (&skipped["skipped_rows"], &skipped["examples"]),
        (&2.into(), &2.into())
    );
}

#[test]
fn files_that_are_no_sound_models_are_named() {
    let folder = folder();
    train(&folder, "--bits 10 --out x.plm");
    let text = "eval --model train.tsv --input test.tsv";
    refuse(&folder, text, FAILURE, "not a trained model file");
    let slice = "eval --model x.plm --input test.tsv --slice none";
    refuse(&folder, slice, FAILURE, "no column 'none'");
    let mut damaged = std::fs::read(folder.file("x.plm")).unwrap();
    damaged[60] ^= 1;
    std::fs::write(folder.file("damaged.plm"), damaged).unwrap();
    refuse(&folder, "inspect --model damaged.plm", FAILURE, "checksum");
    let whole = std::fs::read(folder.file("x.plm")).unwrap();
    std::fs::write(folder.file("cut.plm"), &whole[..whole.len() / 2]).unwrap();
    refuse(&folder, "inspect --model cut.plm", FAILURE, "checksum");
    model(&folder, "export --model x.plm --out s.plm", SUCCESS);
    let columns = COLUMNS.join(" ");
    let on = format!("train --input train.tsv {columns} --bits 10 --from s.plm --out y.plm");
    refuse(&folder, &on, FAILURE, "export for serving");
}

#[test]
fn a_stopped_training_goes_on_to_the_same_model() {
    let folder = Folder::new();
    write(&folder, "train.tsv", &table(1, 200_000, false));
    let columns = COLUMNS.join(" ");
    let line = format!("model train --input train.tsv {columns} --bits 16 --checkpoint-rows 20000");
    let whole = format!("{line} --out whole.plm");
    let words = |line: &str| {
        line.split_whitespace()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let run = |line: &str| {
        let words = words(line);
        folder.run(&words.iter().map(String::as_str).collect::<Vec<_>>())
    };
    assert_eq!(run(&whole).code, SUCCESS);
    let stopped = words(&format!("{line} --out m.plm"));
    let stopped: Vec<&str> = stopped.iter().map(String::as_str).collect();
    let checkpoint = folder.file("m.plm.checkpoint");
    let mut program = Program::start(command(folder.path(), &stopped), b"");
    program.until("a checkpoint", std::time::Duration::from_secs(60), || {
        checkpoint.exists().then_some(())
    });
    let ended = program.stop();
    assert_eq!(ended.code, FAILURE, "{ended:?}");
    assert!(ended.err.contains("--resume"), "{ended:?}");
    assert!(!folder.file("m.plm").exists() && checkpoint.exists());
    let other = run(&format!("{line} --seed 2 --resume --out m.plm"));
    assert!(
        other.code == FAILURE && other.err.contains("checkpoint is of other"),
        "{other:?}"
    );
    let resumed = run(&format!("{line} --resume --out m.plm"));
    assert_eq!(resumed.code, SUCCESS, "{resumed:?}");
    assert!(!checkpoint.exists());
    let read = |name| std::fs::read(folder.file(name)).unwrap();
    assert!(
        read("m.plm") == read("whole.plm"),
        "the same as without a stop"
    );
}

#[test]
fn dropped_negatives_and_slices_leave_predictions_calibrated() {
    let folder = folder();
    train(
        &folder,
        "--bits 16 --keep-negatives 0.2 --calibrate-by site,ad --out m.plm",
    );
    let judged = json(&model(
        &folder,
        "eval --model m.plm --input test.tsv --slice ad --json",
        SUCCESS,
    ));
    assert!(
        (number(&judged, "calibration") - 1.0).abs() < 0.1,
        "{judged}"
    );
    for slice in judged["slices"].as_array().unwrap() {
        assert!((number(slice, "calibration") - 1.0).abs() < 0.3, "{slice}");
    }
    let inside = json(&model(&folder, "inspect --model m.plm --json", SUCCESS));
    assert_eq!(inside["calibrated_by"], serde_json::json!(["site", "ad"]));
    assert_eq!(inside["calibration_slices"], 58);
}

#[test]
fn only_models_that_are_not_worse_go_into_service() {
    let folder = folder();
    write(&folder, "wrong.tsv", &table(3, 20_000, true));
    train(&folder, "--bits 16 --model lr --out good.plm");
    let columns = COLUMNS.join(" ");
    model(
        &folder,
        &format!("train --input wrong.tsv {columns} --bits 16 --model lr --out wrong.plm"),
        SUCCESS,
    );
    let promote = |name: &str, code| {
        let line = format!("promote --registry models --model {name} --input test.tsv --json");
        json(&model(&folder, &line, code))
    };
    let refused = promote("wrong.plm", FAILURE);
    assert_eq!(
        (&refused["promoted"], &refused["serving"]),
        (&false.into(), &Value::Null)
    );
    assert_eq!(promote("good.plm", SUCCESS)["serving"], 1);
    let refused = promote("wrong.plm", FAILURE);
    assert_eq!(refused["serving"], 1);
    assert!(
        refused["reasons"].as_array().unwrap().len() >= 2,
        "{refused}"
    );
    train(&folder, "--bits 16 --model ffm --out better.plm");
    assert_eq!(promote("better.plm", SUCCESS)["serving"], 2);
    let changes = json(&model(
        &folder,
        "diff 1 2 --registry models --json",
        SUCCESS,
    ));
    assert_eq!(changes["same_columns"], true);
    assert!(number(&changes, "keys_from") > 50.0);
    let inside = json(&model(
        &folder,
        "inspect --model models/models/00000002.plm --json",
        SUCCESS,
    ));
    assert_eq!(
        (&inside["version"], &inside["parent"]),
        (&2.into(), &1.into())
    );
    let back = json(&model(
        &folder,
        "rollback --registry models --json",
        SUCCESS,
    ));
    assert_eq!(back["serving"], 1);
    let refused = model(&folder, "rollback --registry models", FAILURE);
    assert!(refused.err.contains("no model before"), "{refused:?}");
    assert_eq!(
        promote("better.plm", SUCCESS)["serving"],
        3,
        "numbers are not used twice"
    );
}

#[test]
fn a_plot_and_a_bench_are_made() {
    let folder = folder();
    train(&folder, "--bits 16 --out m.plm");
    let said = model(
        &folder,
        "eval --model m.plm --input test.tsv --slice region --plot p.svg",
        SUCCESS,
    );
    assert!(
        said.out.contains("calibration") && said.out.contains("r2"),
        "{said:?}"
    );
    let plot = std::fs::read_to_string(folder.file("p.svg")).unwrap();
    assert!(plot.starts_with("<svg") && plot.matches("<circle").count() > 5);
    let line = "bench --model m.plm --context-fields 2 --candidates 10 --seconds 0.1 --json";
    let speeds = json(&model(&folder, line, SUCCESS));
    for key in [
        "ns_p50",
        "ns_p99",
        "predictions_per_second_cached",
        "predictions_per_second_uncached",
        "scalar_ratio",
    ] {
        assert!(number(&speeds, key) > 0.0, "{key}: {speeds}");
    }
}
