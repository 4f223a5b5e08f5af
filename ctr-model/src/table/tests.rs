//! Tests of columns: what is refused, which cells share a token, and tokens that must never move.

use super::*;
use std::collections::BTreeSet;

fn names(list: &[&str]) -> Vec<String> {
    list.iter().map(|name| (*name).to_owned()).collect()
}

fn columns(salt: u64) -> Columns {
    Columns::new("click", &names(&["n"]), &names(&["c", "d"]), salt).unwrap()
}

#[test]
fn bad_choices_are_refused_by_name() {
    let check = |label: &str, numeric: &[&str], categorical: &[&str], expected: &str| {
        let refused = Columns::new(label, &names(numeric), &names(categorical), 1).unwrap_err();
        assert!(refused.to_string().contains(expected), "{refused}");
    };
    check("y", &[], &[], "--categorical");
    check("y", &["a"], &["b", "a"], "'a' is named twice");
    check("y", &["a", "y"], &[], "'y' is named twice");
    check("y", &["a", ""], &[], "must have 1 to 128 bytes");
    check("y", &[], &[&"x".repeat(129)], "must have 1 to 128 bytes");
    let many: Vec<String> = (0..=COLUMNS_MAX).map(|n| n.to_string()).collect();
    let refused = Columns::new("y", &[], &many, 1).unwrap_err();
    assert_eq!(refused, ColumnsError::TooMany { found: 129 });
}

#[test]
fn cells_of_one_bucket_share_a_token_and_others_do_not() {
    let hasher = Hasher::new(&columns(1));
    let token = |cell: &str| hasher.token(0, cell.as_bytes());
    for (a, b) in [
        ("100", "101"),
        ("5000", "5001"),
        ("100", "100.0"),
        ("7", "07"),
        ("1e2", "100"),
        ("0.31", "0.33"),
    ] {
        assert_eq!(token(a), token(b), "{a} {b}");
    }
    let apart = [
        "", "0", "1", "2", "3", "9", "100", "-1", "-2", "-100", "0.1", "0.5", "-0.5", "2.5", "x",
        "y",
    ];
    let distinct: BTreeSet<u32> = apart.iter().map(|cell| token(cell)).collect();
    assert_eq!(distinct.len(), apart.len());
}

#[test]
fn numbers_of_a_typed_column_are_as_their_text() {
    let hasher = Hasher::new(&columns(1));
    for field in 0..3 {
        for number in [
            0.0,
            1.0,
            -3.0,
            17.0,
            4_095.0,
            4_096.0,
            123_456_789.0,
            0.25,
            -7.5,
        ] {
            let text = number.to_string();
            assert_eq!(
                hasher.number_token(field, number),
                hasher.token(field, text.as_bytes()),
                "{field} {text}"
            );
        }
        assert_eq!(
            hasher.number_token(field, f64::NAN),
            hasher.token(field, b"")
        );
    }
}

#[test]
fn text_is_told_apart_to_the_last_bit_and_by_its_column() {
    let hasher = Hasher::new(&columns(1));
    let mut seen = BTreeSet::new();
    for length in 0..40 {
        for flipped in 0..length * 8 {
            let mut cell = vec![b'a'; length];
            cell[flipped / 8] ^= 1 << (flipped % 8);
            seen.insert(hasher.token(1, &cell));
            seen.insert(hasher.token(2, &cell));
        }
    }
    let cells = 2 * (0..40).map(|length| length * 8).sum::<usize>();
    assert_eq!(seen.len(), cells);
    assert_ne!(
        Hasher::new(&columns(2)).token(1, b"a"),
        hasher.token(1, b"a")
    );
}

#[test]
fn slots_of_a_small_table_fill_evenly() {
    let hasher = Hasher::new(&columns(1));
    let mut counts = [0_u32; 256];
    for value in 0..25_600 {
        let token = hasher.token(1, format!("{value:x}").as_bytes());
        counts[(token >> 24) as usize] += 1;
    }
    // 100 expected, a standard deviation of 10.
    assert!(
        counts.iter().all(|count| (50..150).contains(count)),
        "{counts:?}"
    );
}

#[test]
fn the_hash_of_a_list_depends_on_all_that_decides_tokens() {
    let of = |numeric: &[&str], categorical: &[&str], salt| {
        Columns::new("y", &names(numeric), &names(categorical), salt)
            .unwrap()
            .hash()
    };
    let hashes = BTreeSet::from([
        of(&["a"], &["b"], 1),
        of(&["a", "b"], &[], 1),
        of(&[], &["a", "b"], 1),
        of(&["b"], &["a"], 1),
        of(&["a"], &["b"], 2),
    ]);
    assert_eq!(hashes.len(), 5);
    // The label is no feature.
    assert_eq!(
        columns(1).hash(),
        Columns::new("z", &names(&["n"]), &names(&["c", "d"]), 1)
            .unwrap()
            .hash()
    );
}
