//! Published vectors, prices sealed here, and everything that must not open.

use super::*;

const ALL_TIMES: RangeInclusive<Timestamp> = Timestamp(i64::MIN)..=Timestamp(i64::MAX);

fn keys() -> SealedPriceKeys {
    SealedPriceKeys {
        encryption: (0..32).collect(),
        integrity: (100..132).collect(),
    }
}

fn seal(keys: &SealedPriceKeys, micros: u64, at: Timestamp, server: u64) -> String {
    let mut bytes = Vec::new();
    bytes.extend_from_slice(&u32::try_from(at.0 / 1_000).unwrap().to_be_bytes());
    bytes.extend_from_slice(&u32::try_from(at.0 % 1_000 * 1_000).unwrap().to_be_bytes());
    bytes.extend_from_slice(&server.to_be_bytes());
    let clear = micros.to_be_bytes();
    let sealed = masked(keys, &bytes, &clear);
    let signature = signer(keys, &bytes, clear).finalize().into_bytes();
    bytes.extend_from_slice(&sealed);
    bytes.extend_from_slice(&signature[..SIGNATURE_BYTES]);
    let text = WEB_SAFE.encode(bytes);
    text.trim_end_matches('=').to_owned()
}

/// Keys, sealed prices and what they open to, as google/openrtb-doubleclick and Google's guide publish them.
#[test]
fn published_vectors_open() {
    let library = (
        "sIxwz7yw62yrfoLGt12lIHKuYrK_S5kLuApI2BQe7Ac=",
        "v3fsVcMBMMHYzRhi7SpM0sdqwzvAxM6KPTu9OtVod5I=",
    );
    let guide = (
        "skU7Ax_NL5pPAFyKdkfZjZz2-VhIN8bjj1rVFOaJ_5o=",
        "arO23ykdNqUQ5LEoQ0FVmPkBd7xB5CO89PDZlSjpFxo=",
    );
    let cases = [
        (
            library,
            "5nmwvgAM0UABI0VniavN72_sy3T6V9ohlpvOpA==",
            1_200_000,
        ),
        (library, "5nmwvgAM0UABI0VniavN72_sy3T6V9ohlpvOpA", 1_200_000),
        (guide, "YWJjMTIzZGVmNDU2Z2hpN7fhCuPemCce_6msaw", 100),
    ];
    for ((encryption, integrity), sealed, micros) in cases {
        let keys = SealedPriceKeys::parse(encryption, integrity).unwrap();
        let opened = open(&keys, sealed, &ALL_TIMES);
        assert_eq!(opened, Ok(Cpm(Micros(micros))), "{sealed}");
        let swapped = SealedPriceKeys::parse(integrity, encryption).unwrap();
        let opened = open(&swapped, sealed, &ALL_TIMES);
        assert_eq!(opened, Err(SealedPriceError::Forged), "{sealed}");
    }
}

#[test]
fn what_is_sealed_opens_within_its_time_only() {
    let at = Timestamp(1_795_356_000_250);
    let times = |from: i64, to: i64| Timestamp(at.0 + from)..=Timestamp(at.0 + to);
    for micros in [0, 1, 2_500_000, i64::MAX as u64] {
        let sealed = seal(&keys(), micros, at, 7);
        assert_eq!(sealed.len(), 38);
        let price = Ok(Cpm(Micros(micros as i64)));
        assert_eq!(open(&keys(), &sealed, &times(0, 0)), price);
        assert_eq!(open(&keys(), &sealed, &times(-5, 5)), price);
        for other in [times(1, 9), times(-9, -1)] {
            let opened = open(&keys(), &sealed, &other);
            assert_eq!(opened, Err(SealedPriceError::Stale));
        }
    }
    let negative = seal(&keys(), u64::MAX, at, 7);
    let opened = open(&keys(), &negative, &times(0, 0));
    assert_eq!(opened, Err(SealedPriceError::Malformed));
}

#[test]
fn no_changed_bit_and_no_other_length_opens() {
    let sealed = seal(&keys(), 1_250_000, Timestamp(1_795_356_000_000), 1);
    let bytes = decode(&sealed).unwrap();
    for bit in 0..SEALED_BYTES * 8 {
        let mut changed = bytes;
        changed[bit / 8] ^= 1 << (bit % 8);
        let opened = open(&keys(), &WEB_SAFE.encode(changed), &ALL_TIMES);
        assert_eq!(opened, Err(SealedPriceError::Forged), "bit {bit}");
    }
    let longer = "A".repeat(SEALED_CHARS_MAX + 4);
    let texts = ["", "1.25", "AUDIT", "${AUCTION_PRICE}", "ä", &longer];
    let cut = (0..sealed.len()).filter_map(|end| sealed.get(..end));
    for text in texts.into_iter().chain(cut) {
        let opened = open(&keys(), text, &ALL_TIMES);
        assert_eq!(opened, Err(SealedPriceError::Malformed), "{text}");
    }
}

#[test]
fn keys_are_checked_and_never_shown() {
    let good = WEB_SAFE.encode([7; 32]);
    let (short, long) = (WEB_SAFE.encode([7; 15]), WEB_SAFE.encode([7; 65]));
    assert!(SealedPriceKeys::parse(&good, &good).is_some());
    for bad in ["", "no key", "a+/b", &short, &long] {
        assert_eq!(SealedPriceKeys::parse(&good, bad), None, "{bad}");
        assert_eq!(SealedPriceKeys::parse(bad, &good), None, "{bad}");
    }
    assert_eq!(format!("{:?}", keys()), "SealedPriceKeys(..)");
}
