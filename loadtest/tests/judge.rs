//! Every case of `cases/judge`: a valid answer, changed a little, and the rules that it breaks then.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use loadtest::{Expectations, judge};
use serde_json::Value;

/// Cases there are at least, so that an empty folder is no success.
const CASES_MIN: usize = 200;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("cases")
        .join(name)
}

fn read(path: &Path) -> Value {
    let parsed = serde_json::from_slice(&fs::read(path).unwrap());
    assert!(parsed.is_ok(), "{}: {parsed:?}", path.display());
    parsed.unwrap()
}

/// RFC 7386: objects are merged, null removes, anything else replaces.
fn merge(target: &mut Value, patch: &Value) {
    let Some(patch) = patch.as_object() else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(serde_json::Map::new());
    }
    let fields = target.as_object_mut().unwrap();
    for (key, value) in patch {
        if value.is_null() {
            fields.remove(key);
        } else {
            merge(fields.entry(key).or_insert(Value::Null), value);
        }
    }
}

fn patch(target: &mut Value, case: &Value, name: &str) {
    if let Some(patch) = case.get(name) {
        merge(target, patch);
    }
}

/// The base's request and response with the case's changes.
fn changed(base: &Value, case: &Value) -> (Value, Value) {
    let (mut request, mut response) = (base["request"].clone(), base["response"].clone());
    patch(&mut request, case, "request");
    patch(&mut request["imp"][0], case, "imp");
    patch(&mut response, case, "response");
    if case.get("bid").is_some() {
        patch(&mut response["seatbid"][0]["bid"][0], case, "bid");
    }
    for replace in case["adm"].as_array().into_iter().flatten() {
        let markup = &mut response["seatbid"][0]["bid"][0]["adm"];
        let (from, to) = (replace[0].as_str().unwrap(), replace[1].as_str().unwrap());
        let before = markup.as_str().unwrap().to_owned();
        assert!(before.contains(from), "{case}: {from} is not in the markup");
        *markup = before.replace(from, to).into();
    }
    (request, response)
}

fn expectations(case: &Value) -> Expectations {
    let fx = vec![("EUR".to_owned(), 1_100_000)];
    let mut expectations = Expectations::new("https://pixel.localhost", fx);
    let texts = |name: &str| {
        let items = case[name].as_array().cloned().unwrap_or_default();
        items
            .iter()
            .map(|text| text.as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    expectations.required = texts("required");
    expectations.markup_on_win = case["markup_on_win"] == Value::Bool(true);
    expectations.takes_any_deal = texts("takes_any_deal");
    expectations.roadblocks = texts("roadblocks");
    if let Some(name) = case["price_macro"].as_str() {
        expectations.price_macro = name.to_owned();
    }
    expectations
}

fn broken(base: &Value, case: &Value) -> (BTreeSet<String>, String) {
    let (request, response) = changed(base, case);
    let found = judge(
        request.to_string().as_bytes(),
        response.to_string().as_bytes(),
        &expectations(case),
    );
    let name = |rule| serde_json::to_value(rule).unwrap();
    let rules = found
        .iter()
        .map(|v| name(v.rule).as_str().unwrap().to_owned());
    (rules.collect(), format!("{found:#?}"))
}

#[test]
fn every_rule_is_kept_and_broken_by_cases() {
    let (mut count, mut seen, mut wrong) = (0, BTreeSet::new(), Vec::new());
    let mut files: Vec<_> = fs::read_dir(folder("judge")).unwrap().collect();
    files.sort_by_key(|file| file.as_ref().unwrap().path());
    for file in files {
        let path = file.unwrap().path();
        let list = read(&path);
        let base = format!("{}.json", list["base"].as_str().unwrap());
        let base = read(&folder("base").join(base));
        for case in list["cases"].as_array().unwrap() {
            let wanted = case["breaks"].as_array().unwrap();
            let wanted: BTreeSet<String> = wanted
                .iter()
                .map(|rule| rule.as_str().unwrap().to_owned())
                .collect();
            let (got, told) = broken(&base, case);
            if got != wanted {
                let name = path.file_name().unwrap().to_string_lossy();
                wrong.push(format!(
                    "{name}: {}: wanted {wanted:?}, {told}",
                    case["name"]
                ));
            }
            seen.extend(wanted);
            count += 1;
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count >= CASES_MIN, "{count} cases");
    let unseen: Vec<_> = rules().difference(&seen).cloned().collect();
    assert!(unseen.is_empty(), "no case breaks {unseen:?}");
}

/// Every rule's name, as its source has it.
fn rules() -> BTreeSet<String> {
    let source = include_str!("../src/judge/rule.rs");
    let variants = source.lines().filter_map(|line| {
        let name = line.strip_prefix("    ")?.strip_suffix(',')?;
        name.chars().all(char::is_alphanumeric).then_some(name)
    });
    let snake = |name: &str| {
        let mut snake = String::new();
        for (at, c) in name.char_indices() {
            if at > 0 && c.is_uppercase() {
                snake.push('_');
            }
            snake.extend(c.to_lowercase());
        }
        snake
    };
    // What is no JSON at all is tried below.
    variants.map(snake).filter(|name| name != "json").collect()
}

#[test]
fn what_is_no_json_is_told() {
    let expectations = Expectations::new("https://pixel.localhost", Vec::new());
    for (request, response) in [("{", "{}"), ("{}", "{"), ("{}", "[]"), ("{}", "3")] {
        let found = judge(request.as_bytes(), response.as_bytes(), &expectations);
        let rules: Vec<_> = found.iter().map(|violation| violation.rule).collect();
        assert_eq!(rules, [loadtest::Rule::Json], "{request} {response}");
    }
}
