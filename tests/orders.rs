//! Orders about the models in service: to a running server from the command line, and to its folder once it has ended.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod support;

use ctr_model::{ModelKind, Published};
use serde_json::Value;
use support::folder::Folder;
use support::http;
use support::program::Ended;
use support::server::Server;

const REFUSED: Option<i32> = Some(1);
const DONE: Option<i32> = Some(0);

fn model(folder: &Folder, words: &str, code: Option<i32>) -> Ended {
    let words: Vec<_> = std::iter::once("model")
        .chain(words.split(' '))
        .chain(["--data", "data"])
        .collect();
    let ended = folder.run(&words);
    assert_eq!(ended.code, code, "{words:?}: {ended:?}");
    ended
}

fn json(ended: &Ended) -> Value {
    serde_json::from_str(ended.last_line()).unwrap()
}

fn list(folder: &Folder) -> Value {
    json(&model(folder, "list --json", DONE))
}

#[test]
fn a_server_carries_out_orders_of_who_can_read_its_folder() {
    let folder = Folder::with_examples();
    let file = Published::untrained(ModelKind::Ffm, [0.05; 2]).encode();
    std::fs::write(folder.file("other.plm"), file).unwrap();
    std::fs::write(folder.file("garbage.plm"), b"garbage").unwrap();
    let server = Server::start(&folder);
    let before = list(&folder);
    assert_eq!(
        (&before["serving"], &before["kept"]),
        (&0.into(), &Value::Array(Vec::new()))
    );

    let trial = json(&model(
        &folder,
        "trial --model other.plm --share 0.25 --json",
        DONE,
    ));
    let version = trial["version"].as_u64().unwrap();
    let during = list(&folder);
    assert_eq!(during["trial"]["version"], version);
    assert_eq!(during["trial"]["share_ppm"], 250_000);
    assert_eq!(during["kept"][0]["learned"], false);
    let taken = json(&model(&folder, "promote --model other.plm --json", DONE));
    let judged = list(&folder)["candidate"]["version"].clone();
    assert_eq!(judged, taken["version"]);

    for (words, why) in [
        ("promote --model garbage.plm", "model"),
        ("trial --share 1 --version 1", "below 1"),
        ("trial --share 0.5 --version 1", "not kept"),
        ("rollback --to 77", "not kept"),
        ("release", "nothing is held"),
    ] {
        let refused = model(&folder, words, REFUSED);
        assert!(refused.out.contains(why), "{words}: {refused:?}");
    }
    let order = br#"{"order":"end-trial"}"#;
    let forged = http::post_json(server.admin, "/models/orders", order);
    assert_eq!(forged.status, 401, "{forged:?}");
    assert_eq!(list(&folder)["trial"]["version"], version);

    model(&folder, "trial --end", DONE);
    assert_eq!(list(&folder)["trial"], Value::Null);
    let stopped = server.program.stop();
    assert_eq!(stopped.code, DONE, "{stopped:?}");

    // The folder knows what was ordered, and takes orders itself.
    let after = list(&folder);
    assert_eq!(after["candidate"]["version"], judged);
    model(&folder, &format!("rollback --to {version}"), DONE);
    let held = list(&folder);
    assert_eq!(
        (&held["serving"], &held["held"]),
        (&version.into(), &true.into())
    );
    model(&folder, "release", DONE);
    let again = model(&folder, "trial --end", REFUSED);
    assert!(again.out.contains("no trial"), "{again:?}");
}
