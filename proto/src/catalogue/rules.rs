//! The rules that documents share, each with the message that says what to change.

pub use domain::targeting::value::parse_size;
pub(super) use domain::targeting::value::{PIXELS_MAX, is_token};

use super::FieldError;
use crate::openrtb::markup::macros;

/// Longest name, in characters: what a table cell in the console still shows.
pub const NAME_CHARS_MAX: usize = 200;
/// Every amount lies below this, in micros: a billion units, so that sums of thousands still fit 63 bits.
pub const AMOUNT_MICROS_MAX: i64 = 1_000_000_000 * domain::money::MICROS_PER_UNIT;
/// The latest end of a flight, in milliseconds: 2100-01-01, beyond which a date is a typing error.
pub const FLIGHT_END_MS_MAX: i64 = 4_102_444_800_000;
/// Longest address, in bytes: what browsers, balancers and exchanges carry without trouble.
pub const ADDRESS_BYTES_MAX: usize = 2048;
/// Most frequency caps of one campaign, line item or creative: each is looked up for each bid.
pub const FREQUENCY_CAPS_MAX: usize = 8;
/// Most deals of one line item.
pub const DEALS_MAX: usize = 1000;
/// Most creatives of one line item: the bidder looks at each that fits the slot.
pub const CREATIVES_MAX: usize = 1000;
/// Most values in a creative's short lists (categories, attributes).
pub(super) const DECLARED_MAX: usize = 100;

/// Collects every broken rule of one document.
#[derive(Debug, Default)]
pub(super) struct Checker {
    errors: Vec<FieldError>,
}

impl Checker {
    /// Notes `rule` unless it holds.
    pub(super) fn ensure(&mut self, holds: bool, field: &str, rule: &str) {
        if !holds {
            self.errors.push(FieldError {
                field: field.to_owned(),
                rule: rule.to_owned(),
            });
        }
    }

    /// The value when no rule was broken.
    pub(super) fn finish<T>(self, value: T) -> Result<T, Vec<FieldError>> {
        if self.errors.is_empty() {
            Ok(value)
        } else {
            Err(self.errors)
        }
    }

    pub(super) fn name(&mut self, text: &str) {
        let printable = !text.trim().is_empty() && !text.chars().any(char::is_control);
        self.ensure(
            printable && text.chars().count() <= NAME_CHARS_MAX,
            "name",
            "must have 1 to 200 characters, not only spaces and no line breaks",
        );
    }

    pub(super) fn amount(&mut self, field: &str, micros: i64) {
        self.ensure(
            0 < micros && micros < AMOUNT_MICROS_MAX,
            field,
            "must be more than 0 and less than 1,000,000,000 units (10^15 micros)",
        );
    }

    pub(super) fn domain(&mut self, field: &str, text: &str) {
        self.ensure(
            is_domain(text),
            field,
            "must be a domain in lower case without scheme or path, such as example.com",
        );
    }

    pub(super) fn https(&mut self, field: &str, text: &str) {
        self.ensure(
            is_address(text) && text.starts_with("https://"),
            field,
            "must be an absolute https address of at most 2048 bytes; percent-encode spaces and quotes",
        );
    }

    /// An `https` address in which the advertiser's macros may stand.
    pub(super) fn address_with_macros(&mut self, field: &str, text: &str) {
        self.https(field, text);
        self.macros(field, text);
    }

    /// Text in which the advertiser's macros may stand.
    pub(super) fn macros(&mut self, field: &str, text: &str) {
        if let Err(rule) = macros::check(text) {
            self.ensure(false, field, &rule);
        }
    }

    pub(super) fn length(&mut self, field: &str, count: usize, max: usize) {
        if count > max {
            self.ensure(false, field, &format!("must have at most {max} entries"));
        }
    }

    /// Converts a list, noting the first entry that breaks the rule only: lists may be long.
    pub(super) fn list<T, U>(
        &mut self,
        field: &str,
        entries: Vec<T>,
        rule: &str,
        convert: impl Fn(T) -> Option<U>,
    ) -> Vec<U> {
        let mut converted = Vec::with_capacity(entries.len());
        for (index, entry) in entries.into_iter().enumerate() {
            let Some(value) = convert(entry) else {
                self.ensure(false, &format!("{field}[{index}]"), rule);
                break;
            };
            converted.push(value);
        }
        converted
    }
}

/// Whether the text is a domain name: lower-case labels of letters, digits and inner hyphens, at least two.
pub fn is_domain(text: &str) -> bool {
    text.len() <= 253 && text.contains('.') && text.split('.').all(is_label)
}

fn is_label(label: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=63).contains(&label.len())
        && label.bytes().all(allowed)
        && !label.starts_with('-')
        && !label.ends_with('-')
}

/// Whether the text is an absolute `https` or `http` address that is safe inside markup.
pub fn is_address(text: &str) -> bool {
    let Some(rest) = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"))
    else {
        return false;
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let safe = |b: u8| b.is_ascii_graphic() && !matches!(b, b'"' | b'<' | b'>' | b'\\' | b'`');
    text.len() <= ADDRESS_BYTES_MAX && text.bytes().all(safe) && is_authority(authority)
}

fn is_authority(authority: &str) -> bool {
    let (host, port) = match authority.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (authority, None),
    };
    let lower = host.to_ascii_lowercase();
    lower.len() <= 253
        && lower.split('.').all(is_label)
        && port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0))
}

pub(super) fn size_text(width: u32, height: u32) -> String {
    format!("{width}x{height}")
}

/// Whether the text is one line of at most so many characters.
pub(super) fn is_line(text: &str, chars_max: usize) -> bool {
    text.chars().count() <= chars_max && !text.chars().any(char::is_control)
}
