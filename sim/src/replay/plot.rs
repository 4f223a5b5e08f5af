//! A replay as a picture: what was planned, what was spent, and what bids were multiplied with.

use std::fmt::Write;

use domain::Timestamp;

use super::stream::HOUR_MS;
use super::{Played, Stream};

/// The picture, in pixels, and the frame's distance from its edges.
const SIZE: (f64, f64) = (960.0, 420.0);
const FRAME: (f64, f64) = (64.0, 36.0);
/// Points of the plan's line.
const PLAN_POINTS: i64 = 400;
/// Lines for hours are drawn up to so many; more would be a grey field.
const HOUR_LINES_MAX: usize = 72;

/// The picture as SVG. Money and multiplier share the height: 1 is the whole budget, and a bid at its full value.
pub fn svg(played: &Played, stream: &Stream) -> String {
    let end = stream.end().0.max(1) as f64;
    let budget = played.figures.budget.max(1) as f64;
    let point = |at: Timestamp, share: f64| {
        let x = FRAME.0 + (SIZE.0 - 2.0 * FRAME.0) * at.0 as f64 / end;
        let y = SIZE.1 - FRAME.1 - (SIZE.1 - 2.0 * FRAME.1) * share.clamp(0.0, 1.0);
        format!("{x:.1},{y:.1} ")
    };
    let plan = (0..=PLAN_POINTS).map(|part| {
        let at = Timestamp(stream.end().0 * part / PLAN_POINTS);
        point(at, played.flight.schedule.share(at))
    });
    let samples = &played.books.samples;
    let last = (stream.end(), played.books.cost as f64 / budget);
    let spent = samples
        .iter()
        .map(|sample| (sample.at, sample.spent as f64 / budget));
    let spent = spent.chain([last]).map(|(at, share)| point(at, share));
    let signal = samples.iter().map(|sample| point(sample.at, sample.signal));
    let mut svg = frame(stream);
    line(&mut svg, "#888888", &plan.collect::<String>());
    line(&mut svg, "#1f6feb", &spent.collect::<String>());
    line(&mut svg, "#d1495b", &signal.collect::<String>());
    legend(&mut svg, played);
    svg.push_str("</svg>\n");
    svg
}

fn frame(stream: &Stream) -> String {
    let (width, height) = SIZE;
    let (left, top) = FRAME;
    let (right, bottom) = (width - left, height - top);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"#ffffff\"/>\n\
         <path d=\"M{left},{top} V{bottom} H{right}\" fill=\"none\" stroke=\"#000000\"/>\n"
    );
    for part in 0..=4 {
        let share = f64::from(part) / 4.0;
        let y = bottom - (bottom - top) * share;
        let x = left - 8.0;
        add(
            &mut svg,
            format_args!("<text x=\"{x}\" y=\"{y:.1}\" text-anchor=\"end\">{share}</text>\n"),
        );
    }
    if stream.hours <= HOUR_LINES_MAX {
        for hour in 1..stream.hours {
            let x = left + (right - left) * (hour as i64 * HOUR_MS) as f64 / stream.end().0 as f64;
            add(
                &mut svg,
                format_args!("<path d=\"M{x:.1},{top} V{bottom}\" stroke=\"#eeeeee\"/>\n"),
            );
        }
    }
    svg
}

fn line(svg: &mut String, colour: &str, points: &str) {
    let points = points.trim_end();
    add(
        svg,
        format_args!(
            "<polyline points=\"{points}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.5\"/>\n"
        ),
    );
}

fn legend(svg: &mut String, played: &Played) {
    let figures = &played.figures;
    let label = figures.strategy.label();
    let text = format!(
        "{label}: value {:.2} %, spent {:.2} %, hourly RMSE {:.3}, largest deviation {:.2} %",
        figures.value_pct, figures.spent_pct, figures.hourly_rmse, figures.max_deviation_pct
    );
    let (left, top) = FRAME;
    add(
        svg,
        format_args!("<text x=\"{left}\" y=\"{}\">{text}</text>\n", top - 14.0),
    );
    let names = [
        ("plan", "#888888"),
        ("spend", "#1f6feb"),
        ("multiplier", "#d1495b"),
    ];
    for (at, (name, colour)) in names.iter().enumerate() {
        let x = left + 90.0 * at as f64;
        let y = SIZE.1 - 10.0;
        add(
            svg,
            format_args!("<text x=\"{x}\" y=\"{y}\" fill=\"{colour}\">{name}</text>\n"),
        );
    }
}

fn add(svg: &mut String, text: std::fmt::Arguments<'_>) {
    svg.write_fmt(text)
        .expect("writing to a string cannot fail");
}
