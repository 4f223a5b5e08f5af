//! Bid request fixtures: what each says, against what the parser reads.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::path::PathBuf;

use domain::money::Currency;
use proto::openrtb::{
    Amount, Arena, BannerSlot, BidRequest, Deal, DurationFloor, Floor, Imp, MediaSlot, NativeSlot,
    RequestError, Signal, Text, parse,
};
use serde_json::{Value, json};

fn fixtures() -> Vec<(String, Value)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/openrtb");
    let mut found: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            let text = std::fs::read(&path).unwrap();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, serde_json::from_slice(&text).unwrap())
        })
        .collect();
    found.sort_by(|one, other| one.0.cmp(&other.0));
    found
}

/// A request is JSON, or a string with the exact bytes where those matter.
fn bytes(request: &Value) -> Vec<u8> {
    match request {
        Value::String(raw) => raw.clone().into_bytes(),
        json => json.to_string().into_bytes(),
    }
}

#[test]
fn fixtures_are_read_as_they_say() {
    let mut cases = 0;
    for (name, file) in fixtures() {
        let list = match file {
            Value::Array(list) => list,
            one => vec![one],
        };
        for case in list {
            check(&name, &case);
            cases += 1;
        }
    }
    assert!(cases > 40, "only {cases} cases found");
}

fn check(name: &str, case: &Value) {
    let description = case["description"].as_str().unwrap();
    let mut body = bytes(&case["request"]);
    let read = match parse(&mut body, &mut Arena::new()) {
        Ok(request) => facts(&request),
        Err(error) => json!({ "error": error_text(error) }),
    };
    let expected = case["expected"].as_object().unwrap();
    assert!(
        !expected.is_empty(),
        "{name}: {description}: expects nothing"
    );
    for (pointer, wanted) in expected {
        let found = read.pointer(pointer);
        assert_eq!(
            found,
            Some(wanted),
            "{name}: {description}: {pointer} in {read:#}"
        );
    }
}

/// Where a parser notices an error is its own affair.
fn error_text(error: RequestError) -> String {
    match error {
        RequestError::Malformed { .. } => "malformed JSON".to_owned(),
        other => other.to_string(),
    }
}

fn facts(request: &BidRequest<'_>) -> Value {
    json!({
        "id": request.id, "at": request.at, "tmax": request.tmax_ms,
        "cur": request.cur.as_ref().map(|list| list.iter().map(ToString::to_string).collect::<Vec<_>>()),
        "allows_usd": request.allows_currency(Currency::USD),
        "test": request.test, "allimps": request.allimps,
        "wseat": request.wseat, "bseat": request.bseat, "bcat": request.bcat, "acat": request.acat,
        "cattax": request.cattax, "badv": request.badv, "bapp": request.bapp, "wlang": request.wlang,
        "imps": request.imps.iter().map(imp_facts).collect::<Vec<_>>(),
        "publisher": request.publisher().and_then(|publisher| publisher.id.as_ref()),
        "site": request.site.as_ref().map(|site| json!({
            "id": site.id, "domain": site.domain, "page": site.page, "cat": site.cat, "keywords": site.keywords,
        })),
        "app": request.app.as_ref().map(|app| json!({
            "id": app.id, "bundle": app.bundle, "name": app.name, "storeurl": app.storeurl, "cat": app.cat,
        })),
        "dooh": request.dooh.as_ref().map(|dooh| json!({ "id": dooh.id, "venuetype": dooh.venuetype })),
        "device": device_facts(request),
        "user": user_facts(request),
        "regs": {
            "coppa": request.regs.coppa, "gdpr": request.regs.gdpr, "gpc": request.regs.gpc,
            "us_privacy": signal(&request.regs.us_privacy), "gpp": signal(&request.regs.gpp),
            "gpp_sid": request.regs.gpp_sid,
        },
        "schain": request.schain.as_ref().map(|chain| json!({
            "complete": chain.complete, "nodes": chain.nodes.len(),
            "last": chain.nodes.last().map(|node| json!([node.asi, node.sid, node.hp])),
        })),
    })
}

fn device_facts(request: &BidRequest<'_>) -> Value {
    let device = &request.device;
    json!({
        "ua": device.ua, "ip": device.ip, "ipv6": device.ipv6, "devicetype": device.devicetype,
        "make": device.make, "model": device.model, "os": device.os, "osv": device.osv,
        "language": device.language, "ifa": device.ifa, "lmt": device.lmt, "dnt": device.dnt,
        "carrier": device.carrier, "connectiontype": device.connectiontype,
        "country": device.geo.country, "region": device.geo.region, "metro": device.geo.metro,
        "city": device.geo.city, "zip": device.geo.zip, "lat": device.geo.lat, "lon": device.geo.lon,
        "sua": device.sua.as_ref().map(|sua| json!([sua.platform, sua.platform_version, sua.browsers, sua.mobile])),
    })
}

fn user_facts(request: &BidRequest<'_>) -> Value {
    let user = &request.user;
    let eids = user.eids.iter().flat_map(|eid| {
        eid.uids
            .iter()
            .map(|uid| format!("{}={}", eid.source, uid.id))
    });
    json!({
        "id": user.id, "buyeruid": user.buyeruid, "yob": user.yob, "gender": user.gender,
        "keywords": user.keywords, "segments": user.segments().collect::<Vec<_>>(),
        "consent": signal(&user.consent), "eids": eids.collect::<Vec<_>>(),
    })
}

fn signal(signal: &Signal<'_>) -> Value {
    match signal {
        Signal::Absent => Value::Null,
        Signal::Text(text) => json!(text),
        Signal::Unreadable => json!({ "unreadable": true }),
    }
}

fn floor(floor: Floor) -> String {
    match floor {
        Floor::At(price, currency) => format!("{} {currency}", price.0.0),
        Floor::Unreadable => "unreadable".to_owned(),
    }
}

fn amount(amount: &Amount) -> String {
    match amount {
        Amount::Of(price) => price.0.0.to_string(),
        Amount::Unreadable => "unreadable".to_owned(),
    }
}

fn durations(floors: &[DurationFloor]) -> Vec<String> {
    floors
        .iter()
        .map(|f| format!("{}-{}: {}", f.mindur_s, f.maxdur_s, amount(&f.floor)))
        .collect()
}

fn imp_facts(imp: &Imp<'_>) -> Value {
    json!({
        "id": imp.id, "floor": floor(imp.floor), "secure": imp.secure, "instl": imp.instl,
        "rwdd": imp.rwdd, "exp": imp.exp_s, "tagid": imp.tagid, "multiplier": imp.multiplier,
        "shown_at": imp.shown_at_ms,
        "banner": imp.banner.as_ref().map(banner_facts),
        "video": imp.video.as_ref().map(media_facts),
        "audio": imp.audio.as_ref().map(media_facts),
        "native": imp.native.as_ref().map(native_facts),
        "private_auction": imp.pmp.private_auction,
        "deals": imp.pmp.deals.iter().map(|deal| deal_facts(imp, deal)).collect::<Vec<_>>(),
        "floor_of_15s": imp.video.as_ref().or(imp.audio.as_ref()).map(|slot| floor(imp.floor_of(slot, 15))),
    })
}

fn deal_facts(imp: &Imp<'_>, deal: &Deal<'_>) -> Value {
    let media = imp.video.as_ref().or(imp.audio.as_ref());
    json!({
        "id": deal.id, "floor": deal.floor.map(floor), "at": deal.at, "wseat": deal.wseat,
        "wadomain": deal.wadomain, "guar": deal.guar,
        "floor_in": floor(deal.floor_in(imp, media.map(|slot| (slot, 15)))),
        "fixed_price": deal.fixed_price().map(|(price, currency)| format!("{} {currency}", price.0.0)),
    })
}

fn banner_facts(banner: &BannerSlot<'_>) -> Value {
    let sizes = banner
        .sizes
        .iter()
        .map(|size| format!("{}x{}", size.width, size.height));
    let flex = banner
        .flex
        .iter()
        .map(|flex| format!("{}:{} from {}", flex.wratio, flex.hratio, flex.wmin));
    json!({
        "sizes": sizes.collect::<Vec<_>>(), "flex": flex.collect::<Vec<_>>(), "btype": banner.btype,
        "battr": banner.battr, "mimes": banner.mimes, "api": banner.api, "pos": banner.pos,
        "expdir": banner.expdir,
    })
}

fn media_facts(slot: &MediaSlot<'_>) -> Value {
    let texts = |list: &[Text<'_>]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
    json!({
        "mimes": texts(slot.mimes), "protocols": slot.protocols, "minduration": slot.minduration_s,
        "maxduration": slot.maxduration_s, "rqddurs": slot.rqddurs_s, "size": [slot.w, slot.h],
        "startdelay": slot.startdelay, "plcmt": slot.plcmt, "placement": slot.placement,
        "linearity": slot.linearity, "skip": slot.skip, "api": slot.api, "battr": slot.battr,
        "bitrate": [slot.minbitrate_kbps, slot.maxbitrate_kbps], "maxextended": slot.maxextended_s,
        "podid": slot.podid, "poddur": slot.poddur_s, "maxseq": slot.maxseq, "podseq": slot.podseq,
        "slotinpod": slot.slotinpod, "mincpmpersec": slot.mincpmpersec.as_ref().map(amount),
        "durfloors": durations(slot.durfloors), "delivery": slot.delivery,
        "playbackmethod": slot.playbackmethod,
        "takes": (0..=60).filter(|s| s % 5 == 0 && slot.takes_duration(*s)).collect::<Vec<u32>>(),
    })
}

fn native_facts(slot: &NativeSlot<'_>) -> Value {
    let request = match slot.parsed() {
        Ok(request) => json!({
            "version": request.version, "wrapped": request.wrapped,
            "assets": request.assets.iter().map(|asset| format!("{asset:?}")).collect::<Vec<_>>(),
            "events": request.eventtrackers.iter().map(|t| json!([t.event, t.methods])).collect::<Vec<_>>(),
        }),
        Err(error) => json!({ "error": error_text(error) }),
    };
    json!({ "ver": slot.ver, "api": slot.api, "battr": slot.battr, "request": request })
}
