//! Recorded auctions: rows of a file, read, checked and placed in time.

use std::io::BufRead;

use domain::Timestamp;
use thiserror::Error;

/// One unit of the input's prices, which are per mille, costs one impression so many micros.
pub const MICROS_PER_PRICE: f64 = 1_000.0;
/// One hour of the stream, in milliseconds.
pub const HOUR_MS: i64 = 3_600_000;
/// Rows that are read at most: they are all kept, in 40 bytes each.
const ROWS_MAX: usize = 100_000_000;
/// A line is at most so many bytes long: five numbers need far less.
const LINE_BYTES_MAX: usize = 4_096;
/// A stream is at most so many hours long: ten years, at which a plan by slots is still small.
const HOURS_MAX: u32 = 87_600;
/// Prices are at most so many units, so that their sum over all rows fits an account.
const PRICE_MAX: f64 = 1e7;
/// A stream without hours counts as one day.
const HOURS_UNTOLD: usize = 24;

/// One auction.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Row {
    /// When, from the start of the stream.
    pub at: Timestamp,
    /// The hour since the start.
    pub hour: usize,
    /// What must be outbid, in micros for this impression.
    pub price: i64,
    /// The predicted click rate.
    pub pctr: f64,
    /// Whether it was clicked.
    pub click: bool,
}

/// A file of auctions in order.
#[derive(Debug, Clone, PartialEq)]
pub struct Stream {
    /// The rows, in the file's order.
    pub rows: Vec<Row>,
    /// How many hours they span.
    pub hours: usize,
    /// One unit of the prices in micros, after scaling.
    pub unit: f64,
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    /// 1 where the impression was clicked.
    Click,
    /// The clearing price, per mille.
    Price,
    /// The predicted click rate.
    Pctr,
    /// The running hour.
    Hour,
    /// Not read.
    Ignored,
}

/// Why a stream cannot be replayed.
#[derive(Debug, Error)]
pub enum StreamError {
    /// A line is wrong.
    #[error("line {line}: {what}")]
    Line {
        /// Counted from 1.
        line: usize,
        /// What is wrong with it.
        what: String,
    },
    /// The columns cannot be used.
    #[error("--columns {0}")]
    Columns(String),
    /// No line.
    #[error("there are no rows")]
    Empty,
    /// Nothing to buy.
    #[error("all prices are 0: there is nothing to pace")]
    Free,
    /// The file cannot be read.
    #[error("line {line}: it cannot be read")]
    Read {
        /// The line after the last good one.
        line: usize,
        /// Why.
        source: std::io::Error,
    },
}

/// Reads the names of columns, separated by commas; `-` is a column that is not read.
///
/// # Errors
/// Where a name is unknown or repeated, or one that is needed is missing.
pub fn columns(names: &str) -> Result<Vec<Column>, StreamError> {
    let column = |name: &str| match name.trim() {
        "click" => Ok(Column::Click),
        "price" => Ok(Column::Price),
        "pctr" => Ok(Column::Pctr),
        "hour" => Ok(Column::Hour),
        "-" => Ok(Column::Ignored),
        other => Err(StreamError::Columns(format!(
            "'{other}': use click, price, pctr, hour or - for one to skip"
        ))),
    };
    let columns: Vec<Column> = names.split(',').map(column).collect::<Result<_, _>>()?;
    let times = |wanted| columns.iter().filter(|column| **column == wanted).count();
    for (needed, name) in [(Column::Price, "price"), (Column::Pctr, "pctr")] {
        if times(needed) == 0 {
            return Err(StreamError::Columns(format!("'{names}' has no {name}")));
        }
    }
    let all = [Column::Click, Column::Price, Column::Pctr, Column::Hour];
    if all.into_iter().any(|column| times(column) > 1) {
        return Err(StreamError::Columns(format!("'{names}' repeats a name")));
    }
    Ok(columns)
}

/// A line as it stands in the file.
#[derive(Debug, Clone, Copy, Default)]
struct Line {
    hour: Option<u32>,
    price: f64,
    pctr: f64,
    click: bool,
}

impl Stream {
    /// Reads all rows; prices are multiplied by `price_scale`.
    ///
    /// # Errors
    /// With the line's number where one is not as `columns` say.
    pub fn read(
        mut input: impl BufRead,
        columns: &[Column],
        price_scale: f64,
    ) -> Result<Self, StreamError> {
        let (mut lines, mut text) = (Vec::new(), Vec::new());
        let mut number = 0;
        loop {
            number += 1;
            text.clear();
            let mut limited = std::io::Read::take(&mut input, LINE_BYTES_MAX as u64);
            let read = limited.read_until(b'\n', &mut text);
            let bytes = read.map_err(|source| StreamError::Read {
                line: number,
                source,
            })?;
            if bytes == 0 {
                break;
            }
            let wrong = |what: String| StreamError::Line { line: number, what };
            if bytes == LINE_BYTES_MAX {
                return Err(wrong(format!("longer than {LINE_BYTES_MAX} bytes")));
            }
            let line = std::str::from_utf8(&text).map_err(|_| wrong("not UTF-8".to_owned()))?;
            let line = parse(line, columns).map_err(wrong)?;
            let before = lines.last().and_then(|line: &Line| line.hour);
            check_order(before, line.hour, lines.first()).map_err(wrong)?;
            if lines.len() == ROWS_MAX {
                return Err(wrong(format!("more than {ROWS_MAX} rows")));
            }
            lines.push(line);
        }
        Self::place(&lines, price_scale)
    }

    /// Puts row `i` of the `n` of hour `h` at `h + i / n`; without hours the file is 24 equal parts.
    fn place(lines: &[Line], price_scale: f64) -> Result<Self, StreamError> {
        let first = lines.first().ok_or(StreamError::Empty)?.hour;
        let count = lines.len();
        let hour_of = |(at, line): (usize, &Line)| match (line.hour, first) {
            (Some(hour), Some(first)) => (hour - first) as usize,
            _ => at * HOURS_UNTOLD / count,
        };
        let hours: Vec<usize> = lines.iter().enumerate().map(hour_of).collect();
        let span = hours.last().map_or(1, |last| last + 1);
        let mut sizes = vec![0_i64; span];
        for hour in &hours {
            sizes[*hour] += 1;
        }
        let unit = MICROS_PER_PRICE * price_scale;
        let mut seen = vec![0_i64; span];
        let row = |(line, hour): (&Line, usize)| {
            let inside = seen[hour] * HOUR_MS / sizes[hour];
            seen[hour] += 1;
            Row {
                at: Timestamp(hour as i64 * HOUR_MS + inside),
                hour,
                price: (line.price * unit).round() as i64,
                pctr: line.pctr,
                click: line.click,
            }
        };
        let rows: Vec<Row> = lines.iter().zip(hours).map(row).collect();
        if rows.iter().all(|row| row.price == 0) {
            return Err(StreamError::Free);
        }
        Ok(Self {
            rows,
            hours: span,
            unit,
        })
    }

    /// Prices from the middle of the flight on are `factor` times as high.
    pub fn shift(&mut self, factor: f64) {
        let middle = Timestamp(self.end().0 / 2);
        for row in self.rows.iter_mut().filter(|row| row.at >= middle) {
            row.price = (row.price as f64 * factor).round() as i64;
        }
    }

    /// What all rows cost together, in micros.
    pub fn cost(&self) -> i64 {
        self.rows.iter().map(|row| row.price).sum()
    }

    /// When the last hour ends.
    pub fn end(&self) -> Timestamp {
        Timestamp(self.hours as i64 * HOUR_MS)
    }
}

fn parse(text: &str, columns: &[Column]) -> Result<Line, String> {
    let mut line = Line::default();
    let mut fields = text.split_ascii_whitespace();
    for (at, column) in columns.iter().enumerate() {
        let field = fields
            .next()
            .ok_or_else(|| format!("{at} columns, {} expected", columns.len()))?;
        let number = |name: &str| {
            let number = field
                .parse::<f64>()
                .ok()
                .filter(|number| number.is_finite());
            number.ok_or_else(|| format!("{name} '{field}' is no number"))
        };
        match column {
            Column::Click => line.click = click(field)?,
            Column::Price => line.price = within(number("price")?, PRICE_MAX, "price")?,
            Column::Pctr => line.pctr = within(number("pctr")?, 1.0, "pctr")?,
            Column::Hour => line.hour = Some(hour(field)?),
            Column::Ignored => {}
        }
    }
    match fields.next() {
        Some(_) => Err(format!("more than {} columns", columns.len())),
        None => Ok(line),
    }
}

fn within(number: f64, most: f64, name: &str) -> Result<f64, String> {
    if (0.0..=most).contains(&number) {
        Ok(number)
    } else {
        Err(format!("{name} {number} is not between 0 and {most}"))
    }
}

fn click(field: &str) -> Result<bool, String> {
    match field {
        "0" => Ok(false),
        "1" => Ok(true),
        other => Err(format!("click '{other}' is neither 0 nor 1")),
    }
}

fn hour(field: &str) -> Result<u32, String> {
    let whole = field.parse::<u32>();
    whole.map_err(|_| format!("hour '{field}' is no whole number"))
}

fn check_order(before: Option<u32>, hour: Option<u32>, first: Option<&Line>) -> Result<(), String> {
    let (Some(before), Some(hour)) = (before, hour) else {
        return Ok(());
    };
    if hour < before {
        return Err(format!(
            "hour {hour} after hour {before}: the hour runs on, it is not the hour of the day"
        ));
    }
    let first = first.and_then(|line| line.hour).unwrap_or(hour);
    if hour - first >= HOURS_MAX {
        return Err(format!(
            "hour {hour} is {HOURS_MAX} or more after the first"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, names: &str) -> Result<Stream, String> {
        let columns = columns(names).map_err(|error| error.to_string())?;
        Stream::read(text.as_bytes(), &columns, 1.0).map_err(|error| error.to_string())
    }

    #[test]
    fn rows_lie_evenly_in_their_hour() {
        let text = "0\t10\t0.5\t3\n1 20 0.25 3\n0\t5\t0\t5\n";
        let stream = read(text, "click,price,pctr,hour").unwrap();
        let at: Vec<i64> = stream.rows.iter().map(|row| row.at.0).collect();
        assert_eq!(at, [0, HOUR_MS / 2, 2 * HOUR_MS]);
        assert_eq!((stream.hours, stream.cost()), (3, 35_000));
        assert!(stream.rows[1].click && stream.rows[1].pctr == 0.25);
        let untold = read(&"7 0.1 x\n".repeat(48), "price,pctr,-").unwrap();
        assert_eq!((untold.hours, untold.rows[3].at.0), (24, HOUR_MS * 3 / 2));
    }

    #[test]
    fn prices_scale_and_shift_from_the_middle_on() {
        let columns = columns("price,pctr,hour").unwrap();
        let text = "10 0.5 0\n10 0.5 1\n";
        let mut stream = Stream::read(text.as_bytes(), &columns, 0.1).unwrap();
        stream.shift(1.3);
        let prices: Vec<i64> = stream.rows.iter().map(|row| row.price).collect();
        assert_eq!(prices, [1_000, 1_300]);
    }

    #[test]
    fn bad_lines_are_named() {
        let names = "click,price,pctr,hour";
        let cases = [
            ("", "there are no rows"),
            ("0 0 0.1 0\n", "all prices are 0: there is nothing to pace"),
            ("0 1 0.1 0\n0 x 0.1 0\n", "line 2: price 'x' is no number"),
            ("0 NaN 0.1 0\n", "line 1: price 'NaN' is no number"),
            (
                "0 -1 0.1 0\n",
                "line 1: price -1 is not between 0 and 10000000",
            ),
            ("0 1 1.5 0\n", "line 1: pctr 1.5 is not between 0 and 1"),
            ("2 1 0.5 0\n", "line 1: click '2' is neither 0 nor 1"),
            ("0 1 0.5 1.5\n", "line 1: hour '1.5' is no whole number"),
            ("0 1 0.5\n", "line 1: 3 columns, 4 expected"),
            ("\n", "line 1: 0 columns, 4 expected"),
            ("0 1 0.5 0 9\n", "line 1: more than 4 columns"),
            (
                "0 1 0.5 4\n0 1 0.5 3\n",
                "line 2: hour 3 after hour 4: the hour runs on, it is not the hour of the day",
            ),
            (
                "0 1 0.5 4\n0 1 0.5 4000000000\n",
                "line 2: hour 4000000000 is 87600 or more after the first",
            ),
        ];
        for (text, wanted) in cases {
            assert_eq!(read(text, names).unwrap_err(), wanted, "{text}");
        }
        let long = "1".repeat(5_000);
        let error = read(&long, names).unwrap_err();
        assert_eq!(error, "line 1: longer than 4096 bytes");
        let error = Stream::read(&b"\xff\n"[..], &columns(names).unwrap(), 1.0).unwrap_err();
        assert_eq!(error.to_string(), "line 1: not UTF-8");
    }

    #[test]
    fn columns_are_checked() {
        for (names, wanted) in [
            ("price", "--columns 'price' has no pctr"),
            ("pctr,hour", "--columns 'pctr,hour' has no price"),
            (
                "price,pctr,price",
                "--columns 'price,pctr,price' repeats a name",
            ),
            (
                "cost,pctr",
                "--columns 'cost': use click, price, pctr, hour or - for one to skip",
            ),
        ] {
            assert_eq!(columns(names).unwrap_err().to_string(), wanted);
        }
    }
}
