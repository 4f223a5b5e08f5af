//! What is taken for invalid traffic, by the list in here and by own ones.

use proto::openrtb::Arena;

use super::*;

const BROWSER: &str =
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/120.0 Safari/537.36";

fn traffic(agents: &str, ranges: &str) -> InvalidTraffic {
    let mut lists = TrafficLists::default();
    lists.add_agents(agents).unwrap();
    lists.add_ranges(ranges).unwrap();
    InvalidTraffic::new(&lists, MissingAgent::Refuse).unwrap()
}

fn judge(traffic: &InvalidTraffic, imp: &str, rest: &str) -> Result<(), NoBid> {
    let mut body = format!(r#"{{"id":"1","imp":[{imp}],{rest}}}"#).into_bytes();
    let mut arena = Arena::default();
    let request = proto::openrtb::parse(&mut body, &mut arena).unwrap();
    traffic.check(&request)
}

fn judge_agent(traffic: &InvalidTraffic, agent: &str) -> Result<(), NoBid> {
    judge(
        traffic,
        r#"{"id":"1"}"#,
        &format!(r#""device":{{"ua":"{agent}"}}"#),
    )
}

fn judge_address(traffic: &InvalidTraffic, address: &str) -> Result<(), NoBid> {
    let device = format!(r#""device":{{"ua":"{BROWSER}",{address}}}"#);
    judge(traffic, r#"{"id":"1"}"#, &device)
}

#[test]
fn robots_that_say_so_are_known_and_devices_that_sound_like_one_are_not() {
    let traffic = traffic("", "");
    let robots = [
        "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
        "Mozilla/5.0 (compatible; bingbot/2.0)",
        "Mozilla/5.0 (compatible; Baiduspider/2.0)",
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 HeadlessChrome/120.0",
        "facebookexternalhit/1.1",
        "CURL/8.4.0",
        "python-requests/2.31.0",
        "Mozilla/5.0 (Linux; Android 9; CUBOT X19) AdsBot-Google-Mobile",
    ];
    for agent in robots {
        assert_eq!(judge_agent(&traffic, agent), Err(NoBid::Crawler), "{agent}");
    }
    let people = [
        BROWSER,
        "Mozilla/5.0 (Linux; Android 9; CUBOT X19) AppleWebKit/537.36 Mobile",
        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) Version/17.0 Mobile/15E148 Safari/604.1",
        "Dalvik/2.1.0 (Linux; U; Android 13; Pixel 7)",
        "AppleCoreMedia/1.0.0.20L563 (Apple TV; U; CPU OS 16_5 like Mac OS X)",
        "Roku/DVP-12.0 (12.0.0.4182-88)",
    ];
    for agent in people {
        assert_eq!(judge_agent(&traffic, agent), Ok(()), "{agent}");
    }
    let hints = r#""device":{"ua":"Mozilla/5.0","sua":{"browsers":[{"brand":"HeadlessChrome"}]}}"#;
    assert_eq!(judge(&traffic, r#"{"id":"1"}"#, hints), Err(NoBid::Crawler));
}

#[test]
fn own_words_add_robots_and_exceptions_that_win() {
    let traffic = traffic(
        "# ours\nacmefetch  # a partner\n\n!friendlybot\n!Chatbot Phone\n",
        "",
    );
    assert_eq!(judge_agent(&traffic, "AcmeFetch/1.0"), Err(NoBid::Crawler));
    assert_eq!(judge_agent(&traffic, "FriendlyBot/1.0"), Ok(()));
    assert_eq!(judge_agent(&traffic, "Mozilla/5.0 (CHATBOT PHONE)"), Ok(()));
    assert_eq!(
        judge_agent(&traffic, "FriendlyBot/1.0 Googlebot"),
        Err(NoBid::Crawler)
    );
}

#[test]
fn known_addresses_are_refused_up_to_their_last_bit() {
    let traffic = traffic(
        "",
        "192.0.2.128/25\n192.0.2.0/24 # covers it\n198.51.100.7\n2001:db8:1::/48\n2001:db8:2::1\n",
    );
    for known in [
        r#""ip":"192.0.2.0""#,
        r#""ip":"192.0.2.255""#,
        r#""ip":"198.51.100.7""#,
        r#""ip":"203.0.113.1","ipv6":"2001:db8:1:ffff::1""#,
        r#""ipv6":"2001:db8:2::1""#,
        r#""ip":"::ffff:192.0.2.9""#,
    ] {
        assert_eq!(
            judge_address(&traffic, known),
            Err(NoBid::DataCentre),
            "{known}"
        );
    }
    for other in [
        r#""ip":"192.0.1.255""#,
        r#""ip":"192.0.3.0""#,
        r#""ip":"198.51.100.8""#,
        r#""ipv6":"2001:db8:2::2""#,
        r#""ipv6":"2001:db8:0:ffff::""#,
        r#""ip":"192.0.2.x""#,
        r#""ip":"""#,
    ] {
        assert_eq!(judge_address(&traffic, other), Ok(()), "{other}");
    }
}

#[test]
fn missing_agents_and_invisible_slots_are_no_people() {
    let traffic = traffic("", "");
    let imp = r#"{"id":"1"}"#;
    let agent = &format!(r#""device":{{"ua":"{BROWSER}"}}"#);
    for device in [
        r#""device":{"ip":"203.0.113.1"}"#,
        r#""device":{"ua":" ","os":"iOS"}"#,
        r#""site":{},"device":{"make":"Apple","model":"iPhone","os":"iOS"}"#,
        r#""app":{},"device":{"make":"Apple","model":" ","os":"iOS"}"#,
    ] {
        assert_eq!(
            judge(&traffic, imp, device),
            Err(NoBid::NonHuman),
            "{device}"
        );
    }
    assert_eq!(
        judge(&traffic, imp, r#""device":{"sua":{"mobile":1}}"#),
        Ok(())
    );
    assert_eq!(judge(&traffic, imp, r#""dooh":{"id":"screen"}"#), Ok(()));
    let by_app = r#""app":{},"device":{"make":"Apple","model":"iPhone","os":"iOS"}"#;
    assert_eq!(judge(&traffic, imp, by_app), Ok(()), "an app tells");
    assert_eq!(
        judge(&traffic, imp, r#""site":{}"#),
        Ok(()),
        "nothing is said of the device"
    );
    let lenient = InvalidTraffic::new(&TrafficLists::default(), MissingAgent::Accept).unwrap();
    assert_eq!(
        judge(&lenient, imp, r#""device":{"ip":"203.0.113.1"}"#),
        Ok(())
    );
    let point = r#"{"id":"1","banner":{"w":1,"h":1}}"#;
    let line = r#"{"id":"2","banner":{"format":[{"w":300,"h":1}]}}"#;
    for imps in [point.to_owned(), format!("{point},{line}")] {
        assert_eq!(
            judge(&traffic, &imps, agent),
            Err(NoBid::NonHuman),
            "{imps}"
        );
    }
    for imps in [
        format!("{point},{}", r#"{"id":"3","banner":{"w":300,"h":250}}"#),
        r#"{"id":"1","banner":{"w":1,"h":1,"format":[{"w":300,"h":250}]}}"#.to_owned(),
        r#"{"id":"1","banner":{"w":1,"h":1},"native":{"request":"{}"}}"#.to_owned(),
        r#"{"id":"1","banner":{}}"#.to_owned(),
    ] {
        assert_eq!(judge(&traffic, &imps, agent), Ok(()), "{imps}");
    }
}

#[test]
fn lists_that_cannot_be_meant_name_their_line() {
    let mut lists = TrafficLists::default();
    for (text, line) in [("word\nab", 2), ("!a", 1), (&*"x".repeat(201), 1)] {
        assert_eq!(lists.add_agents(text).unwrap_err().line, line);
    }
    for text in [
        "\n192.0.2.0/33",
        "\n192.0.2",
        "\n0.0.0.0/0",
        "\n::/0",
        "\n192.0.2.0/x",
        "\nexample.com",
    ] {
        assert_eq!(lists.add_ranges(text).unwrap_err().line, 2, "{text}");
    }
}

#[test]
fn a_word_is_met_wherever_it_stands_and_in_any_case() {
    let own = ["abc", "Xyz-long-word"].map(str::to_owned);
    let words: Vec<String> = ROBOTS
        .iter()
        .map(|word| (*word).to_owned())
        .chain(own)
        .collect();
    let beginnings = Beginnings::of(&words);
    for agent in [
        "",
        "M",
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36",
        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_2 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
    ] {
        assert!(!beginnings.may_be_in(agent.as_bytes()), "{agent}");
        for word in &words {
            for word in [word.clone(), word.to_ascii_uppercase()] {
                for at in [0, agent.len() / 2, agent.len()] {
                    let (before, after) = agent.split_at(at);
                    let text = format!("{before}{word}{after}");
                    assert!(beginnings.may_be_in(text.as_bytes()), "{text}");
                }
            }
        }
    }
}
