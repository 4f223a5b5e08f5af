//! Line charts as SVG, drawn on the server; colours come from the stylesheet.

use domain::Timestamp;
use maud::{Markup, html};

use crate::time_text::time_of_day;

// As wide as a chart is on most screens, so that its letters keep the size that the stylesheet gives them.
const WIDTH: f64 = 380.0;
const HEIGHT: f64 = 160.0;
const LEFT: f64 = 44.0;
const RIGHT: f64 = 8.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 22.0;
/// Horizontal lines above the base line.
const STEPS: u32 = 4;
/// Most decimals beside a line.
const DECIMALS_MAX: i32 = 6;

/// One line of a chart.
pub(crate) struct Series<'a> {
    /// Shown in the legend.
    pub(crate) name: &'a str,
    /// The colour's class in the stylesheet.
    pub(crate) class: &'a str,
    /// `(milliseconds, value)` in order of time.
    pub(crate) points: &'a [(i64, f64)],
}

struct Scale {
    from: i64,
    to: i64,
    top: f64,
}

impl Scale {
    fn of(series: &[Series<'_>]) -> Option<Self> {
        let points = || series.iter().flat_map(|one| one.points);
        let from = points().map(|(at, _)| *at).min()?;
        let to = points().map(|(at, _)| *at).max()?;
        let max = points().map(|(_, value)| *value).fold(0.0, f64::max);
        Some(Self {
            from,
            to: to.max(from + 1),
            top: round_up(max),
        })
    }

    fn x(&self, at: i64) -> f64 {
        let share = (at - self.from) as f64 / (self.to - self.from) as f64;
        LEFT + share * (WIDTH - LEFT - RIGHT)
    }

    fn y(&self, value: f64) -> f64 {
        HEIGHT - BOTTOM - value / self.top * (HEIGHT - TOP - BOTTOM)
    }
}

/// The next round number that splits into four: 1, 2, 4, 8 times a power of ten.
fn round_up(max: f64) -> f64 {
    if max <= 0.0 || !max.is_finite() {
        return f64::from(STEPS);
    }
    let power = 10_f64.powf(max.log10().floor());
    let fits = [1.0, 2.0, 4.0, 6.0, 8.0, 10.0].map(|factor| factor * power);
    fits.into_iter().find(|top| *top >= max).unwrap_or(max)
}

/// A chart with its title and legend; a hint where there is nothing to draw.
pub(crate) fn lines(title: &str, series: &[Series<'_>]) -> Markup {
    let scale = Scale::of(series);
    html! {
        figure.chart {
            figcaption {
                b { (title) }
                // One line alone is what the title says.
                @for one in series.iter().filter(|one| series.len() > 1 && !one.points.is_empty()) {
                    span.key.(one.class) { (one.name) }
                }
            }
            @match scale {
                Some(scale) => (draw(title, series, &scale)),
                None => p.empty { "Nothing yet." },
            }
        }
    }
}

fn draw(title: &str, series: &[Series<'_>], scale: &Scale) -> Markup {
    let view = format!("0 0 {WIDTH} {HEIGHT}");
    let ends = [(scale.from, "start"), (scale.to, "end")];
    html! {
        svg viewBox=(view) role="img" aria-label=(title) {
            @for step in 0..=STEPS {
                @let value = scale.top * f64::from(step) / f64::from(STEPS);
                @let y = point(scale.y(value));
                line.grid x1=(LEFT) x2=(WIDTH - RIGHT) y1=(y) y2=(y) {}
                text.tick x=(LEFT - 6.0) y=(y) dy="4" text-anchor="end" { (short(value, scale.top)) }
            }
            @for (at, anchor) in ends {
                text.tick x=(point(scale.x(at))) y=(HEIGHT - 6.0) text-anchor=(anchor) {
                    (time_of_day(Timestamp(at)))
                }
            }
            @for one in series {
                polyline.line.(one.class) points=(path(one.points, scale)) fill="none" {}
                @if let Some((at, value)) = one.points.last() {
                    circle.dot.(one.class) cx=(point(scale.x(*at))) cy=(point(scale.y(*value))) r="3" {}
                }
            }
        }
    }
}

fn path(points: &[(i64, f64)], scale: &Scale) -> String {
    let pairs: Vec<String> = points
        .iter()
        .map(|(at, value)| format!("{:.1},{:.1}", scale.x(*at), scale.y(*value)))
        .collect();
    pairs.join(" ")
}

fn point(value: f64) -> String {
    format!("{value:.1}")
}

/// A value beside its line: all lines of a chart have the same decimals.
fn short(value: f64, top: f64) -> String {
    let (unit, sign) = match top {
        1e6.. => (1e6, "M"),
        1e4.. => (1e3, "k"),
        _ => (1.0, ""),
    };
    let step = top / unit / f64::from(STEPS);
    let exact = |decimals: &i32| {
        let scaled = step * 10_f64.powi(*decimals);
        (scaled - scaled.round()).abs() < 1e-6 && scaled >= 1.0
    };
    let decimals = (0..DECIMALS_MAX).find(exact).unwrap_or(DECIMALS_MAX);
    format!(
        "{:.*}{sign}",
        decimals.unsigned_abs() as usize,
        value / unit
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_are_round_and_charts_stay_inside() {
        for (max, top) in [
            (0.0, 4.0),
            (3.0, 4.0),
            (17.0, 20.0),
            (0.03, 0.04),
            (100.0, 100.0),
        ] {
            assert!((round_up(max) - top).abs() < 1e-9, "{max}");
        }
        let points = [(0, 0.0), (60_000, 5.0), (120_000, 6.0)];
        let series = [Series {
            name: "spend",
            class: "a",
            points: &points,
        }];
        let svg = lines("Spend", &series).into_string();
        assert!(svg.contains("polyline"), "{svg}");
        assert!(!svg.contains("NaN") && !svg.contains("-0."), "{svg}");
        let empty = lines("Spend", &[]).into_string();
        assert!(empty.contains("Nothing yet"), "{empty}");
    }

    #[test]
    fn lines_of_a_chart_have_the_same_decimals() {
        let beside = |top: f64| [0.0, 0.25, 0.5, 0.75, 1.0].map(|part| short(top * part, top));
        for (top, texts) in [
            (4.0, ["0", "1", "2", "3", "4"]),
            (6.0, ["0.0", "1.5", "3.0", "4.5", "6.0"]),
            (0.04, ["0.00", "0.01", "0.02", "0.03", "0.04"]),
            (1000.0, ["0", "250", "500", "750", "1000"]),
            (20_000.0, ["0k", "5k", "10k", "15k", "20k"]),
            (1e6, ["0.00M", "0.25M", "0.50M", "0.75M", "1.00M"]),
        ] {
            assert_eq!(beside(top), texts);
        }
    }
}
