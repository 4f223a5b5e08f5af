//! The API's description is checked in and complete.

use console::Console;

#[test]
fn description_is_the_one_checked_in() {
    let checked_in = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/api.json"));
    assert!(
        checked_in.unwrap_or_default() == Console::api_description(),
        "console/api.json is out of date: \
         cargo run -p paceline-console --example print_api > console/api.json",
    );
}

#[test]
fn description_is_openapi_3_1() {
    let document: serde_json::Value = serde_json::from_str(&Console::api_description()).unwrap();
    let version = document["openapi"].as_str().unwrap();
    assert!(version.starts_with("3.1."), "{version}");
    assert!(document["paths"].as_object().unwrap().len() >= 12);
}
