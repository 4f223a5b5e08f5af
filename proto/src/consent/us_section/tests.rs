//! Sections of the reference implementation, and every answer of every section against the published rows of fields.

use proptest::prelude::*;

use super::*;

/// The fields of each section and version in their order, one letter for each answer: notice, opt-out, sensitive data,
/// child, personal data, agreement, service provider, mode.
const FIELDS: [(u32, u32, &str); 22] = [
    (7, 1, "nnnnnnooossssssssssssccpaav"),
    (7, 2, "nnnnnnooosssssssssssssssscccpaav"),
    (8, 1, "nnnoosssssssssccpaav"),
    (9, 1, "nnnoosssssssscaav"),
    (10, 1, "nnnoossssssscaav"),
    (11, 1, "nnnnoosssssssscaav"),
    (12, 1, "nnnoosssssssscccaav"),
    (13, 1, "nnnoosssssssscccpaav"),
    (14, 1, "nnnoosssssssscccpaav"),
    (15, 1, "nnnoossssssssssscccpaav"),
    (16, 1, "nnnoosssssssscpaav"),
    (17, 1, "nnnoossssssssscccccpaav"),
    (18, 1, "nnnnoosssssssscaav"),
    (19, 1, "nnnoosssssssscpaav"),
    (20, 1, "nnnoosssssssscccpaav"),
    (21, 1, "nnnoosssssssssscccccpaav"),
    (22, 1, "nnnoosssssssscpaav"),
    (23, 1, "nnnoosssssssscpaav"),
    (24, 1, "amnnnoop"),
    (25, 1, "amnnnoocp"),
    (26, 1, "amnnnoocp"),
    (27, 1, "amnnnoocp"),
];

fn text(version: u32, answers: &[u32]) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let sixes = answers.chunks(3).map(|three| {
        let at = |at: usize| three.get(at).copied().unwrap_or(0);
        at(0) << 4 | at(1) << 2 | at(2)
    });
    let sixes = std::iter::once(version).chain(sixes);
    sixes
        .map(|six| char::from(ALPHABET[six as usize]))
        .collect()
}

/// What one answer among zeros must lead to.
fn expected(field: char, answer: u32) -> Result<UsChoices, Undecodable> {
    let (mut opted_out, mut child, mut sensitive) = (false, false, false);
    match (field, answer) {
        (_, 3) => return Err(Undecodable),
        ('n' | 'm', 2) | ('o' | 'p' | 'v', 1) => opted_out = true,
        ('s', 1) => sensitive = true,
        ('c', 1 | 2) => child = true,
        _ => {}
    }
    Ok(UsChoices {
        opted_out,
        child,
        sensitive,
    })
}

#[test]
fn every_answer_of_every_section_is_found_in_its_place() {
    for (section, version, fields) in FIELDS {
        for (at, field) in fields.chars().enumerate() {
            for answer in 0..4 {
                let mut answers = vec![0; fields.len()];
                answers[at] = answer;
                let text = text(version, &answers);
                let read = UsChoices::parse(section, &text);
                assert_eq!(read, expected(field, answer), "{section} {text} {at}");
            }
        }
        let whole = text(version, &vec![0; fields.len()]);
        for end in 0..whole.len() {
            assert_eq!(
                UsChoices::parse(section, whole.get(..end).unwrap()),
                Err(Undecodable),
                "{section} {end}"
            );
        }
        for other in [0, 3, 63] {
            let text = text(other, &vec![0; fields.len()]);
            assert_eq!(
                UsChoices::parse(section, &text),
                Err(Undecodable),
                "{section} {text}"
            );
        }
    }
}

#[test]
fn sections_of_the_reference_implementation_are_read() {
    let none = UsChoices::default();
    let all = UsChoices {
        opted_out: true,
        child: true,
        sensitive: true,
    };
    let gpc = UsChoices {
        opted_out: true,
        ..none
    };
    let cases = [
        (7, "BVQqAAAAAgA.QA", none),
        (7, "BVQqAAAAAg", none),
        (7, "BVQqAAAAAgA.YA", gpc),
        (7, "CAAAAAAAAABA.QA", none),
        (7, "CVVVkkkkkpFY.YA", all),
        (7, "BVVVVVVVVWA", all),
        (8, "BAAAAABA.QA", none),
        (8, "BVWSSSVY.YA", all),
        (9, "BAAAABA", none),
        (9, "BVWSSVY", all),
        (10, "BAAAAEA.QA", none),
        (11, "BVVkklWA", all),
        (12, "BVWSSZFg.YA", all),
        (15, "BVWSSRpFYA.YA", all),
        (17, "BAAAAAABAA.QA", none),
        (21, "BAAAAAAAQA.QA", none),
        (24, "BQAA.QA", none),
        (24, "BQAA.YA", gpc),
        (25, "BQAA.AAA", none),
        (26, "BVVV.kkk", all),
        // With the published header: the section's id, its version, its sub-sections.
        (24, "YBAA.BQAA.YA", gpc),
        (27, "bBAA.BQAA", none),
    ];
    for (section, text, choices) in cases {
        assert_eq!(
            UsChoices::parse(section, text),
            Ok(choices),
            "{section} {text}"
        );
    }
}

#[test]
fn what_no_section_looks_like_is_refused() {
    let refused = [
        (7, ""),
        (7, "BVQqAAAAAgA."),
        (7, "BVQqAAAAAgA.gA"),
        (7, "BVQqAAAAAgA.AA"),
        (7, "BVQq+AAAAgA"),
        (6, "BVQqAAAAAgA"),
        (28, "BVQqAAAAAgA"),
        (24, "YBAA"),
        (24, "YCAA.BQAA"),
    ];
    for (section, text) in refused {
        assert_eq!(
            UsChoices::parse(section, text),
            Err(Undecodable),
            "{section} {text}"
        );
    }
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(section in 0_u32..40, text in "[BC]?[A-Za-z0-9_.-]{0,40}|.{0,40}") {
        prop_assert!(UsChoices::parse(section, &text).is_err() || (7..=27).contains(&section));
        prop_assert!(super::super::UsPrivacy::parse(&text).is_err() || text.len() == 4);
        if let Ok(gpp) = super::super::Gpp::parse(&text) {
            prop_assert!(gpp.section(section).is_none_or(|found| text.contains(found)));
        }
    }
}
