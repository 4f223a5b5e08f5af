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

/// A file, an environment, and what the refusal says.
type Refusal<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a [&'a str]);

#[test]
fn refusals_name_the_key_the_value_and_the_rule() {
    let cases: &[Refusal<'_>] = &[
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

const KEY: &str = "sIxwz7yw62yrfoLGt12lIHKuYrK_S5kLuApI2BQe7Ac=";

#[test]
fn exchange_sections_are_refused_by_key_value_and_rule() {
    let long = format!("price_macro = \"${{{}}}\"", "A".repeat(80));
    let cases: &[(&str, &[&str])] = &[
        ("shade = 0.0", &["exchange.x.shade = 0", "over 0"]),
        ("shade = 1.1", &["exchange.x.shade = 1.1"]),
        (
            "deadline_ms = 20",
            &["exchange.x.deadline_ms = 20", "margin"],
        ),
        ("deadline_ms = -1", &["exchange.x.deadline_ms = -1"]),
        ("deadline_ms = 5001", &["exchange.x.deadline_ms", "5000"]),
        (
            "network_margin_ms = 100",
            &["exchange.x.network_margin_ms = 100", "deadline"],
        ),
        ("network_margin_ms = -1", &["network_margin_ms = -1"]),
        ("bids_max = 0", &["exchange.x.bids_max = 0", "1 to 64"]),
        ("bids_max = 65", &["exchange.x.bids_max = 65"]),
        ("qps_max = -1", &["qps_max"]),
        ("qps_max = 10000001", &["exchange.x.qps_max = 10000001"]),
        ("hold_app_s = 0", &["exchange.x.hold_app_s = 0", "86400"]),
        (
            "price_macro = \"\"",
            &["exchange.x.price_macro = \"\"", "macro"],
        ),
        ("price_macro = \"${A B}\"", &["${A B}"]),
        ("price_macro = \"${A}&t=1\"", &["${A}&t=1"]),
        ("price_macro = \"1.5\"", &["exchange.x.price_macro"]),
        (&long, &["exchange.x.price_macro", "64"]),
        ("billing = \"adm\"", &["billing", "adm", "nurl"]),
        (
            "billing = \"nurl\"\nnurl = false",
            &["exchange.x.nurl = false", "billing"],
        ),
        (
            "prices = \"sealed\"",
            &["exchange.x.price_encryption_key = \"\"", "base64"],
        ),
        (
            "prices = \"sealed\"\nprice_encryption_key = \"c2VjcmV0\"",
            &["exchange.x.price_encryption_key = (8 characters)"],
        ),
        (
            "price_integrity_key = \"c2VjcmV0\"",
            &["exchange.x.price_integrity_key", "sealed"],
        ),
        (
            "authorization = \"Bearer\\u0007secret\"",
            &["exchange.x.authorization = (13 characters)", "ASCII"],
        ),
    ];
    for (section, words) in cases {
        let error = load(&format!("[exchange.x]\n{section}\n"), &[]).unwrap_err();
        let error = error.to_string();
        for word in *words {
            assert!(error.contains(word), "{section}: {error} lacks {word}");
        }
        let shows = error.contains("c2VjcmV0") || error.contains("secret");
        assert!(!shows, "a secret in {error}");
    }
}

#[test]
fn the_environment_sets_keys_of_any_exchange() {
    let file = "[exchange.Ad-X]\nprices = \"sealed\"\n";
    let environment = [
        ("PACELINE_EXCHANGE_AD_X_PRICE_ENCRYPTION_KEY", KEY),
        ("PACELINE_EXCHANGE_AD_X_PRICE_INTEGRITY_KEY", KEY),
        ("PACELINE_EXCHANGE_OTHER_QPS_MAX", "500"),
        ("PACELINE_EXCHANGE_OTHER_NETWORK_MARGIN_MS", "30"),
        ("PACELINE_EXCHANGE_OTHER_AUTHORIZATION", "Bearer abc"),
    ];
    let config = load(file, &environment).unwrap();
    let sealing: Vec<_> = config.pixel.price_keys.keys().collect();
    assert_eq!(sealing, ["Ad-X"]);
    let other = &config.bidder.exchanges["other"];
    assert_eq!(
        (other.qps_max, other.network_margin_ms),
        (Some(500), Some(30))
    );
    assert!(other.authorization.is_some());
    assert!(!format!("{config:?}").contains(KEY), "a key is shown");
    for unknown in ["PACELINE_EXCHANGE_QPS_MAX", "PACELINE_EXCHANGE_X_KEY"] {
        let error = load("", &[(unknown, "1")]).unwrap_err();
        assert!(error.to_string().contains(unknown));
    }
}

#[test]
fn every_exchange_profile_loads() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/exchanges");
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        let sealed = text.lines().any(|line| line == "prices = \"sealed\"");
        let variable = |key: &str| format!("PACELINE_EXCHANGE_{}_{key}", name.to_uppercase());
        let (encryption, integrity) = (
            variable("PRICE_ENCRYPTION_KEY"),
            variable("PRICE_INTEGRITY_KEY"),
        );
        let keys = [(encryption.as_str(), KEY), (integrity.as_str(), KEY)];
        let keys = if sealed { &keys[..] } else { &[] };
        if !keys.is_empty() {
            let error = load(&text, &[]).unwrap_err().to_string();
            assert!(error.contains("price_encryption_key"), "{name}: {error}");
        }
        let config = load(&text, keys).unwrap();
        assert!(config.bidder.exchanges.contains_key(&name), "{name}");
        let opened = config.pixel.price_keys.contains_key(&name);
        assert_eq!(opened, !keys.is_empty(), "{name}");
        names.push(name);
    }
    names.sort();
    let shipped = [
        "generic", "google", "index", "openx", "pubmatic", "pubnx", "xandr",
    ];
    assert_eq!(names, shipped);
}

#[test]
fn a_file_of_rates_goes_before_those_in_the_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rates.csv");
    let text = format!("[rates]\nfile = {path:?}\n");
    let error = load(&text, &[]).unwrap_err().to_string();
    assert!(error.contains("rates.file"), "{error}");
    std::fs::write(&path, "2020-01-02,EUR,1.25\n").unwrap();
    let config = load(&text, &[]).unwrap().bidder;
    let euro = Currency::parse("EUR").unwrap();
    assert_eq!(
        (config.fx.day, config.fx.rate(euro)),
        (18_263, Some(1_250_000))
    );
    assert_eq!(config.rates_file, Some(path));
}
