//! Strings of the reference implementation, old and new, and every way to break one.

use super::*;

/// Express consent to 1 to 6 and 13 to 18 for vendors 12, 24 and 48, implied to the others for 18 and 30.
const NEW: &str = "BPSG_8APSG_8AAyACAENGdCgf_gfgAfgfgBhADVqxGAD0AILVgAA.fHHHA4444ao";
const NOTHING: &str = "BPSG_8APSG_8AAAAAAENAACAAAAAAAAAAAAAAAAAAA.YAAAAAAAAAA";
/// A real one in the old way, and the same in the new way.
const REAL_OLD: &str = "BQliWsAQliWsAPoABAELC9CoAKgAAJIAAApNAOABUAC0AGgAQwAlgBQAC6AG0AO4AfgBBATAAnMBSYEwYFgAXQBOwC3ALgAc4A7gCAAEmAJ2AT8AxQBmgDOgGfANeAcQA6oCJgEngJyAT-Ao8BUQCpQFvALhAXQAvcBf4DMAGggNNAbUA3EBxoDlgHiAPNAfIBAQCEgEbgI_gSlgmACYIAA.YAAAAAAAAAA";
const REAL_NEW: &str = "BQliWsAQliWsAPoABAELC9CoAKgAAJIAAApNAOBMZZGDDAxMmWskIahojBMGBYoGiOJ4FlhahgNZUxMZiYDUwllGgYGJpYyBjLIwZFqasFllNGqaMhisVpTU1DyeAAA.YAAAAAAAAAA";

fn express(text: &str, vendor: u16) -> Vec<u8> {
    let choices = choices(text, vendor).unwrap();
    (0..=30)
        .filter(|purpose| choices.consents_to(*purpose))
        .collect()
}

fn implied(text: &str, vendor: u16) -> Vec<u8> {
    let choices = choices(text, vendor).unwrap();
    (0..=30)
        .filter(|purpose| choices.has_interest_in(*purpose))
        .collect()
}

#[test]
fn the_reference_string_says_what_it_was_made_of() {
    for vendor in [12, 24, 48] {
        let purposes = [1, 2, 3, 4, 5, 6, 13, 14, 15, 16, 17, 18];
        assert_eq!(express(NEW, vendor), purposes, "{vendor}");
        assert!(implied(NEW, vendor).is_empty());
        let choices = choices(NEW, vendor).unwrap();
        assert!(choices.opted_in_to(7) && !choices.opted_in_to(1));
    }
    for vendor in [18, 30] {
        let purposes = [7, 8, 9, 10, 11, 12, 19, 20, 21, 22, 23, 24];
        assert_eq!(implied(NEW, vendor), purposes, "{vendor}");
        assert!(express(NEW, vendor).is_empty());
    }
    for vendor in [0, 1, 11, 13, 47, 49, u16::MAX] {
        assert_eq!(
            choices(NEW, vendor),
            Ok(VendorChoices::default()),
            "{vendor}"
        );
    }
    assert_eq!(choices(NOTHING, 12), Ok(VendorChoices::default()));
}

#[test]
fn real_strings_name_the_same_vendors_in_both_ways() {
    let consented = [
        42, 45, 52, 67, 75, 80, 93, 109, 119, 126, 130, 1216, 1254, 1318,
    ];
    for text in [REAL_OLD, REAL_NEW] {
        for vendor in 1..2_000 {
            let any = !express(text, vendor).is_empty();
            assert_eq!(any, consented.contains(&vendor), "{vendor}");
        }
    }
}

#[test]
fn publishers_and_disclosure_take_away() {
    // Purpose 1 needs express consent from 1 to 3, 5 to 7 and 9; nobody gave any.
    for text in [
        "BPSG_8APSG_8AAAAAAENAACAAAAAAAAAAAAAAAAACCgAS7o.YAAAAAAAAAA",
        "BPSG_8APSG_8AAAAAAENAACAAAAAAAAAAAAAAAAACCgBwABAAOAAoADgAJA.YAAAAAAAAAA",
    ] {
        assert_eq!(choices(text, 9), Ok(VendorChoices::default()), "{text}");
    }
    // Shown to the user were 1, 2, 3, 5, 6, 7, 10, 11 and 12.
    let shown = format!("{NEW}.IAGO5w");
    assert_eq!(express(&shown, 12), express(NEW, 12));
    assert!(express(&shown, 24).is_empty() && express(&shown, 48).is_empty());
}

#[test]
fn what_is_not_whole_is_refused() {
    let core = NEW.split('.').next().unwrap();
    let refused = [
        String::new(),
        "B".to_owned(),
        "BPX".to_owned(),
        NEW.replacen('B', "C", 1),
        NEW.replacen('P', "=", 1),
        format!("{NEW}."),
        format!("{core}.oAAA"),
        format!("{core}.Y"),
        format!("{core}.IAGO5w.IAGO5w"),
        format!("{core}AAAAA"),
        format!("{core}B"),
        // Without the publisher's restrictions, as before version 1.1.
        "BPSG_8APSG_8AAyACAENGdCgf_gfgAfgfgBgABABAAAABAB4AACAC".to_owned(),
        format!("{core}{}", "A".repeat(CONSENT_CHARS_MAX)),
    ];
    for text in refused {
        assert_eq!(choices(&text, 12), Err(Undecodable), "{text}");
    }
}

#[test]
fn a_cut_string_never_says_more_than_the_whole() {
    for text in [NEW, REAL_OLD, REAL_NEW] {
        for (cut, vendor) in (0..text.len()).flat_map(|cut| [12, 18, 42, 93].map(|one| (cut, one)))
        {
            let whole = choices(text, vendor).unwrap();
            if let Ok(part) = choices(text.get(..cut).unwrap(), vendor) {
                assert_eq!(part.and(whole), part, "{cut} of {text}");
            }
        }
    }
}
