//! Numbers and money as people read them, and decimal amounts as they type them.

use domain::money::MICROS_PER_UNIT;
use domain::{Currency, Micros};

/// `1,234,567`.
pub(crate) fn count(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3 + 1);
    if number < 0 {
        text.push('-');
    }
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `12.3%`; small rates keep two decimals.
pub(crate) fn percent(ratio: f64) -> String {
    let percent = ratio * 100.0;
    if percent != 0.0 && percent.abs() < 10.0 {
        format!("{percent:.2}%")
    } else {
        format!("{percent:.1}%")
    }
}

/// `1,234.56 USD`.
pub(crate) fn money(amount: Micros, currency: Currency) -> String {
    format!("{} {currency}", units(amount))
}

/// `1,234.56`.
pub(crate) fn units(amount: Micros) -> String {
    let plain = amount.to_string();
    let (sign, plain) = match plain.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", plain.as_str()),
    };
    let (whole, cents) = plain.split_once('.').unwrap_or((plain, "00"));
    let whole = whole.parse().map_or(whole.to_owned(), count);
    format!("{sign}{whole}.{cents}")
}

/// What one click or the like costs: amounts under 1 keep four decimals, because many cost less than a cent.
pub(crate) fn price(amount: Micros) -> String {
    if (0..MICROS_PER_UNIT).contains(&amount.0) {
        format!("{:.4}", amount.as_decimal())
    } else {
        units(amount)
    }
}

/// The exact amount for an input: at least two decimals, at most six.
pub(crate) fn decimal(micros: i64) -> String {
    let sign = if micros < 0 { "-" } else { "" };
    let micros = micros.unsigned_abs();
    let fraction = format!("{:06}", micros % MICROS_PER_UNIT.unsigned_abs());
    let short = fraction.trim_end_matches('0');
    let whole = micros / MICROS_PER_UNIT.unsigned_abs();
    format!("{sign}{whole}.{short:0<2}")
}

/// Reads a decimal amount exactly; `None` with more than six decimals or anything but digits.
pub(crate) fn parse_decimal(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || whole.len() > 12 || fraction.len() > 6 {
        return None;
    }
    if !digits(whole) || !digits(fraction) {
        return None;
    }
    let whole: i64 = whole.parse().ok()?;
    let micros: i64 = format!("{fraction:0<6}").parse().ok()?;
    whole.checked_mul(MICROS_PER_UNIT)?.checked_add(micros)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(count(-100), "-100");
        assert_eq!(units(Micros(1_234_567_890_000)), "1,234,567.89");
        assert_eq!(units(Micros(-1_234_500_000)), "-1,234.50");
        assert_eq!(price(Micros(5_500)), "0.0055");
        assert_eq!(price(Micros(1_234_567_890)), "1,234.57");
        assert_eq!(percent(0.0123), "1.23%");
        assert_eq!(percent(0.5), "50.0%");
    }

    #[test]
    fn amounts_round_trip_exactly() {
        for micros in [
            0,
            1,
            10,
            500_000,
            1_500_000,
            123_456_789,
            999_999_999_999_999,
        ] {
            assert_eq!(parse_decimal(&decimal(micros)), Some(micros), "{micros}");
        }
        assert_eq!(decimal(1_500_000), "1.50");
        for bad in [
            "",
            "-1",
            "1,50",
            "1.0000001",
            "x",
            ".5",
            "1e3",
            "9999999999999",
        ] {
            assert_eq!(parse_decimal(bad), None, "{bad}");
        }
    }
}
