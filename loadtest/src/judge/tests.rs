//! For each rule, responses that break it and near ones that do not.

use serde_json::{Value, json};

use super::Rule::*;
use super::*;

const BANNER: &str = r#"<a href="https://pixel.localhost/click?t=c"><img src="https://cdn.example/a.png"></a><img src="https://pixel.localhost/imp?t=i">"#;
const VAST: &str = r#"<VAST version="4.0"><Ad><InLine><Impression><![CDATA[https://pixel.localhost/imp?t=i]]></Impression><Creatives><Creative><Linear><Duration>00:00:15</Duration><MediaFiles><MediaFile delivery="progressive" type="video/mp4" width="640" height="360"><![CDATA[https://cdn.example/v.mp4]]></MediaFile></MediaFiles><VideoClicks><ClickThrough><![CDATA[https://pixel.localhost/click?t=c]]></ClickThrough></VideoClicks></Linear></Creative></Creatives></InLine></Ad></VAST>"#;
const NATIVE: &str = r#"{"ver":"1.2","assets":[{"id":1,"title":{"text":"Hello"}},{"id":2,"img":{"url":"https://cdn.example/i.png","w":300,"h":200}}],"link":{"url":"https://pixel.localhost/click?t=c"},"imptrackers":["https://pixel.localhost/imp?t=i"]}"#;

fn request() -> Value {
    json!({
        "id": "auction-1", "at": 1, "cur": ["USD", "EUR"], "bcat": ["IAB25", "IAB7-39"],
        "badv": ["rival.example"], "bapp": ["com.blocked.app"], "wlang": ["en"],
        "imp": [
            {"id": "1", "bidfloor": 1.0, "bidfloorcur": "USD", "secure": 1,
             "banner": {"w": 300, "h": 250, "format": [{"w": 336, "h": 280}, {"wratio": 16, "hratio": 9, "wmin": 320}], "battr": [1, 3]}},
            {"id": "2", "bidfloor": 2, "secure": 1,
             "video": {"mimes": ["video/mp4"], "protocols": [2, 7], "minduration": 5, "maxduration": 30, "durfloors": [{"mindur": 21, "maxdur": 30, "bidfloor": 9}]}},
            {"id": "3", "native": {"ver": "1.2", "request": json!({"assets": [
                {"id": 1, "required": 1, "title": {"len": 10}}, {"id": 2, "required": 1, "img": {"type": 3, "wmin": 300}}, {"id": 3, "data": {"type": 2, "len": 5}}]}).to_string()}},
            {"id": "4", "banner": {"w": 320, "h": 50}, "video": {"mimes": ["video/mp4"]},
             "pmp": {"private_auction": 1, "deals": [{"id": "D-1", "bidfloor": 2.5, "wseat": ["seat-1"], "wadomain": ["brand.example"]}, {"id": "D-2", "bidfloor": 2, "bidfloorcur": "EUR"}]}},
        ],
    })
}

fn bid(imp: &str) -> Value {
    let mut bid = json!({
        "id": format!("b-{imp}"), "impid": imp, "price": 3.0, "crid": "7", "cid": "5",
        "adomain": ["brand.example"], "cat": ["IAB7-3"], "burl": "https://pixel.localhost/bill?t=n&p=${AUCTION_PRICE}",
    });
    let (markup, mtype) = match imp {
        "2" => (VAST, 2),
        "3" => (NATIVE, 4),
        _ => (BANNER, 1),
    };
    bid["adm"] = markup.into();
    bid["mtype"] = mtype.into();
    match imp {
        "1" => (bid["w"], bid["h"]) = (300.into(), 250.into()),
        "4" => {
            (bid["w"], bid["h"]) = (320.into(), 50.into());
            bid["dealid"] = "D-1".into();
        }
        _ => {}
    }
    bid
}

fn response(bid: &Value) -> Value {
    json!({"id": "auction-1", "cur": "USD", "seatbid": [{"seat": "seat-1", "bid": [bid]}]})
}

fn rules(request: &Value, response: &Value) -> Vec<Rule> {
    let expectations = Expectations {
        public_url: "https://pixel.localhost".into(),
        fx: vec![("EUR".into(), 1_100_000)],
    };
    let found = judge(
        request.to_string().as_bytes(),
        response.to_string().as_bytes(),
        &expectations,
    );
    found.into_iter().map(|violation| violation.rule).collect()
}

/// Sets one field of a valid bid for an impression, and expects the rules broken.
fn check(imp: &str, field: &str, value: &Value, expected: &[Rule]) {
    let mut changed = bid(imp);
    changed[field] = value.clone();
    assert_eq!(
        rules(&request(), &response(&changed)),
        expected,
        "imp {imp}: {field} = {value}"
    );
}

#[test]
fn valid_bids_and_no_bids_pass() {
    for imp in ["1", "2", "3", "4"] {
        assert_eq!(rules(&request(), &response(&bid(imp))), [], "imp {imp}");
    }
    for nothing in [
        json!({}),
        json!({"id": "x", "seatbid": []}),
        json!({"nbr": 2}),
    ] {
        assert_eq!(rules(&request(), &nothing), [], "{nothing}");
    }
}

/// Replaces a part of a valid bid's markup, and expects the rules broken.
fn check_markup(imp: &str, (from, to): (&str, &str), expected: &[Rule]) {
    let markup = bid(imp)["adm"].as_str().unwrap().replace(from, to);
    check(imp, "adm", &json!(markup), expected);
}

#[test]
fn a_bid_is_priced_and_identified() {
    check("1", "id", &json!(""), &[BidId]);
    check("1", "impid", &json!("9"), &[ImpId]);
    check("1", "impid", &Value::Null, &[ImpId]);
    check("1", "price", &json!(-1), &[Price]);
    check("1", "price", &json!(0), &[Price]);
    check("1", "price", &json!("3.0"), &[Price]);
    check("1", "price", &json!(1e300), &[Price]);
    check("1", "price", &json!(0.999_999), &[Floor]);
    check("1", "price", &json!(1.0), &[]);
    check("2", "price", &json!(1.9), &[Floor]);
    check("1", "crid", &Value::Null, &[Crid]);
    check("1", "adomain", &json!([]), &[Adomain]);
}

#[test]
fn what_is_blocked_stays_out() {
    check("1", "adomain", &json!(["rival.example"]), &[Advertiser]);
    check("1", "adomain", &json!(["www.RIVAL.example"]), &[Advertiser]);
    check("1", "adomain", &json!(["notrival.example"]), &[]);
    check("1", "cat", &json!(["IAB25-3"]), &[Category]);
    check("1", "cat", &json!(["IAB7-39"]), &[Category]);
    check("1", "cat", &json!(["IAB7", "IAB251"]), &[]);
    check("1", "bundle", &json!("com.blocked.app"), &[App]);
    check("1", "language", &json!("de"), &[Language]);
    check("1", "attr", &json!([2, 3]), &[Attribute]);
}

#[test]
fn a_banner_has_an_offered_size_and_our_tracking() {
    check("1", "w", &json!(728), &[Size]);
    check("1", "w", &Value::Null, &[Size]);
    check("1", "mtype", &json!(2), &[MediaType]);
    check("1", "mtype", &Value::Null, &[]);
    check("4", "mtype", &Value::Null, &[MediaType]);
    check("1", "adm", &json!(" "), &[Markup]);
    check("1", "adm", &json!(VAST), &[Markup]);
    check("1", "adm", &json!(NATIVE), &[Markup]);
    check_markup("1", ("https://cdn", "http://cdn"), &[Secure]);
    check_markup("1", ("pixel.localhost/imp", "x.example/imp"), &[Tracking]);
    check_markup("1", ("pixel.localhost/click", "x.example/"), &[Tracking]);
    check("1", "nurl", &json!("https://x.example/win"), &[NoticeHost]);
    let near = json!("https://pixel.localhost.evil.example/bill");
    check("1", "burl", &near, &[NoticeHost]);
    let clear = json!("http://pixel.localhost/loss");
    check("1", "lurl", &clear, &[NoticeHost]);
}

#[test]
fn deals_are_kept() {
    check("1", "dealid", &json!("D-1"), &[Deal]);
    check("4", "dealid", &Value::Null, &[PrivateAuction]);
    check("4", "dealid", &json!("D-9"), &[Deal]);
    check("4", "price", &json!(2.4), &[Floor]);
    let domains = json!(["brand.example", "other.example"]);
    check("4", "adomain", &domains, &[Deal]);
}

#[test]
fn a_vast_document_can_be_played() {
    check_markup("2", ("00:00:15", "00:00:31"), &[Duration]);
    check_markup("2", ("00:00:15", "00:00:25"), &[Floor]);
    check_markup("2", ("00:00:15", "00:00:04"), &[Duration]);
    check_markup("2", ("video/mp4", "video/webm"), &[Mime]);
    check_markup("2", ("\"4.0\"", "\"4.2\""), &[Protocol]);
    check_markup("2", ("\"4.0\"", "\"1\""), &[Protocol]);
    check_markup("2", (" type=", " kind="), &[Mime]);
    check_markup("2", ("MediaFile", "File"), &[Vast]);
    check_markup("2", ("InLine", "Line"), &[Vast]);
    check_markup("2", ("Duration", "Length"), &[Vast]);
    check_markup("2", ("Impression", "Print"), &[Vast, Tracking]);
}

#[test]
fn a_native_answer_has_what_was_asked_for() {
    check_markup("3", ("\"id\":1", "\"id\":4"), &[Native, Native]);
    check_markup("3", ("Hello", "Hello, long world"), &[Native]);
    check_markup("3", ("300", "299"), &[Native]);
    check_markup("3", ("\"link\"", "\"lynk\""), &[Native]);
    check_markup("3", ("imptrackers", "trackers"), &[Tracking]);
}

#[test]
fn flexible_and_alternative_sizes_are_accepted() {
    for (width, height, fits) in [
        (336, 280, true),
        (320, 180, true),
        (640, 361, true),
        (640, 400, false),
        (304, 171, false),
    ] {
        let mut changed = bid("1");
        (changed["w"], changed["h"]) = (width.into(), height.into());
        assert_eq!(
            rules(&request(), &response(&changed)).is_empty(),
            fits,
            "{width} x {height}"
        );
    }
}

#[test]
fn response_level_rules() {
    let mut twice = response(&bid("1"));
    let second = bid("1");
    twice["seatbid"][0]["bid"]
        .as_array_mut()
        .unwrap()
        .push(second);
    assert_eq!(rules(&request(), &twice), [DuplicateBidId]);
    let mut other = response(&bid("1"));
    other["id"] = "another".into();
    assert_eq!(rules(&request(), &other), [Id]);
    let mut yen = response(&bid("1"));
    yen["cur"] = "JPY".into();
    assert_eq!(rules(&request(), &yen), [Currency, Floor]);
    let mut seats = request();
    seats["wseat"] = json!(["seat-2"]);
    assert_eq!(rules(&seats, &response(&bid("1"))), [Seat]);
    seats["wseat"] = Value::Null;
    seats["bseat"] = json!(["seat-1"]);
    assert_eq!(rules(&seats, &response(&bid("1"))), [Seat]);
    let mut other_seat = response(&bid("4"));
    other_seat["seatbid"][0]["seat"] = "seat-2".into();
    assert_eq!(rules(&request(), &other_seat), [Deal]);
    assert_eq!(rules(&request(), &json!([])), [Json]);
    assert_eq!(rules(&json!(null), &response(&bid("1"))), [Id, ImpId]);
}

#[test]
fn floors_compare_after_conversion() {
    // 2 EUR at 1.10 are 2.20 USD.
    for (price, fits) in [(2.2, true), (2.199_999, false)] {
        let mut changed = bid("4");
        changed["dealid"] = "D-2".into();
        changed["price"] = price.into();
        let expected: &[Rule] = if fits { &[] } else { &[Rule::Floor] };
        assert_eq!(rules(&request(), &response(&changed)), expected, "{price}");
    }
    let mut euros = response(&bid("1"));
    euros["cur"] = "EUR".into();
    euros["seatbid"][0]["bid"][0]["price"] = 0.92.into();
    assert_eq!(rules(&request(), &euros), []);
    euros["seatbid"][0]["bid"][0]["price"] = 0.9.into();
    assert_eq!(rules(&request(), &euros), [Rule::Floor]);
}

#[test]
fn requests_with_odd_types_are_read_as_exchanges_mean_them() {
    let mut odd = request();
    odd["imp"][0]["id"] = 1.into();
    odd["imp"][0]["bidfloor"] = "3.5".into();
    odd["imp"][0]["secure"] = "1".into();
    odd["imp"][0]["banner"]["w"] = 300.0.into();
    odd["bcat"] = Value::Null;
    odd["badv"] = Value::Null;
    assert_eq!(rules(&odd, &response(&bid("1"))), [Rule::Floor]);
}
