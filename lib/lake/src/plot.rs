//! A reliability plot as SVG: predicted against observed rates on logarithmic axes.

use std::fmt::Write;

use ctr_model::metrics::Bucket;

/// The side of the plot, in pixels.
const SIDE: f64 = 480.0;
/// Room for labels around it.
const MARGIN: f64 = 60.0;

/// Draws the buckets; each dot has a bar of two standard errors. Buckets without clicks have no place on a logarithmic axis
/// and are left out.
pub fn reliability(buckets: &[Bucket], title: &str) -> String {
    let shown: Vec<&Bucket> = buckets
        .iter()
        .filter(|bucket| bucket.observed > 0.0)
        .collect();
    let rates = || {
        shown
            .iter()
            .flat_map(|bucket| [bucket.predicted, bucket.observed])
    };
    let low = rates().fold(1.0, f64::min).max(1e-6).log10().floor();
    let high = rates().fold(1e-6, f64::max).log10().ceil().max(low + 1.0);
    let place = |rate: f64| SIDE * ((rate.max(1e-7).log10() - low) / (high - low)).clamp(0.0, 1.0);
    let (x, y) = (
        |rate| MARGIN + place(rate),
        |rate| MARGIN + SIDE - place(rate),
    );
    let whole = SIDE + 2.0 * MARGIN;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{whole}\" height=\"{whole}\" viewBox=\"0 0 {whole} {whole}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"{whole}\" height=\"{whole}\" fill=\"white\"/>\n"
    );
    // Writing to a text cannot fail.
    let mut put = |line: String| writeln!(svg, "{line}").unwrap_or_default();
    put(format!(
        "<text x=\"{}\" y=\"30\" text-anchor=\"middle\" font-size=\"16\">{}</text>",
        whole / 2.0,
        escaped(title)
    ));
    let mut power = low;
    while power <= high {
        let (rate, label) = (10_f64.powf(power), format!("1e{power}"));
        put(grid(x(rate), y(rate), &label));
        power += 1.0;
    }
    let (start, end) = (10_f64.powf(low), 10_f64.powf(high));
    put(format!(
        "<line x1=\"{}\" y1=\"{}\" x2=\"{}\" y2=\"{}\" stroke=\"#888\" stroke-dasharray=\"4 4\"/>",
        x(start),
        y(start),
        x(end),
        y(end)
    ));
    for bucket in shown {
        let error = 2.0 * (bucket.observed * (1.0 - bucket.observed) / bucket.examples).sqrt();
        let (at, top, bottom) = (
            x(bucket.predicted),
            y(bucket.observed + error),
            y(bucket.observed - error),
        );
        put(format!(
            "<line x1=\"{at:.1}\" y1=\"{top:.1}\" x2=\"{at:.1}\" y2=\"{bottom:.1}\" stroke=\"#1f77b4\"/>"
        ));
        put(format!(
            "<circle cx=\"{at:.1}\" cy=\"{:.1}\" r=\"4\" fill=\"#1f77b4\"><title>{:.0} rows, predicted {:.5}, observed {:.5}</title></circle>",
            y(bucket.observed),
            bucket.examples,
            bucket.predicted,
            bucket.observed
        ));
    }
    let (middle, below) = (whole / 2.0, whole - 12.0);
    put(format!(
        "<text x=\"{middle}\" y=\"{below}\" text-anchor=\"middle\">predicted</text>"
    ));
    put(format!(
        "<text x=\"16\" y=\"{middle}\" text-anchor=\"middle\" transform=\"rotate(-90 16 {middle})\">observed</text>\n</svg>"
    ));
    svg
}

/// A line of the grid each way, with its label.
fn grid(x: f64, y: f64, label: &str) -> String {
    let (start, end) = (MARGIN, MARGIN + SIDE);
    format!(
        "<line x1=\"{x:.1}\" y1=\"{start}\" x2=\"{x:.1}\" y2=\"{end}\" stroke=\"#ddd\"/>\
         <line x1=\"{start}\" y1=\"{y:.1}\" x2=\"{end}\" y2=\"{y:.1}\" stroke=\"#ddd\"/>\
         <text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{label}</text>\
         <text x=\"{}\" y=\"{y:.1}\" text-anchor=\"end\">{label}</text>",
        end + 18.0,
        start - 6.0
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bucket_with_clicks_is_a_dot_inside_the_plot() {
        let bucket = |predicted, observed| Bucket {
            examples: 1_000.0,
            predicted,
            observed,
        };
        let svg = reliability(
            &[bucket(0.001, 0.0), bucket(0.01, 0.012), bucket(0.9, 1.0)],
            "a < b & c",
        );
        assert_eq!(svg.matches("<circle").count(), 2);
        assert!(svg.contains("a &lt; b &amp; c") && svg.ends_with("</svg>\n"));
        for number in svg
            .split("cx=\"")
            .skip(1)
            .filter_map(|rest| rest.split('"').next())
        {
            assert!(
                (60.0..=540.0).contains(&number.parse::<f64>().unwrap()),
                "{number}"
            );
        }
        assert!(reliability(&[], "none").ends_with("</svg>\n"));
    }
}
