//! The rows of frequency caps, the same on campaigns, line items and creatives.

use maud::{Markup, html};
use proto::catalogue::{FREQUENCY_CAPS_MAX, FrequencyCapDoc, ScopeWord};

use super::{FormView, Reader};
use crate::extract::Values;

/// Empty rows for more caps.
const SPARE: usize = 2;
const UNITS: &[(&str, &str, u32)] = &[
    ("days", "days", 86_400),
    ("hours", "hours", 3600),
    ("minutes", "minutes", 60),
    ("seconds", "seconds", 1),
];
const SCOPES: &[(&str, &str)] = &[
    ("user", "to one user"),
    ("device", "on one device"),
    ("household", "in one household"),
];

fn cap(row: usize, part: &str) -> String {
    format!("frequency_caps.{row}.{part}")
}

/// The inputs; `of` says what the caps limit.
pub(super) fn draw(form: &FormView<'_>, of: &str) -> Markup {
    let units: Vec<_> = UNITS.iter().map(|(word, text, _)| (*word, *text)).collect();
    let used =
        (0..FREQUENCY_CAPS_MAX).rfind(|row| !form.values.get(&cap(*row, "impressions")).is_empty());
    let rows = used.map_or(0, |last| last + 1) + SPARE;
    html! {
        h3 { "Frequency caps" }
        p.hint { "At most so many impressions of " (of) " in any window. Where a request lacks the id that a cap counts for, there is no bid." }
        @for row in 0..rows.min(FREQUENCY_CAPS_MAX) {
            div.columns {
                (form.number(&cap(row, "impressions"), "Impressions", ""))
                (form.number(&cap(row, "window"), "in", ""))
                (form.choice(&cap(row, "unit"), "of", &units))
                (form.choice(&cap(row, "per"), "shown", SCOPES))
            }
        }
    }
}

/// What the inputs hold for stored caps.
pub(super) fn set(values: &mut Values, caps: &[FrequencyCapDoc]) {
    for (row, one) in caps.iter().enumerate() {
        let fits = |unit: &&(&str, &str, u32)| one.window_s.is_multiple_of(unit.2);
        let unit = UNITS
            .iter()
            .find(fits)
            .unwrap_or(&("seconds", "seconds", 1));
        values.set(&cap(row, "impressions"), one.impressions.to_string());
        values.set(&cap(row, "window"), (one.window_s / unit.2).to_string());
        values.set(&cap(row, "unit"), unit.0);
        values.set(&cap(row, "per"), one.per.word());
    }
}

/// Reads the rows that are filled in.
pub(super) fn parse(reader: &mut Reader<'_>) -> Vec<FrequencyCapDoc> {
    let mut caps = Vec::new();
    for row in 0..FREQUENCY_CAPS_MAX {
        let (impressions, window) = (cap(row, "impressions"), cap(row, "window"));
        let values = reader.values;
        if values.get(&impressions).is_empty() && values.get(&window).is_empty() {
            continue;
        }
        let unit = UNITS
            .iter()
            .find(|unit| unit.0 == values.get(&cap(row, "unit")));
        let seconds = unit.map_or(1, |unit| unit.2);
        let per = cap(row, "per");
        // A form of before the choice was there counts users.
        let per = if values.get(&per).is_empty() {
            ScopeWord::User
        } else {
            reader.word(&per, ScopeWord::from_word, ScopeWord::User)
        };
        caps.push(FrequencyCapDoc {
            impressions: reader.whole(&impressions),
            window_s: reader.whole(&window).saturating_mul(seconds),
            per,
        });
    }
    caps
}
