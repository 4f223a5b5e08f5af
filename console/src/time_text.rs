//! Instants as UTC text for people and for `datetime-local` inputs, without a time zone database.

use domain::Timestamp;

/// A day of the proleptic Gregorian calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Date {
    year: i64,
    month: i64,
    day: i64,
}

/// Days since 1970-01-01 to a date (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms").
fn date_of(days: i64) -> Date {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    Date {
        year: year_of_era + era * 400 + i64::from(month <= 2),
        month,
        day: day_of_year - (153 * shifted_month + 2) / 5 + 1,
    }
}

/// The inverse of [`date_of`] for valid dates.
fn days_of(date: Date) -> i64 {
    let year = date.year - i64::from(date.month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let shifted_month = (date.month + 9) % 12;
    let day_of_year = (153 * shifted_month + 2) / 5 + date.day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// `2026-11-22T14:05`, with seconds and milliseconds only where there are any.
pub(crate) fn input(at: Timestamp) -> String {
    let date = date_of(at.day());
    let ms = at.0.rem_euclid(86_400_000);
    let (hour, minute) = (ms / 3_600_000, ms / 60_000 % 60);
    let mut text = format!(
        "{:04}-{:02}-{:02}T{hour:02}:{minute:02}",
        date.year, date.month, date.day
    );
    let (second, milli) = (ms / 1000 % 60, ms % 1000);
    if second > 0 || milli > 0 {
        text.push_str(&format!(":{second:02}"));
    }
    if milli > 0 {
        text.push_str(&format!(".{milli:03}"));
    }
    text
}

/// `2026-11-22 14:05`.
pub(crate) fn minute(at: Timestamp) -> String {
    input(at.minute().start()).replace('T', " ")
}

/// `14:05`.
pub(crate) fn time_of_day(at: Timestamp) -> String {
    let ms = at.0.rem_euclid(86_400_000);
    format!("{:02}:{:02}", ms / 3_600_000, ms / 60_000 % 60)
}

/// Reads what [`input`] writes and what browsers send, with an optional `Z`.
pub(crate) fn parse(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    let text = text.strip_suffix('Z').unwrap_or(text);
    let (date, time) = text.split_once(['T', ' '])?;
    let mut parts = date.split('-');
    let year = number(parts.next()?, 4, 9999)?;
    let month = number(parts.next()?, 2, 12)?;
    let day = number(parts.next()?, 2, 31)?;
    let date = Date { year, month, day };
    if parts.next().is_some() || date_of(days_of(date)) != date {
        return None;
    }
    let mut parts = time.split(':');
    let hour = number(parts.next()?, 2, 23)?;
    let minute = number(parts.next()?, 2, 59)?;
    let ms = parts.next().map_or(Some(0), second_ms)?;
    if parts.next().is_some() {
        return None;
    }
    Some(Timestamp(
        days_of(date) * 86_400_000 + hour * 3_600_000 + minute * 60_000 + ms,
    ))
}

fn second_ms(text: &str) -> Option<i64> {
    let (second, fraction) = text.split_once('.').unwrap_or((text, ""));
    let second = number(second, 2, 59)?;
    if fraction.len() > 3 {
        return None;
    }
    let milli = match fraction {
        "" => 0,
        digits => number(&format!("{digits:0<3}"), 3, 999)?,
    };
    Some(second * 1000 + milli)
}

fn number(text: &str, digits: usize, max: i64) -> Option<i64> {
    let valid = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    valid
        .then(|| text.parse().ok())
        .flatten()
        .filter(|n| *n <= max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_round_trip() {
        for ms in [
            0,
            951_782_400_000,
            1_795_392_000_000,
            1_795_392_061_007,
            -86_400_000,
        ] {
            let text = input(Timestamp(ms));
            assert_eq!(parse(&text), Some(Timestamp(ms)), "{text}");
        }
        assert_eq!(minute(Timestamp(1_795_392_061_007)), "2026-11-23 00:01");
        assert_eq!(
            parse("2026-11-23T00:00Z"),
            Some(Timestamp(1_795_392_000_000))
        );
        assert_eq!(
            parse("2026-11-23T00:00:00.5"),
            Some(Timestamp(1_795_392_000_500))
        );
    }

    #[test]
    fn other_texts_are_refused() {
        for bad in [
            "",
            "2026-11-23",
            "2026-02-30T00:00",
            "2026-11-23T24:00",
            "2026-00-10T10:00",
            "2026-11-00T10:00",
            "20261-1-23T00:00",
            "2026-11-23T00:00:61",
            "2026-11-23T00:00:00:00",
            "+026-11-23T00:00",
            "2026-11-23T00:00:00.1234",
            "é026-11-23T00:00",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
