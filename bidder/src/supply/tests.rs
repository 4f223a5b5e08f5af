//! Chains that are kept, and each way to break one.

use proto::openrtb::Arena;

use super::*;

fn judge(config: &ChainConfig, blocked: &[&str], rest: &str) -> Result<(), NoBid> {
    let mut body =
        format!(r#"{{"id":"1","imp":[{{"id":"1"}}],"site":{{"publisher":{{"id":"77"}}}}{rest}}}"#)
            .into_bytes();
    let mut arena = Arena::default();
    let request = proto::openrtb::parse(&mut body, &mut arena).unwrap();
    check(
        config,
        &BlockedSellers::new(blocked.iter().copied()),
        &request,
    )
}

fn chain(complete: u8, nodes: &str) -> String {
    format!(r#","source":{{"schain":{{"complete":{complete},"ver":"1.0","nodes":[{nodes}]}}}}"#)
}

fn node(system: &str, account: &str) -> String {
    format!(r#"{{"asi":"{system}","sid":"{account}","hp":1}}"#)
}

fn config(rule: ChainRule) -> ChainConfig {
    ChainConfig {
        rule,
        ..ChainConfig::default()
    }
}

fn whole() -> String {
    chain(
        1,
        &[node("owner.example", "1"), node("ssp.example", "77")].join(","),
    )
}

#[test]
fn a_missing_chain_passes_unless_it_is_required() {
    use ChainRule::{Check, Ignore, Require, RequireComplete};
    let cases = [
        (Ignore, Ok(()), Ok(()), Ok(())),
        (Check, Ok(()), Ok(()), Ok(())),
        (Require, Err(NoBid::SupplyChain), Ok(()), Ok(())),
        (
            RequireComplete,
            Err(NoBid::SupplyChain),
            Err(NoBid::SupplyChain),
            Ok(()),
        ),
    ];
    for (rule, missing, incomplete, complete) in cases {
        let judged = |rest: &str| judge(&config(rule), &[], rest);
        assert_eq!(judged(""), missing, "{rule:?}");
        assert_eq!(judged(&chain(1, "")), missing, "{rule:?}");
        assert_eq!(
            judged(&chain(0, &node("a.example", "1"))),
            incomplete,
            "{rule:?}"
        );
        assert_eq!(judged(&whole()), complete, "{rule:?}");
    }
}

#[test]
fn chains_that_make_no_sense_are_refused() {
    let accounts: Vec<_> = (0..=CHAIN_NODES_MAX)
        .map(|account| node("a.example", &account.to_string()))
        .collect();
    let broken = [
        // The same seller twice, with another in between, and in another case.
        [
            node("a.example", "1"),
            node("b.example", "1"),
            node("A.example", "1"),
        ]
        .join(","),
        node("https://a.example", "1"),
        node("a.example/path", "1"),
        node("a example", "1"),
        r#"{"asi":"a.example"}"#.to_owned(),
        r#"{"sid":"1"}"#.to_owned(),
        node("a.example", &"1".repeat(65)),
        accounts.join(","),
    ];
    for nodes in broken {
        let rest = chain(1, &nodes);
        assert_eq!(
            judge(&config(ChainRule::Check), &[], &rest),
            Err(NoBid::SupplyChain),
            "{nodes}"
        );
        assert_eq!(
            judge(&config(ChainRule::Ignore), &[], &rest),
            Ok(()),
            "{nodes}"
        );
    }
    let newer = whole().replace("1.0", "2.0");
    assert_eq!(
        judge(&config(ChainRule::Check), &[], &newer),
        Err(NoBid::SupplyChain)
    );
    let within = accounts.get(1..).unwrap().join(",");
    assert_eq!(
        judge(&config(ChainRule::Check), &[], &chain(1, &within)),
        Ok(())
    );
}

#[test]
fn the_last_seller_is_the_one_who_asks() {
    let own = ChainConfig {
        domain: "ssp.example".into(),
        publisher_is_seller: true,
        ..config(ChainRule::Check)
    };
    assert_eq!(judge(&own, &[], &whole()), Ok(()));
    assert_eq!(judge(&own, &[], &whole().replace("ssp.", "SSP.")), Ok(()));
    assert_eq!(judge(&own, &[], ""), Ok(()));
    for other in [
        whole().replace("ssp.", "other."),
        whole().replace("77", "78"),
    ] {
        assert_eq!(judge(&own, &[], &other), Err(NoBid::SupplyChain), "{other}");
        assert_eq!(
            judge(&config(ChainRule::Check), &[], &other),
            Ok(()),
            "{other}"
        );
    }
}

#[test]
fn blocked_sellers_are_found_anywhere_in_the_chain() {
    let judged = |blocked: &[&str]| judge(&config(ChainRule::Check), blocked, &whole());
    for blocked in [
        "owner.example",
        "SSP.example",
        "ssp.example/77",
        "owner.example/1",
    ] {
        assert_eq!(
            judged(&["a.example", blocked, "z.example/9"]),
            Err(NoBid::BlockedSeller),
            "{blocked}"
        );
    }
    assert_eq!(
        judged(&[
            "example",
            "ssp.example/7",
            "ssp.example/1",
            "owner.example/77"
        ]),
        Ok(())
    );
}
