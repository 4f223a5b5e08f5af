//! TC strings of the specification and its reference implementation, and strings made up against a plain model.

use proptest::prelude::*;

use super::*;

/// From the reference implementation: consent to 1 and 3 to 6, interest in 2 to 5, vendors 11, 28 and 29 consented,
/// 50, 60 and 80 disclosed too.
const REFERENCE: &str =
    "CPTtLAAPTtLAAAAAAAENAAFgALwAAEAAAAAAAOgAgABgAAAA.IAoAAgABgAAEAQAAEAAA.d4AACEAAAAAA";

fn consented(choices: VendorChoices) -> Vec<u8> {
    (0..=30)
        .filter(|purpose| choices.consents_to(*purpose))
        .collect()
}

fn interests(choices: VendorChoices) -> Vec<u8> {
    (0..=30)
        .filter(|purpose| choices.has_interest_in(*purpose))
        .collect()
}

#[test]
fn the_reference_string_says_what_it_was_made_of() {
    let string = TcString::parse(REFERENCE).unwrap();
    for vendor in [11, 28, 29] {
        let choices = string.choices_of(vendor);
        assert_eq!(consented(choices), [1, 3, 4, 5, 6], "{vendor}");
        assert!(
            interests(choices).is_empty(),
            "no vendor has established one"
        );
    }
    for vendor in [0, 1, 10, 12, 30, 50, 80, 81, u16::MAX] {
        assert_eq!(
            string.choices_of(vendor),
            VendorChoices::default(),
            "{vendor}"
        );
    }
}

#[test]
fn strings_of_the_specification_are_read() {
    // The example of the text, with and without the publisher's segment: nobody consents to anything.
    for text in [
        "CQSbk4AQSbk4ANwAAAENAwCgAAAAAAAAAAYgACPAAAAA.IDKQA4AAgAKAGQAygAAA",
        "CQSbk4AQSbk4ANwAAAENAwCgAAAAAAAAAAYgACPAAAAA.IDKQA4AAgAKAGQAygAAA.YAAAAAAAAAAA",
    ] {
        let string = TcString::parse(text).unwrap();
        assert_eq!(string.choices_of(2), VendorChoices::default());
    }
}

#[test]
fn strings_that_are_not_valid_today_are_refused() {
    let core = REFERENCE.split('.').next().unwrap();
    let refused = [
        String::new(),
        "C".to_owned(),
        // Without disclosed vendors, with them twice, with a segment of no known type.
        core.to_owned(),
        format!("{REFERENCE}.IAoAAgABgAAEAQAAEAAA"),
        format!("{REFERENCE}.oAAA"),
        format!("{REFERENCE}."),
        // The first version, and another one.
        "BOEFEAyOEFEAyAHABDENAI4AAAB9vABAASA".to_owned(),
        REFERENCE.replacen('C', "D", 1),
        // Not specific to a service.
        "COvFyGBOvFyGBAbAAAENAPCAAOAAAAAAAAAAAEEUACCKAAA.IFoEUQQgAIQwgIwQABAEAAAAOIAACAIAAAAQAIAgEAACEAAAAAgAQBAAAAAAAGBAAgAAAAAAAFAAECAAAgAAQARAEQAAAAAJAAIAAgAAAYQEAAAQmAgBC3ZAYzUw".to_owned(),
        REFERENCE.replacen('P', "=", 1),
        format!("{REFERENCE}{}", "A".repeat(CONSENT_CHARS_MAX)),
    ];
    for text in refused {
        assert_eq!(TcString::parse(&text), Err(Undecodable), "{text}");
    }
}

/// A set of vendors, as it may be written.
#[derive(Debug, Clone)]
enum Set {
    Field(Vec<bool>),
    Ranges(Vec<(u16, u16)>),
}

impl Set {
    fn contains(&self, vendor: u16) -> bool {
        match self {
            Self::Field(bits) => vendor > 0 && bits.get(usize::from(vendor) - 1) == Some(&true),
            Self::Ranges(ranges) => holds(ranges, vendor),
        }
    }

    fn write(&self, out: &mut Writer) {
        match self {
            Self::Field(bits) => {
                out.number(bits.len() as u64, 16);
                out.bits.push(false);
                out.bits.extend(bits);
            }
            Self::Ranges(ranges) => {
                out.number(u64::from(ranges.iter().map(|r| r.1).max().unwrap_or(0)), 16);
                out.bits.push(true);
                out.ranges(ranges);
            }
        }
    }
}

fn holds(ranges: &[(u16, u16)], vendor: u16) -> bool {
    ranges
        .iter()
        .any(|(first, last)| (*first..=*last).contains(&vendor))
}

#[derive(Debug, Default)]
struct Writer {
    bits: Vec<bool>,
}

impl Writer {
    fn number(&mut self, value: u64, bits: u32) {
        self.bits
            .extend((0..bits).rev().map(|at| value >> at & 1 == 1));
    }

    fn ranges(&mut self, ranges: &[(u16, u16)]) {
        self.number(ranges.len() as u64, 12);
        for (first, last) in ranges {
            self.bits.push(first != last);
            self.number(u64::from(*first), 16);
            if first != last {
                self.number(u64::from(*last), 16);
            }
        }
    }

    fn text(&self) -> String {
        const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let six = |bits: &[bool]| {
            (0..6).fold(0, |n, at| n << 1 | usize::from(bits.get(at) == Some(&true)))
        };
        self.bits
            .chunks(6)
            .map(|bits| char::from(ALPHABET[six(bits)]))
            .collect()
    }
}

/// Purpose, kind and vendors.
type Restriction = (u8, u8, Vec<(u16, u16)>);

/// What a string is made of.
#[derive(Debug, Clone)]
struct Made {
    features: u16,
    consent: u32,
    interest: u32,
    consents: Set,
    interests: Set,
    disclosed: Set,
    restrictions: Vec<Restriction>,
}

impl Made {
    fn text(&self) -> String {
        let mut core = Writer::default();
        core.number(2, 6);
        core.number(16_000_000_000, 36);
        core.number(16_000_000_001, 36);
        // CMP, its version, screen, language, versions of the vendor list and of the policy.
        for (value, bits) in [
            (31, 12),
            (7, 12),
            (1, 6),
            (4 << 6 | 13, 12),
            (200, 12),
            (5, 6),
        ] {
            core.number(value, bits);
        }
        core.bits.extend([true, false]);
        core.number(u64::from(self.features), 12);
        core.number(u64::from(self.consent), 24);
        core.number(u64::from(self.interest), 24);
        core.bits.push(false);
        core.number(3 << 6 | 4, 12);
        self.consents.write(&mut core);
        self.interests.write(&mut core);
        core.number(self.restrictions.len() as u64, 12);
        for (purpose, kind, vendors) in &self.restrictions {
            core.number(u64::from(*purpose), 6);
            core.number(u64::from(*kind), 2);
            core.ranges(vendors);
        }
        let mut disclosed = Writer::default();
        disclosed.number(1, 3);
        self.disclosed.write(&mut disclosed);
        format!("{}.{}", core.text(), disclosed.text())
    }

    fn restricted(&self, vendor: u16, purpose: u8, kinds: &[u8]) -> bool {
        self.restrictions
            .iter()
            .any(|(p, kind, set)| *p == purpose && kinds.contains(kind) && holds(set, vendor))
    }

    fn consents(&self, vendor: u16, purpose: u8) -> bool {
        self.disclosed.contains(vendor)
            && self.consents.contains(vendor)
            && self.consent >> (24 - purpose) & 1 == 1
            && !self.restricted(vendor, purpose, &[0, 2, 3])
    }

    fn interest(&self, vendor: u16, purpose: u8) -> bool {
        self.disclosed.contains(vendor)
            && self.interests.contains(vendor)
            && self.interest >> (24 - purpose) & 1 == 1
            && ![1, 3, 4, 5, 6].contains(&purpose)
            && !self.restricted(vendor, purpose, &[0, 1, 3])
    }
}

fn ranges() -> impl Strategy<Value = Vec<(u16, u16)>> {
    let range = (1_u16..40, 0_u16..6).prop_map(|(first, more)| (first, first + more));
    prop::collection::vec(range, 0..4)
}

fn set() -> impl Strategy<Value = Set> {
    prop_oneof![
        prop::collection::vec(any::<bool>(), 0..40).prop_map(Set::Field),
        ranges().prop_map(Set::Ranges),
    ]
}

fn made() -> impl Strategy<Value = Made> {
    let numbers = (0_u16..4096, 0_u32..1 << 24, 0_u32..1 << 24);
    let restrictions = prop::collection::vec((0_u8..26, 0_u8..4, ranges()), 0..4);
    (numbers, set(), set(), set(), restrictions).prop_map(
        |((features, consent, interest), consents, interests, disclosed, restrictions)| Made {
            features,
            consent,
            interest,
            consents,
            interests,
            disclosed,
            restrictions,
        },
    )
}

proptest! {
    #[test]
    fn made_up_strings_are_read_as_they_were_made(made in made()) {
        let text = made.text();
        let string = TcString::parse(&text).expect("it is whole");
        for vendor in 1..50 {
            let choices = string.choices_of(vendor);
            for purpose in 1..=24 {
                prop_assert_eq!(choices.consents_to(purpose), made.consents(vendor, purpose));
                prop_assert_eq!(choices.has_interest_in(purpose), made.interest(vendor, purpose));
            }
            let opted_in = made.disclosed.contains(vendor) && made.consents.contains(vendor) && made.features >> 11 == 1;
            prop_assert_eq!(choices.opted_in_to(1), opted_in);
        }
    }

    #[test]
    fn a_cut_string_never_says_more_than_the_whole(made in made(), cut in 0_usize..400) {
        let text = made.text();
        let whole = TcString::parse(&text).expect("it is whole");
        if let Some(Ok(part)) = text.get(..cut).map(TcString::parse) {
            for vendor in 1..50 {
                prop_assert_eq!(part.choices_of(vendor).and(whole.choices_of(vendor)), part.choices_of(vendor));
            }
        }
    }

    #[test]
    fn any_text_is_read_or_refused(text in "C?[A-Za-z0-9_.-]{0,300}|.{0,80}") {
        if let Ok(string) = TcString::parse(&text) {
            prop_assert_eq!(string.choices_of(0), VendorChoices::default());
        }
    }
}
