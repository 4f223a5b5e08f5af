//! A database written here, byte by byte, and read back.

use super::*;

/// A text or map of at most 28 bytes or entries, as MaxMind's format has it.
fn control(kind: u8, size: usize) -> u8 {
    assert!(size < 29, "short ones only");
    (kind << 5) | size as u8
}

fn text(text: &str) -> Vec<u8> {
    let mut out = vec![control(2, text.len())];
    out.extend(text.bytes());
    out
}

fn map(pairs: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut out = vec![control(7, pairs.len())];
    for (key, value) in pairs {
        out.extend(text(key));
        out.extend(value);
    }
    out
}

/// An array is an extended type: 4 beyond 7.
fn array(items: &[Vec<u8>]) -> Vec<u8> {
    let mut out = vec![control(0, items.len()), 4];
    out.extend(items.concat());
    out
}

fn double(value: f64) -> Vec<u8> {
    let mut out = vec![control(3, 8)];
    out.extend(value.to_be_bytes());
    out
}

fn short(value: u16) -> Vec<u8> {
    let mut out = vec![control(5, 2)];
    out.extend(value.to_be_bytes());
    out
}

fn long(value: u32) -> Vec<u8> {
    let mut out = vec![control(6, 4)];
    out.extend(value.to_be_bytes());
    out
}

/// A database of IPv4 in which `record` stands for all addresses that begin with this byte.
pub(crate) fn database(first: u8, record: &[u8]) -> Vec<u8> {
    let nodes = 8_u32;
    let mut out = Vec::new();
    for node in 0..nodes {
        let next = if node == nodes - 1 {
            nodes + 16
        } else {
            node + 1
        };
        for bit in 0..2 {
            let wanted = u32::from(first >> (7 - node) & 1);
            let target = if bit == wanted { next } else { nodes };
            out.extend(&target.to_be_bytes()[1..]);
        }
    }
    out.extend([0; 16]);
    out.extend(record);
    out.extend(b"\xab\xcd\xefMaxMind.com");
    out.extend(map(&[
        ("binary_format_major_version", short(2)),
        ("binary_format_minor_version", short(0)),
        ("build_epoch", vec![1, 2, 1]),
        ("database_type", text("Test-City")),
        ("description", map(&[("en", text("test"))])),
        ("ip_version", short(4)),
        ("languages", array(&[text("en")])),
        ("node_count", long(nodes)),
        ("record_size", short(24)),
    ]));
    out
}

/// Boston, as a city database has it.
pub(crate) fn boston() -> Vec<u8> {
    map(&[
        ("city", map(&[("names", map(&[("en", text("Boston"))]))])),
        ("country", map(&[("iso_code", text("US"))])),
        (
            "location",
            map(&[
                ("latitude", double(42.36)),
                ("longitude", double(-71.06)),
                ("metro_code", short(506)),
            ]),
        ),
        ("postal", map(&[("code", text("02108"))])),
        ("subdivisions", array(&[map(&[("iso_code", text("MA"))])])),
    ])
}

#[test]
fn addresses_are_found_with_all_their_parts() {
    let database = GeoDatabase::parse(database(203, &boston())).unwrap();
    let found = database.find("203.0.113.7".parse().unwrap()).unwrap();
    assert_eq!(found.country(), Some("USA"));
    assert_eq!(found.region(), Some("MA"));
    assert_eq!(found.city(), Some("Boston"));
    assert_eq!(found.zip(), Some("02108"));
    assert_eq!(found.metro(), Some(506));
    assert_eq!(found.point(), Point::new(42.36, -71.06));
    assert!(database.find("204.0.113.7".parse().unwrap()).is_none());
    assert!(database.find("2001:db8::1".parse().unwrap()).is_none());
}

#[test]
fn records_that_lack_parts_lack_only_those() {
    let record = map(&[("country", map(&[("iso_code", text("DE"))]))]);
    let database = GeoDatabase::parse(database(10, &record)).unwrap();
    let found = database.find("10.1.2.3".parse().unwrap()).unwrap();
    assert_eq!((found.country(), found.region()), (Some("DEU"), None));
    assert_eq!((found.city(), found.metro()), (None, None));
    assert_eq!(found.point(), None);
}

#[test]
fn what_is_no_database_is_refused() {
    for bytes in [Vec::new(), vec![0; 100], boston()] {
        assert!(GeoDatabase::parse(bytes).is_err());
    }
    let missing = GeoDatabase::open(Path::new("does-not-exist.mmdb"));
    assert!(matches!(missing, Err(GeoError::Io(_))));
}
