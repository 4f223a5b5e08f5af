//! The line item form.

use domain::{Creative, LineItem};
use maud::{Markup, html};
use proto::catalogue::{
    BidDoc, BidWord, DealsDoc, DealsWord, DeviceWord, InventoryWord, LineItemDoc, OsWord, RuleDoc,
    StatusWord, TargetingDoc,
};

use super::campaign::STATUSES;
use super::{FormView, Reader, checked, frequency};
use crate::extract::Values;
use crate::problem::Problem;
use crate::text::decimal;

const BIDS: &[(&str, &str)] = &[
    ("cpm", "CPM: a price for a thousand impressions"),
    ("cpc", "CPC: what a click is worth"),
    ("cpa", "CPA: what a conversion is worth"),
];
const DEALS: &[(&str, &str)] = &[
    ("open_only", "The open auction only"),
    ("open_and_any_deal", "The open auction and any deal"),
    ("only", "Only the deals below"),
];
/// Dimensions that are typed: name, label, hint.
const TYPED: &[(&str, &str, &str)] = &[
    (
        "countries",
        "Countries",
        "Three letters each, such as DEU or USA.",
    ),
    ("regions", "Regions", "Such as USA-CA."),
    (
        "sites",
        "Sites and apps",
        "Domains such as example.com (covers its subdomains) or app bundles.",
    ),
    ("sizes", "Banner sizes", "Such as 300x250."),
    (
        "hours",
        "Hours of the week (UTC)",
        "0 is Monday 00:00, 167 is Sunday 23:00; ranges such as 8-17 work.",
    ),
    (
        "segments",
        "User segments",
        "Ids from the exchange or your own.",
    ),
    (
        "exchanges",
        "Exchanges",
        "Their configured names, such as generic.",
    ),
];

/// The inputs. `creatives` are those of the campaign's advertiser.
pub(crate) fn draw(form: &FormView<'_>, creatives: &[Creative]) -> Markup {
    let creatives: Vec<_> = creatives
        .iter()
        .map(|one| {
            (
                one.id.to_string(),
                format!("{} ({})", one.name, one.format.label()),
            )
        })
        .collect();
    html! {
        (form.summary())
        div.columns {
            (form.text("name", "Name", ""))
            (form.choice("status", "Status", STATUSES))
        }
        div.columns {
            (form.choice("bid.type", "It pays for", BIDS))
            (form.number("bid.amount_micros", "Price or value", "In the campaign's currency."))
            (form.number("max_bid_cpm_micros", "Highest bid", "The most it ever bids for a thousand impressions."))
        }
        @if creatives.is_empty() {
            p.notice { "This advertiser has no creatives yet. Save the line item and add them later, or create one first." }
        } @else {
            (form.boxes("creative_ids", "Creatives", &creatives))
        }
        (draw_targeting(form))
        (frequency::draw(form, "this line item"))
        h3 { "Deals" }
        div.columns {
            (form.choice("deals.type", "It buys", DEALS))
            (form.area("deals.ids", "Deal ids", "One on each line."))
        }
    }
}

fn draw_targeting(form: &FormView<'_>) -> Markup {
    let ticked = [
        (
            "devices",
            "Devices",
            words(DeviceWord::ALL, |one| one.word()),
        ),
        (
            "os",
            "Operating systems",
            words(OsWord::ALL, |one| one.word()),
        ),
        (
            "inventory",
            "Inventory",
            words(InventoryWord::ALL, |one| one.word()),
        ),
    ];
    html! {
        h3 { "Targeting" }
        p.hint { "Empty means everywhere. A request must match one of the first list and none of the second." }
        @for (name, label, hint) in TYPED {
            div.columns {
                (form.area(&side(name, "include"), &format!("{label}: only"), hint))
                (form.area(&side(name, "exclude"), &format!("{label}: never"), ""))
            }
        }
        @for (name, label, options) in &ticked {
            div.columns {
                (form.boxes(&side(name, "include"), &format!("{label}: only"), options))
                (form.boxes(&side(name, "exclude"), &format!("{label}: never"), options))
            }
        }
    }
}

fn words<T: Copy>(all: &[T], word: impl Fn(T) -> &'static str) -> Vec<(String, String)> {
    let pair = |one: &T| (word(*one).to_owned(), word(*one).replace('_', " "));
    all.iter().map(pair).collect()
}

fn side(dimension: &str, side: &str) -> String {
    format!("targeting.{dimension}.{side}")
}

/// What the inputs hold for a new line item.
pub(crate) fn defaults() -> Values {
    let mut values = Values::default();
    values.set("status", "active");
    values.set("bid.type", "cpc");
    values.set("deals.type", "open_only");
    values
}

/// What the inputs hold for a stored line item.
pub(crate) fn values(line_item: &LineItem) -> Values {
    let document = LineItemDoc::from(line_item);
    let mut values = Values::default();
    values.set("name", document.name);
    values.set("status", document.status.word());
    values.set("bid.type", document.bid.kind.word());
    values.set("bid.amount_micros", decimal(document.bid.amount_micros));
    values.set("max_bid_cpm_micros", decimal(document.max_bid_cpm_micros));
    for id in document.creative_ids {
        values.set("creative_ids", id.to_string());
    }
    set_targeting(&mut values, document.targeting);
    frequency::set(&mut values, &document.frequency_caps);
    values.set("deals.type", document.deals.kind.word());
    values.set("deals.ids", document.deals.ids.join("\n"));
    values
}

fn set_targeting(values: &mut Values, targeting: TargetingDoc) {
    let mut typed = |name: &str, rule: RuleDoc<String>| {
        values.set(&side(name, "include"), rule.include.join("\n"));
        values.set(&side(name, "exclude"), rule.exclude.join("\n"));
    };
    let numbers = |hours: Vec<u8>| hours.iter().map(u8::to_string).collect();
    typed("countries", targeting.countries);
    typed("regions", targeting.regions);
    typed("sites", targeting.sites);
    typed("sizes", targeting.sizes);
    typed("segments", targeting.segments);
    typed("exchanges", targeting.exchanges);
    let hours = RuleDoc {
        include: numbers(targeting.hours.include),
        exclude: numbers(targeting.hours.exclude),
    };
    typed("hours", hours);
    tick(values, "devices", &targeting.devices, |one| one.word());
    tick(values, "os", &targeting.os, |one| one.word());
    tick(values, "inventory", &targeting.inventory, |one| one.word());
}

fn tick<T: Copy>(
    values: &mut Values,
    name: &str,
    rule: &RuleDoc<T>,
    word: impl Fn(T) -> &'static str,
) {
    for (which, list) in [("include", &rule.include), ("exclude", &rule.exclude)] {
        for one in list {
            values.set(&side(name, which), word(*one));
        }
    }
}

/// Reads the form.
pub(crate) fn parse(values: &Values, id: u64, campaign: u64) -> Result<LineItem, Problem> {
    let mut reader = Reader::new(values);
    let document = LineItemDoc {
        id,
        campaign_id: campaign,
        name: reader.text("name"),
        status: reader.word("status", StatusWord::from_word, StatusWord::Draft),
        bid: BidDoc {
            kind: reader.word("bid.type", BidWord::from_word, BidWord::Cpm),
            amount_micros: reader.amount("bid.amount_micros"),
        },
        max_bid_cpm_micros: reader.amount("max_bid_cpm_micros"),
        targeting: parse_targeting(&mut reader),
        frequency_caps: frequency::parse(&mut reader),
        deals: DealsDoc {
            kind: reader.word("deals.type", DealsWord::from_word, DealsWord::OpenOnly),
            ids: reader.list("deals.ids"),
        },
        creative_ids: reader.words("creative_ids", |id| id.parse().ok()),
    };
    checked(reader.errors, document.check())
}

fn parse_targeting(reader: &mut Reader<'_>) -> TargetingDoc {
    let typed = |reader: &Reader<'_>, name: &str, change: fn(String) -> String| {
        let list = |which| {
            reader
                .list(&side(name, which))
                .into_iter()
                .map(change)
                .collect()
        };
        RuleDoc {
            include: list("include"),
            exclude: list("exclude"),
        }
    };
    let upper = |text: String| text.to_uppercase();
    let lower = |text: String| text.to_lowercase();
    TargetingDoc {
        exchanges: typed(reader, "exchanges", lower),
        countries: typed(reader, "countries", upper),
        regions: typed(reader, "regions", upper),
        devices: ticked(reader, "devices", DeviceWord::from_word),
        os: ticked(reader, "os", OsWord::from_word),
        inventory: ticked(reader, "inventory", InventoryWord::from_word),
        sites: typed(reader, "sites", |text| text),
        sizes: typed(reader, "sizes", lower),
        hours: RuleDoc {
            include: hours(reader, &side("hours", "include")),
            exclude: hours(reader, &side("hours", "exclude")),
        },
        segments: typed(reader, "segments", |text| text),
    }
}

fn ticked<T>(reader: &mut Reader<'_>, name: &str, parse: fn(&str) -> Option<T>) -> RuleDoc<T> {
    RuleDoc {
        include: reader.words(&side(name, "include"), parse),
        exclude: reader.words(&side(name, "exclude"), parse),
    }
}

/// Hours and ranges of them.
fn hours(reader: &mut Reader<'_>, name: &str) -> Vec<u8> {
    let mut hours = Vec::new();
    for entry in reader.list(name) {
        let (first, last) = entry.split_once('-').unwrap_or((&entry, &entry));
        match (first.trim().parse::<u8>(), last.trim().parse::<u8>()) {
            (Ok(first), Ok(last)) if first <= last && last < 168 => hours.extend(first..=last),
            _ => {
                reader.wrong(name, "must be hours 0 to 167 or ranges such as 8-17");
                break;
            }
        }
    }
    hours.sort_unstable();
    hours.dedup();
    hours
}
