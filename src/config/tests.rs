//! What is accepted, what is refused, and what the refusal names.

use super::*;

fn load(text: &str, environment: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("paceline.toml");
    std::fs::write(&path, text).unwrap();
    Config::load(
        Some(&path),
        environment
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned())),
    )
}

#[test]
fn an_empty_file_is_the_defaults() {
    let (empty, defaults) = (load("", &[]).unwrap(), Config::defaults().unwrap());
    assert_eq!(format!("{empty:?}"), format!("{defaults:?}"));
    assert_eq!(defaults.listen.console, "127.0.0.1:8080");
}

#[test]
fn the_example_file_holds_every_key_with_its_default() {
    let text = include_str!("../../deploy/paceline.toml");
    let example: File = toml::from_str(text).unwrap();
    assert_eq!(
        example,
        File::default(),
        "deploy/paceline.toml shows the defaults"
    );
    let defaults = toml::Table::try_from(File::default()).unwrap();
    for (section, value) in &defaults {
        let keys = value
            .as_table()
            .map(|table| table.keys().cloned().collect())
            .unwrap_or_default();
        let keys: Vec<String> = if keys == Vec::<String>::new() {
            vec![section.clone()]
        } else {
            keys
        };
        for key in keys {
            assert!(
                text.contains(&key),
                "deploy/paceline.toml lacks {section}.{key}"
            );
        }
    }
}

#[test]
fn the_environment_overrides_the_file() {
    let config = load(
        "[bidder]\nseat = \"a\"\n",
        &[
            ("PACELINE_BIDDER_SEAT", "b"),
            ("PACELINE_BIDDER_CORES", "3"),
            ("PACELINE_REGION", "eu"),
            ("OTHER", "x"),
        ],
    );
    let config = config.unwrap();
    assert_eq!(
        (
            config.bidder.seat.as_str(),
            config.bidder.cores,
            config.bidder.region.as_str()
        ),
        ("b", 3, "eu")
    );
}

#[test]
fn refusals_name_the_key_the_value_and_the_rule() {
    let cases: &[(&str, &[(&str, &str)], &[&str])] = &[
        ("[bidder]\nport = 1\n", &[], &["port", "unknown field"]),
        ("[bidder]\ncores = \"many\"\n", &[], &["cores", "many"]),
        (
            "[bidder]\nfee_percent = 120.0\n",
            &[],
            &["bidder.fee_percent", "120", "0 to 100"],
        ),
        (
            "[rates.usd]\nEURO = 1.1\n",
            &[],
            &["rates.usd.EURO", "three-letter"],
        ),
        ("[rates.usd]\nEUR = -1.0\n", &[], &["rates.usd.EUR", "-1"]),
        (
            "[log]\npartitions = 0\n",
            &[],
            &["log.partitions", "0", "1 to 256"],
        ),
        ("[exchange.\"a b\"]\n", &[], &["exchange", "a b"]),
        (
            "[pixel]\npublic_url = \"pixel\"\n",
            &[],
            &["public_url", "pixel"],
        ),
        ("not toml", &[], &["paceline.toml"]),
        ("", &[("PACELINE_NONSENSE", "1")], &["PACELINE_NONSENSE"]),
    ];
    for (text, environment, words) in cases {
        let error = load(text, environment).unwrap_err().to_string();
        for word in *words {
            assert!(error.contains(word), "{text}: {error} lacks {word}");
        }
    }
}

#[test]
fn days_count_from_1970() {
    let date = |year, month, day| days_from_civil(toml::value::Date { year, month, day });
    assert_eq!(
        (date(1970, 1, 1), date(2000, 3, 1), date(2026, 11, 23)),
        (0, 11_017, 20_780)
    );
}
