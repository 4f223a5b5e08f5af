//! Deciding takes nothing from the heap once the buffers of a core have met ordinary requests.

#[path = "../../ctr-model/tests/counting/mod.rs"]
mod counting;
mod support;

use bidder::Config;
use counting::COUNT;
use domain::Outcome;
use support::World;

/// Most heap allocations of a bid, from the body's bytes to the answer, record included. Nearly all bids take none; what
/// waits for the log and for the background is in lists that grow now and then.
const BID_ALLOCATIONS_MAX: u64 = 2;
/// Of so many bids at most one takes any.
const BIDS_WITHOUT: u64 = 20;

/// Requests for every format, with and without people, deals and privacy signals; some for nothing that we have.
fn requests() -> Vec<String> {
    let layout = r#"{\"ver\":\"1.2\",\"assets\":[{\"id\":1,\"required\":1,\"title\":{\"len\":90}},{\"id\":2,\"img\":{\"type\":3}}],\"eventtrackers\":[{\"event\":1,\"methods\":[1]}]}"#;
    let native = format!(r#""native":{{"request":"{layout}"}}"#);
    let slots = [
        r#""banner":{"format":[{"w":300,"h":250},{"w":728,"h":90}]}"#,
        r#""banner":{"w":300,"h":250},"pmp":{"deals":[{"id":"deal-1","bidfloor":1.5}]}"#,
        r#""banner":{"w":300,"h":250},"bidfloor":90"#,
        r#""banner":{"w":1,"h":1}"#,
        r#""video":{"mimes":["video/mp4"],"protocols":[2,3,7,8],"w":640,"h":360,"maxduration":30}"#,
        r#""video":{"mimes":["video/ogg"],"protocols":[3]}"#,
        r#""audio":{"mimes":["audio/mpeg"],"protocols":[3],"maxduration":30}"#,
        &native,
    ];
    let places = [
        r#""site":{"domain":"a.example","page":"https://a.example/x","publisher":{"id":"p"}}"#,
        r#""app":{"bundle":"com.example.app","domain":"a.example"}"#,
    ];
    let people = [
        "",
        r#","user":{"buyeruid":"u1","data":[{"id":"d","segment":[{"id":"s1"},{"id":"s2"}]}]}"#,
        r#","user":{"buyeruid":"u2"},"regs":{"coppa":1}"#,
        r#","cur":["EUR"],"wseat":["other"]"#,
        r#","cur":["XTS"]"#,
    ];
    let mut all = Vec::new();
    for slot in slots {
        for place in places {
            for person in people {
                all.push(format!(
                    r#"{{"id":"auction","imp":[{{"id":"1",{slot}}},{{"id":"2",{slot}}}],{place},"device":{{"ua":"Mozilla/5.0","ifa":"0A1B2C3D-0000-4E5F-8A9B-0C1D2E3F4A5B","ip":"203.0.113.9","geo":{{"country":"DEU"}}}}{person}}}"#
                ));
            }
        }
    }
    all
}

#[test]
fn deciding_takes_nothing_from_the_heap() {
    let names = [
        "banner",
        "script",
        "tag",
        "video",
        "two-files",
        "wrapper",
        "audio",
        "native",
        "any-deal",
        "deal-only",
        "capped",
        "capped-device",
        "german",
        "euro",
    ];
    let mut world = World::new(&names, Config::default());
    let requests = requests();
    let (mut bids, mut with, mut no_bids) = (0, 0, 0);
    for pass in 0..8 {
        for request in &requests {
            let call = world.call("generic");
            let mut body = request.clone().into_bytes();
            let before = COUNT.get();
            let outcome = world.core.decide(&call, &mut body).outcome;
            let taken = COUNT.get() - before;
            match outcome {
                _ if pass < 3 => {}
                Outcome::NoBid(why) => {
                    assert_eq!(taken, 0, "{why:?}: {request}");
                    no_bids += 1;
                }
                Outcome::Bid => {
                    assert!(taken <= BID_ALLOCATIONS_MAX, "{taken}: {request}");
                    (bids, with) = (bids + 1, with + u64::from(taken > 0));
                }
            }
        }
        world.core.hand_over();
    }
    assert!(bids > 100 && no_bids > 100, "{bids} bids, {no_bids} others");
    assert!(with * BIDS_WITHOUT <= bids, "{with} of {bids}");
    assert!(world.events().len() as u64 > bids, "all bids are logged");
}
