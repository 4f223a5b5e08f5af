//! The targeting part of the line item form.

use domain::targeting::{Dimension, Syntax};
use maud::{Markup, html};
use proto::catalogue::{GroupDoc, ModifierDoc, RuleDoc, TargetingDoc, ValueDoc};

use super::{FormView, Reader};
use crate::extract::Values;

/// One in millionths.
const ONE_PPM: f64 = 1e6;
const GROUPS: &str = "targeting.groups";
const MODIFIERS: &str = "targeting.modifiers";
/// Dimensions that most line items use; the others are folded away until they hold something.
const COMMON: &[Dimension] = &[
    Dimension::Countries,
    Dimension::Regions,
    Dimension::Sites,
    Dimension::Sizes,
    Dimension::Hours,
    Dimension::Segments,
    Dimension::Exchanges,
    Dimension::Devices,
    Dimension::Os,
    Dimension::Inventory,
];

/// The inputs.
pub(super) fn draw(form: &FormView<'_>) -> Markup {
    let rare = Dimension::ALL.iter().filter(|one| !COMMON.contains(one));
    let rare: Vec<_> = rare.copied().collect();
    let used = rare.iter().any(|one| is_used(form, *one));
    let more = [GROUPS, MODIFIERS]
        .iter()
        .any(|name| !form.values.get(name).is_empty());
    html! {
        h3 { "Targeting" }
        p.hint { "Empty means everywhere. A request must match one of the first list and none of the second." }
        @for dimension in COMMON { (draw_rule(form, *dimension)) }
        details open[used || more || !form.errors.is_empty()] {
            summary { "More targeting, groups and bid modifiers" }
            @for dimension in &rare { (draw_rule(form, *dimension)) }
            (form.area(GROUPS, "Groups", "Conditions as JSON, such as {\"any\":[{\"is\":{\"dimension\":\"os\",\"values\":[\"ios\"]}}]}."))
            (form.area(MODIFIERS, "Bid modifiers", "One on each line: dimension, value and factor, such as devices phone 1.2."))
        }
    }
}

fn is_used(form: &FormView<'_>, dimension: Dimension) -> bool {
    let sides = ["include", "exclude"];
    sides
        .iter()
        .any(|which| !form.values.get(&side(dimension, which)).is_empty())
}

fn draw_rule(form: &FormView<'_>, dimension: Dimension) -> Markup {
    let (only, never) = (side(dimension, "include"), side(dimension, "exclude"));
    let label = dimension.label();
    let (first, second) = (format!("{label}: only"), format!("{label}: never"));
    if let Some(words) = dimension.words() {
        let options: Vec<_> = words
            .iter()
            .map(|word| ((*word).to_owned(), word.replace('_', " ")))
            .collect();
        return html! {
            div.columns {
                (form.boxes(&only, &first, &options))
                (form.boxes(&never, &second, &options))
            }
        };
    }
    let hint = format!("Each {}.", dimension.syntax().rule());
    html! {
        div.columns {
            (form.area(&only, &first, &hint))
            (form.area(&never, &second, ""))
        }
    }
}

fn side(dimension: Dimension, side: &str) -> String {
    format!("targeting.{}.{side}", dimension.name())
}

/// What the inputs hold for a stored line item.
pub(super) fn set(values: &mut Values, targeting: TargetingDoc) {
    for (dimension, rule) in targeting.rules {
        for (which, list) in [("include", rule.include), ("exclude", rule.exclude)] {
            let name = side(dimension, which);
            let texts: Vec<_> = list.into_iter().map(ValueDoc::into_text).collect();
            if dimension.words().is_some() {
                texts.into_iter().for_each(|text| values.set(&name, text));
            } else {
                values.set(&name, texts.join("\n"));
            }
        }
    }
    if let Some(groups) = targeting.groups {
        let text = serde_json::to_string_pretty(&groups).unwrap_or_default();
        values.set(GROUPS, text);
    }
    let lines = targeting.modifiers.into_iter().map(|one| {
        let factor = one.factor_ppm as f64 / ONE_PPM;
        format!("{} {} {factor}", one.dimension, one.value.into_text())
    });
    values.set(MODIFIERS, lines.collect::<Vec<_>>().join("\n"));
}

/// Reads the inputs.
pub(super) fn parse(reader: &mut Reader<'_>) -> TargetingDoc {
    let mut doc = TargetingDoc::default();
    for dimension in Dimension::ALL {
        let rule = RuleDoc {
            include: list(reader, *dimension, "include"),
            exclude: list(reader, *dimension, "exclude"),
        };
        if rule != RuleDoc::default() {
            *doc.rule_mut(*dimension) = rule;
        }
    }
    doc.groups = parse_groups(reader);
    doc.modifiers = parse_modifiers(reader);
    doc
}

fn list(reader: &Reader<'_>, dimension: Dimension, which: &str) -> Vec<ValueDoc> {
    let name = side(dimension, which);
    let texts: Vec<String> = if dimension.words().is_some() {
        reader.values.all(&name).map(str::to_owned).collect()
    } else {
        reader.list(&name)
    };
    let changed = texts.into_iter().map(|text| match dimension.syntax() {
        Syntax::Country | Syntax::Region => text.to_uppercase(),
        Syntax::Exchange | Syntax::Size => text.to_lowercase(),
        _ => text,
    });
    changed.map(ValueDoc::Text).collect()
}

fn parse_groups(reader: &mut Reader<'_>) -> Option<GroupDoc> {
    let text = reader.optional(GROUPS)?;
    let parsed = serde_json::from_str(&text);
    if parsed.is_err() {
        reader.wrong(GROUPS, "must be JSON of all, any, not and is");
    }
    parsed.ok()
}

fn parse_modifiers(reader: &mut Reader<'_>) -> Vec<ModifierDoc> {
    let parsed: Option<Vec<_>> = reader
        .list(MODIFIERS)
        .iter()
        .map(|line| modifier(line))
        .collect();
    parsed.unwrap_or_else(|| {
        reader.wrong(
            MODIFIERS,
            "must be a dimension, a value and a factor on each line",
        );
        Vec::new()
    })
}

fn modifier(line: &str) -> Option<ModifierDoc> {
    let (dimension, rest) = line.split_once(' ')?;
    let (value, factor) = rest.rsplit_once(' ')?;
    let factor: f64 = factor.parse().ok()?;
    Some(ModifierDoc {
        dimension: dimension.to_owned(),
        value: ValueDoc::Text(value.trim().to_owned()),
        factor_ppm: (factor * ONE_PPM).round() as i64,
    })
}
