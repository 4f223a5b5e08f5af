//! A chart of lines and dots in SVG.

use std::fmt::Write;

/// Width of a chart in pixels.
pub(super) const WIDTH: f64 = 900.0;
const HEIGHT: f64 = 300.0;
/// Room for title and labels.
const MARGIN: f64 = 45.0;
/// Labels on an axis.
const LABELS: usize = 5;
const COLOURS: [&str; 8] = [
    "#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b", "#e377c2", "#17becf",
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    Plain,
    Dashed,
    Dots,
}

/// Points, drawn in one way.
#[derive(Debug, Clone)]
pub(super) struct Line {
    points: Vec<(f64, f64)>,
    style: Style,
}

impl Line {
    pub(super) fn plain(points: Vec<(f64, f64)>) -> Self {
        Self {
            points,
            style: Style::Plain,
        }
    }

    pub(super) fn dashed(points: Vec<(f64, f64)>) -> Self {
        Self {
            points,
            style: Style::Dashed,
        }
    }

    pub(super) fn dots(points: Vec<(f64, f64)>) -> Self {
        Self {
            points,
            style: Style::Dots,
        }
    }
}

/// A titled chart.
#[derive(Debug, Clone)]
pub(super) struct Chart {
    title: &'static str,
    lines: Vec<Line>,
}

impl Chart {
    pub(super) fn new(title: &'static str, lines: Vec<Line>) -> Self {
        Self { title, lines }
    }

    pub(super) fn height(&self) -> f64 {
        HEIGHT
    }

    /// The elements, without the frame of a document.
    pub(super) fn draw(&self) -> String {
        let all = || {
            self.lines
                .iter()
                .flat_map(|line| &line.points)
                .filter(|point| point.0.is_finite() && point.1.is_finite())
        };
        let (x, y) = (
            Axis::new(all().map(|point| point.0)),
            Axis::new(all().map(|point| point.1)),
        );
        let across = |value: f64| MARGIN + x.part(value) * (WIDTH - 2.0 * MARGIN);
        let up = |value: f64| HEIGHT - MARGIN - y.part(value) * (HEIGHT - 2.0 * MARGIN);
        let mut svg = format!(
            "<text x=\"{}\" y=\"22\" text-anchor=\"middle\" font-size=\"14\">{}</text>\n",
            WIDTH / 2.0,
            self.title
        );
        let mut put = |line: String| writeln!(svg, "{line}").unwrap_or_default();
        for (at, to) in x.labels().zip(y.labels()) {
            put(format!(
                "<line x1=\"{MARGIN}\" y1=\"{h:.1}\" x2=\"{}\" y2=\"{h:.1}\" stroke=\"#ddd\"/><text x=\"{}\" y=\"{h:.1}\" text-anchor=\"end\">{to:.2}</text>\
                 <text x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\">{at:.1}</text>",
                WIDTH - MARGIN,
                MARGIN - 4.0,
                across(at),
                HEIGHT - MARGIN + 16.0,
                h = up(to),
            ));
        }
        for (number, line) in self.lines.iter().enumerate() {
            let colour = COLOURS[number % COLOURS.len()];
            let points = line
                .points
                .iter()
                .filter(|point| point.0.is_finite() && point.1.is_finite());
            let places = points.map(|point| (across(point.0), up(point.1)));
            if line.style == Style::Dots {
                places.for_each(|(x, y)| {
                    put(format!(
                        "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"{colour}\"/>"
                    ))
                });
                continue;
            }
            let path: Vec<String> = places.map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
            let look = match line.style {
                Style::Dashed => "stroke=\"#555\" stroke-dasharray=\"5 4\"".to_owned(),
                _ => format!("stroke=\"{colour}\""),
            };
            put(format!(
                "<polyline fill=\"none\" {look} points=\"{}\"/>",
                path.join(" ")
            ));
        }
        svg
    }
}

/// From values to parts of an axis.
struct Axis {
    low: f64,
    high: f64,
}

impl Axis {
    fn new(values: impl Iterator<Item = f64> + Clone) -> Self {
        let low = values.clone().fold(f64::INFINITY, f64::min);
        let high = values.fold(f64::NEG_INFINITY, f64::max);
        if low.is_finite() && high > low {
            Self { low, high }
        } else {
            Self {
                low: 0.0,
                high: 1.0,
            }
        }
    }

    fn part(&self, value: f64) -> f64 {
        ((value - self.low) / (self.high - self.low)).clamp(0.0, 1.0)
    }

    fn labels(&self) -> impl Iterator<Item = f64> {
        let (low, width) = (self.low, self.high - self.low);
        (0..LABELS).map(move |at| low + width * at as f64 / (LABELS - 1) as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_is_drawn_is_inside() {
        let chart = Chart::new(
            "t",
            vec![
                Line::dots(vec![(0.0, -3.0), (5.0, f64::NAN), (7.0, 9.0)]),
                Line::plain(vec![(2.0, 1.0), (3.0, 4.0)]),
                Line::dashed(Vec::new()),
            ],
        );
        let svg = chart.draw();
        assert_eq!(
            (
                svg.matches("<circle").count(),
                svg.matches("<polyline").count()
            ),
            (2, 2)
        );
        for number in svg
            .split("cx=\"")
            .skip(1)
            .filter_map(|rest| rest.split('"').next())
        {
            assert!(
                (MARGIN..=WIDTH - MARGIN).contains(&number.parse::<f64>().unwrap()),
                "{number}"
            );
        }
        assert!(Chart::new("empty", Vec::new()).draw().contains("empty"));
    }
}
