//! The inputs for an app in Apple's store.

use maud::{Markup, html};
use proto::catalogue::AppStoreDoc;

use super::{FormView, Reader};
use crate::extract::Values;

const ITEM: &str = "app_store.item";
const CAMPAIGN: &str = "app_store.campaign";
const SOURCE: &str = "app_store.source_identifier";

/// The inputs.
pub(crate) fn draw(form: &FormView<'_>) -> Markup {
    html! {
        h3 { "App in Apple's store, for SKAdNetwork" }
        div.columns {
            (form.number(ITEM, "App", "Its number in the store; empty when no app is advertised."))
            (form.number(CAMPAIGN, "Campaign", "1 to 100, before version 4.0."))
            (form.number(SOURCE, "Source identifier", "1000 to 9999, from version 4.0 on."))
        }
    }
}

/// What the inputs hold.
pub(crate) fn set(values: &mut Values, app: Option<AppStoreDoc>) {
    let Some(app) = app else {
        return;
    };
    values.set(ITEM, app.item.to_string());
    for (name, number) in [(CAMPAIGN, app.campaign), (SOURCE, app.source_identifier)] {
        values.set(name, number.map(|n| n.to_string()).unwrap_or_default());
    }
}

/// Reads the inputs.
pub(crate) fn parse(reader: &mut Reader<'_>) -> Option<AppStoreDoc> {
    let texts = [ITEM, CAMPAIGN, SOURCE].map(|name| reader.optional(name));
    if texts.iter().all(Option::is_none) {
        return None;
    }
    let [item, campaign, source] = texts.map(|text| text.is_some());
    let number =
        |given: bool, name: &str, reader: &mut Reader<'_>| given.then(|| reader.whole(name));
    let campaign = number(campaign, CAMPAIGN, reader);
    let source_identifier = number(source, SOURCE, reader);
    let item = item.then(|| reader.text(ITEM).parse().ok()).flatten();
    Some(AppStoreDoc {
        // The document's own rule refuses 0.
        item: item.unwrap_or(0),
        campaign,
        source_identifier,
    })
}
