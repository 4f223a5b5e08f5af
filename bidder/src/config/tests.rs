//! Defaults and refusals.

use super::*;

#[test]
fn defaults_hold_their_own_rules() {
    assert_eq!(Config::default().check(), Ok(()));
}

#[test]
fn each_broken_rule_names_its_key() {
    type Break = fn(&mut Config);
    let cases: [(&str, Break); 10] = [
        ("cores", |c| c.cores = 0),
        ("deadline_ms", |c| c.deadline_ms = c.network_margin_ms),
        ("public_url", |c| c.public_url = "https://x/".into()),
        ("seat", |c| c.seat.clear()),
        ("fee_ppm", |c| c.fee_ppm = -1),
        ("dsa_payer", |c| c.dsa_payer = "x".repeat(101)),
        ("provisional_mib", |c| c.provisional_mib = 0),
        ("profile_ttl_ms", |c| c.profile_ttl_ms = 501),
        ("profile_read_ms", |c| c.profile_read_ms = 0),
        ("exchanges", |c| {
            c.exchanges.insert("a/b".into(), ExchangeConfig::default());
        }),
    ];
    for (key, break_it) in cases {
        let mut config = Config::default();
        break_it(&mut config);
        assert_eq!(config.check().unwrap_err().key, key);
    }
}
