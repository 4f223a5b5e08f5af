//! Tests of files: round trips, and refusal of everything else.

use super::*;
use crate::feature::{FIELDS, Features};
use crate::train::Look;
use domain::random::SplitMix64;
use proptest::prelude::*;

fn trainer(examples: u64) -> Trainer {
    let mut trainer = Trainer::default();
    let mut rng = SplitMix64::new(1);
    for i in 0..examples {
        let features = Features([0; FIELDS].map(|_: u32| (rng.next_u64() >> 32) as u32));
        trainer.learn_click(&features, i % 5 == 0);
        if i % 5 == 0 {
            let bought = (i % 15 == 0).then_some(60.0);
            trainer.learn_conversion(&features, Look::at_last(bought));
        }
    }
    trainer
}

/// The file with other bytes at a place, its checksum put right.
fn forged(file: &[u8], at: usize, bytes: &[u8]) -> Vec<u8> {
    let mut file = file[..file.len() - 4].to_vec();
    file[at..at + bytes.len()].copy_from_slice(bytes);
    sealed(file)
}

fn published(examples: u64) -> Published {
    trainer(examples).publish(42, 41)
}

#[test]
fn both_files_round_trip() {
    for examples in [0, 1, 50] {
        let trainer = trainer(examples);
        // What was served goes on being served: numbers of 16 bits are written as they were read.
        let read = Published::parse(&trainer.publish(42, 41).encode()).unwrap();
        assert_eq!((read.version, read.parent), (42, 41));
        assert_eq!(Published::parse(&read.encode()).as_ref(), Ok(&read));
        for position in [&b""[..], &[7; 300]] {
            let file = trainer.encode(position);
            let (read, at) = Trainer::parse(&file).unwrap();
            assert_eq!(at, position);
            assert_eq!(read.encode(position), file);
        }
    }
    let full = published(50);
    assert_eq!((full.click.scores.rows, full.click.scores.clicks), (50, 10));
}

#[test]
fn a_young_model_is_small() {
    assert!(published(0).encode().len() < 2_200);
    let model = published(100).encode();
    assert!(model.len() < 100 * FIELDS * 11, "{}", model.len());
}

#[test]
fn what_is_wrong_is_named() {
    let model = published(3).encode();
    let check = |file: Vec<u8>, expected: ModelError| {
        assert_eq!(Published::parse(&file), Err(expected));
    };
    check(
        trainer(3).encode(b""),
        ModelError::Magic {
            expected: "model",
            found: TRAINER_MAGIC,
        },
    );
    check(model[..6].to_vec(), ModelError::Length { what: "checksum" });
    let (expected, found) = (2, 3);
    check(
        forged(&model, 4, &[3]),
        ModelError::Format { expected, found },
    );
    let (expected, found) = (list_hash(), 0);
    check(
        forged(&model, 6, &[0; 8]),
        ModelError::FeatureList { expected, found },
    );
    // After version and parent: the length of the click head.
    check(
        forged(&model, 30, &u32::MAX.to_le_bytes()),
        ModelError::Length { what: "click" },
    );
    check(
        vec![b'P'; FILE_BYTES_MAX + 1],
        ModelError::TooLarge {
            bytes: FILE_BYTES_MAX + 1,
        },
    );
    let mut longer = model[..model.len() - 4].to_vec();
    longer.push(0);
    check(sealed(longer), ModelError::Length { what: "the end" });
}

/// What the head of a model becomes, and the refusal.
fn refused(change: impl FnOnce(&mut Published)) -> String {
    let mut model = published(60);
    change(&mut model);
    let read = Published::parse(&model.encode()).map(|_| ());
    read.unwrap_err().to_string()
}

#[test]
fn heads_that_cannot_be_served_are_refused() {
    let nan = refused(|model| model.click.weights.bias = f32::NAN);
    assert!(nan.contains("bias"), "{nan}");
    let other = refused(|model| std::mem::swap(&mut model.click, &mut model.conversion));
    assert!(other.contains("feature list"), "{other}");
    let shape = refused(|model| {
        model.conversion.weights.spec.kind = crate::engine::Kind::Wide(3);
    });
    assert!(shape.contains("shape"), "{shape}");
    // The global offset stands after the share of negatives, which follows the scores of the click head.
    let file = published(60).encode();
    let one = 1_f32.to_le_bytes();
    let at = file
        .windows(8)
        .position(|eight| eight[..4] == one && eight[4..] == [0; 4]);
    let forged = {
        let mut head = file[34..].to_vec();
        let length = u32::from_le_bytes(file[30..34].try_into().unwrap()) as usize;
        let place = at.unwrap() + 4 - 34;
        head[place..place + 4].copy_from_slice(&9_f32.to_le_bytes());
        let click = sealed(head[..length - 4].to_vec());
        let rest = &file[34 + length..file.len() - 4];
        sealed([&file[..34], &click, rest].concat())
    };
    let read = Published::parse(&forged).map(|_| ());
    let offset = read.unwrap_err().to_string();
    assert!(offset.contains("global offset"), "{offset}");
}

#[test]
fn forged_numbers_in_a_trainer_are_refused() {
    let file = trainer(1).encode(b"xy");
    let refused = Trainer::parse(&forged(&file, 14, &[0xff; 4])).unwrap_err();
    assert_eq!(refused, ModelError::Length { what: "position" });
}

#[test]
fn refusals_say_what_to_do() {
    let file = forged(&published(0).encode(), 6, &[0; 8]);
    let text = Published::parse(&file).unwrap_err().to_string();
    assert!(text.contains("feature list 0000000000000000") && text.contains("train it anew"));
}

/// A model and a trainer, made once.
fn files() -> &'static [Vec<u8>; 2] {
    static FILES: std::sync::OnceLock<[Vec<u8>; 2]> = std::sync::OnceLock::new();
    FILES.get_or_init(|| [published(2).encode(), trainer(2).encode(b"position")])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_changed_byte_is_refused(at in any::<prop::sample::Index>(), flip in 1_u8..) {
        for mut file in files().clone() {
            let at = at.index(file.len());
            file[at] ^= flip;
            prop_assert!(Published::parse(&file).is_err());
            prop_assert!(Trainer::parse(&file).is_err());
        }
    }

    #[test]
    fn a_cut_file_is_refused(at in any::<prop::sample::Index>()) {
        for file in files() {
            let cut = &file[..at.index(file.len())];
            prop_assert!(Published::parse(cut).is_err());
            prop_assert!(Trainer::parse(cut).is_err());
        }
    }

    #[test]
    fn sealed_nonsense_never_panics(content in prop::collection::vec(any::<u8>(), 0..400)) {
        for magic in [MODEL_MAGIC, TRAINER_MAGIC] {
            let mut file = header(magic);
            file.extend(&content);
            let file = sealed(file);
            // What is accepted by luck must be sound enough to write and read again.
            if let Ok(model) = Published::parse(&file) {
                prop_assert!(Published::parse(&model.encode()).is_ok());
            }
            if let Ok((trainer, position)) = Trainer::parse(&file) {
                prop_assert!(Trainer::parse(&trainer.encode(&position)).is_ok());
            }
        }
        prop_assert!(Published::parse(&content).is_err());
    }
}
