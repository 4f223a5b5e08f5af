//! Dated exchange rates out of a file: read again and again, so that a new day's rates need no restart.

use std::io::Read;
use std::path::{Path, PathBuf};

use domain::{Currency, FxTable, Micros, Timestamp};

/// Largest file of rates, in bytes: 180 currencies of a year and more.
const FILE_BYTES_MAX: u64 = 4 << 20;
/// How often it is looked at, in milliseconds.
const LOOK_EVERY_MS: i64 = 10_000;

/// A file of rates that cannot be used. Whoever writes it must correct it; the last table stays in use.
#[derive(Debug, thiserror::Error)]
pub enum RatesError {
    /// It cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is larger than any real one.
    #[error("{path} has more than {FILE_BYTES_MAX} bytes")]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// A line is not `date,currency,rate`.
    #[error(
        "line {line}: must be date,currency,rate such as 2026-11-01,EUR,1.1: USD for one unit, at least 0.000001"
    )]
    Line {
        /// Counted from 1.
        line: usize,
    },
    /// Every line is of a later day.
    #[error("no rates of today or before")]
    NoneYet,
}

/// Reads the rates in force on the day of `now`.
///
/// # Errors
/// See [`RatesError`].
pub fn read(path: &Path, now: Timestamp) -> Result<FxTable, RatesError> {
    let failed = |source| RatesError::Read {
        path: path.to_owned(),
        source,
    };
    let file = std::fs::File::open(path).map_err(failed)?;
    let mut text = String::new();
    let mut limited = file.take(FILE_BYTES_MAX + 1);
    let bytes = limited.read_to_string(&mut text).map_err(failed)?;
    if bytes as u64 > FILE_BYTES_MAX {
        return Err(RatesError::TooLarge {
            path: path.to_owned(),
        });
    }
    parse(&text, i32::try_from(now.day()).unwrap_or(i32::MAX))
}

/// Looks at the file of rates from time to time.
#[derive(Debug)]
pub struct Follower {
    path: Option<PathBuf>,
    looked: Option<Timestamp>,
}

impl Follower {
    /// Follows the file, if there is one.
    pub fn new(path: Option<PathBuf>) -> Self {
        Self { path, looked: None }
    }

    /// Whether it is time to look, at the first call and then every ten seconds.
    pub fn is_due(&mut self, now: Timestamp) -> bool {
        let early = |last: Timestamp| (0..LOOK_EVERY_MS).contains(&now.since(last));
        let due = !self.looked.is_some_and(early);
        if due {
            self.looked = Some(now);
        }
        due
    }

    /// The rates in force at `now`; `None` where no file is followed.
    ///
    /// # Errors
    /// See [`RatesError`].
    pub fn look(&self, now: Timestamp) -> Result<Option<FxTable>, RatesError> {
        let path = self.path.as_deref();
        path.map(|path| read(path, now)).transpose()
    }
}

/// The table of the newest day up to `today` (days since 1970-01-01) among lines of `date,currency,rate`; the rates of
/// one day are never mixed with those of another. Empty lines, lines that begin with `#` and a first line of
/// titles are skipped.
///
/// # Errors
/// `Line` or `NoneYet`.
pub fn parse(text: &str, today: i32) -> Result<FxTable, RatesError> {
    let mut newest: Option<(i32, Vec<(Currency, i64)>)> = None;
    let lines = text.lines().map(str::trim).enumerate();
    let stated = lines.filter(|(at, line)| {
        !(line.is_empty() || line.starts_with('#') || *at == 0 && is_title(line))
    });
    for (at, line) in stated {
        let (day, currency, rate) = row(line).ok_or(RatesError::Line { line: at + 1 })?;
        match &mut newest {
            _ if day > today => {}
            Some((known, rates)) if *known == day => rates.push((currency, rate)),
            Some((known, _)) if *known > day => {}
            _ => newest = Some((day, vec![(currency, rate)])),
        }
    }
    let (day, rates) = newest.ok_or(RatesError::NoneYet)?;
    Ok(FxTable::new(day, rates))
}

fn is_title(line: &str) -> bool {
    line.replace(' ', "")
        .eq_ignore_ascii_case("date,currency,rate")
}

fn row(line: &str) -> Option<(i32, Currency, i64)> {
    let mut cells = line.split(',').map(str::trim);
    let (date, currency, rate) = (cells.next()?, cells.next()?, cells.next()?);
    let rate = Micros::from_decimal(rate.parse().ok()?).filter(|rate| rate.0 > 0)?;
    let row = (day_of(date)?, Currency::parse(currency)?, rate.0);
    cells.next().is_none().then_some(row)
}

/// The day of `2026-11-01`.
fn day_of(date: &str) -> Option<i32> {
    let mut parts = date.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    let digits = [(year, 4), (month, 2), (day, 2)];
    let plain = |(part, length): (&str, usize)| {
        part.len() == length && part.bytes().all(|byte| byte.is_ascii_digit())
    };
    let (month, day) = (month.parse().ok()?, day.parse().ok()?);
    let readable = digits.into_iter().all(plain) && parts.next().is_none();
    let real = (1..=12).contains(&month) && (1..=days_in(year.parse().ok()?, month)).contains(&day);
    (readable && real).then(|| days_from_civil(year.parse().unwrap_or(0), month, day))
}

fn days_in(year: i32, month: i32) -> i32 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 => 28 + i32::from(leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 of a date of the Gregorian calendar (Howard Hinnant, "chrono-compatible date algorithms").
pub fn days_from_civil(year: i32, month: i32, day: i32) -> i32 {
    let year = year - i32::from(month <= 2);
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "date,currency,rate\n# a day\n2026-11-01,EUR,1.1\n2026-11-01,GBP,1.3\n\n2026-11-03,EUR,1.2\n2026-11-02,EUR,1.15\n";

    #[test]
    fn the_newest_day_that_has_come_is_in_force() {
        let day = |day| days_from_civil(2026, 11, day);
        let rate = |today, code| {
            let table = parse(TEXT, today).unwrap();
            (table.day, table.rate(Currency::parse(code).unwrap()))
        };
        assert_eq!(rate(day(1), "EUR"), (day(1), Some(1_100_000)));
        assert_eq!(rate(day(1), "GBP"), (day(1), Some(1_300_000)));
        assert_eq!(rate(day(2), "EUR"), (day(2), Some(1_150_000)));
        assert_eq!(rate(day(9), "EUR"), (day(3), Some(1_200_000)));
        assert_eq!(rate(day(9), "GBP"), (day(3), None), "no mixing of days");
        assert!(matches!(parse(TEXT, day(0)), Err(RatesError::NoneYet)));
    }

    #[test]
    fn lines_that_are_no_rates_are_named() {
        for line in [
            "2026-11-01,EUR",
            "2026-11-01,EUR,1.1,2",
            "2026-11-31,EUR,1.1",
            "2025-02-29,EUR,1.1",
            "2026-13-01,EUR,1.1",
            "2026-1-1,EUR,1.1",
            "+026-11-01,EUR,1.1",
            "2026-11-01,EURO,1.1",
            "2026-11-01,EUR,0",
            "2026-11-01,EUR,-1",
            "2026-11-01,EUR,NaN",
            "date,currency,rate",
        ] {
            let text = format!("2026-11-01,GBP,1.3\n{line}\n");
            let error = parse(&text, i32::MAX).unwrap_err();
            assert!(matches!(error, RatesError::Line { line: 2 }), "{line}");
        }
        assert!(parse("2024-02-29,EUR,1.1", i32::MAX).is_ok());
    }

    #[test]
    fn days_count_from_1970() {
        let days = [
            days_from_civil(1970, 1, 1),
            days_from_civil(2000, 3, 1),
            days_from_civil(2026, 11, 23),
        ];
        assert_eq!(days, [0, 11_017, 20_780]);
    }

    #[test]
    fn files_are_looked_at_every_ten_seconds() {
        let mut follower = Follower::new(None);
        let due = [0, 1, 9_999, 10_000, 10_001, 5].map(|ms| follower.is_due(Timestamp(ms)));
        assert_eq!(
            due,
            [true, false, false, true, false, true],
            "and after a clock that went back"
        );
        assert!(follower.look(Timestamp(0)).unwrap().is_none());
    }

    #[test]
    fn files_are_read_up_to_a_limit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rates.csv");
        let now = Timestamp(i64::from(days_from_civil(2026, 11, 5)) * 86_400_000);
        assert!(matches!(read(&path, now), Err(RatesError::Read { .. })));
        std::fs::write(&path, TEXT).unwrap();
        assert_eq!(read(&path, now).unwrap().day, days_from_civil(2026, 11, 3));
        std::fs::write(&path, vec![b'#'; 4 << 20 | 1]).unwrap();
        assert!(matches!(read(&path, now), Err(RatesError::TooLarge { .. })));
    }
}
