//! Attempts at an open redirect: a click leads to its sealed landing page or nowhere.
#![expect(clippy::unwrap_used, reason = "tests")]

mod support;

use pixel::{Answer, Hit, Method, PixelCore, Reject, Verdict};
use proto::event::BidRef;
use proto::token::Purpose;
use serde_json::Value;
use support::{NOW, bid, keys};

fn attempts(list: &str) -> Vec<String> {
    let all: Value = serde_json::from_str(include_str!("../fixtures/redirects.json")).unwrap();
    let texts = all[list].as_array().unwrap();
    texts
        .iter()
        .map(|text| text.as_str().unwrap().to_owned())
        .collect()
}

fn click(query: &str) -> (Answer, Verdict) {
    let hit = Hit {
        method: Method::Get,
        path: "/click",
        query,
        looks_ahead: false,
    };
    let decision = PixelCore::new(keys(), "test", 1024).hit(hit, NOW);
    (decision.answer, decision.verdict)
}

#[test]
fn no_parameter_leads_anywhere() {
    let good = keys().seal(&bid(), Purpose::Click);
    let (expected, _) = click(&format!("t={good}"));
    assert!(
        matches!(&expected, Answer::Redirect(to) if to.starts_with("https://shop.example/p?id=7&"))
    );
    let queries = attempts("queries");
    assert!(queries.len() >= 30);
    for attempt in queries {
        let (alone, _) = click(&attempt);
        assert_eq!(alone, Answer::NoContent, "{attempt}");
        let (after, _) = click(&format!("t={good}&{attempt}"));
        assert_eq!(after, expected, "{attempt}");
        let (before, _) = click(&format!("{attempt}&t={good}"));
        assert!(
            before == expected || before == Answer::NoContent,
            "{attempt}"
        );
    }
}

#[test]
fn no_landing_page_but_an_absolute_web_address_is_followed() {
    let landings = attempts("landings");
    assert!(landings.len() >= 60);
    for landing in landings {
        let bid = BidRef {
            landing: landing.clone(),
            ..bid()
        };
        let token = keys().seal(&bid, Purpose::Click);
        let (answer, verdict) = click(&format!("t={token}"));
        assert_eq!(answer, Answer::NoContent, "{landing:?}");
        assert_eq!(verdict, Verdict::Rejected(Reject::Landing), "{landing:?}");
    }
}

#[test]
fn no_altered_token_leads_anywhere() {
    let good = keys().seal(&bid(), Purpose::Click);
    let mut tried = 0;
    for place in 0..good.len() {
        let altered: String = good
            .chars()
            .enumerate()
            .map(|(i, c)| {
                if i == place {
                    if c == 'Q' { 'R' } else { 'Q' }
                } else {
                    c
                }
            })
            .collect();
        let (answer, _) = click(&format!("t={altered}"));
        assert_eq!(answer, Answer::NoContent, "{place}");
        tried += 1;
    }
    assert!(tried > 100);
}
