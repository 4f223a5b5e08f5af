//! Tests of files: round trips, and refusal of everything else.

use super::*;
use crate::feature::{FIELDS, Features};
use domain::random::SplitMix64;
use proptest::prelude::*;

fn trainer(examples: u64) -> Trainer {
    let mut trainer = Trainer::new();
    let mut rng = SplitMix64::new(1);
    for i in 0..examples {
        let features = Features([0; FIELDS].map(|_: u32| (rng.next_u64() >> 32) as u32));
        trainer.learn_click(&features, i % 5 == 0);
        if i % 5 == 0 {
            trainer.learn_conversion(&features, i % 15 == 0);
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

#[test]
fn both_files_round_trip() {
    for examples in [0, 1, 50] {
        let trainer = trainer(examples);
        let model = trainer.model(42);
        assert_eq!(Model::parse(&model.encode()).as_ref(), Ok(&model));
        for position in [&b""[..], &[7; 300]] {
            let (read, at) = Trainer::parse(&trainer.encode(position)).unwrap();
            assert_eq!((&read, at.as_slice()), (&trainer, position));
        }
    }
    let full = trainer(50).model(1);
    assert_eq!(full.evaluation().click.examples, 50);
    assert!(full.evaluation().conversion.auc.is_some());
}

#[test]
fn every_slot_has_its_place_at_both_ends_of_the_table() {
    let mut model = Model::untrained();
    for (slot, pair) in [(0, [1.0, 0.0]), (1, [0.0, -1.0]), (SLOTS - 1, [2.0, 3.0])] {
        model.weights[slot] = pair;
    }
    assert_eq!(Model::parse(&model.encode()), Ok(model));
}

#[test]
fn a_young_model_is_small() {
    assert!(Model::untrained().encode().len() < 200);
    let model = trainer(100).model(1).encode();
    assert!(model.len() < 100 * FIELDS * 11, "{}", model.len());
}

#[test]
fn what_is_wrong_is_named() {
    let model = trainer(3).model(1).encode();
    let check = |file: Vec<u8>, expected: ModelError| {
        assert_eq!(Model::parse(&file), Err(expected));
    };
    let what = |what| ModelError::Number { what };
    check(
        trainer(3).encode(b""),
        ModelError::Magic {
            expected: "model",
            found: TRAINER_MAGIC,
        },
    );
    check(Vec::new(), ModelError::Length { what: "magic" });
    check(model[..6].to_vec(), ModelError::Length { what: "checksum" });
    check(forged(&model, 4, &[2]), ModelError::Format { found: 2 });
    check(forged(&model, 6, &[22]), ModelError::Table { found: 22 });
    check(
        forged(&model, 8, &[0; 8]),
        ModelError::FeatureList {
            expected: list_hash(),
            found: 0,
        },
    );
    // After the version: examples and four figures a head, then the intercepts.
    check(
        forged(&model, 32, &f64::INFINITY.to_le_bytes()),
        what("log loss"),
    );
    check(forged(&model, 104, &f32::NAN.to_le_bytes()), what("bias"));
    check(forged(&model, 108, &65_f32.to_le_bytes()), what("bias"));
    check(
        forged(&model, 112, &u32::MAX.to_le_bytes()),
        ModelError::Length { what: "slots" },
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

#[test]
fn forged_numbers_in_a_trainer_are_refused() {
    let file = trainer(1).encode(b"xy");
    // The last slot of the last head ends the file: mean, information, checksum.
    let end = file.len() - 4;
    for bad in [f32::NAN, f32::INFINITY, -1.0] {
        let refused = Trainer::parse(&forged(&file, end - 4, &bad.to_le_bytes())).unwrap_err();
        assert_eq!(
            refused,
            ModelError::Number {
                what: "information"
            }
        );
    }
    let refused = Trainer::parse(&forged(&file, end - 8, &f32::NAN.to_le_bytes())).unwrap_err();
    assert_eq!(refused, ModelError::Number { what: "weight" });
    let refused = Trainer::parse(&forged(&file, 16, &[0xff; 4])).unwrap_err();
    assert_eq!(refused, ModelError::Length { what: "position" });
}

#[test]
fn refusals_say_what_to_do() {
    let file = forged(&trainer(0).model(1).encode(), 8, &[0; 8]);
    let text = Model::parse(&file).unwrap_err().to_string();
    assert!(text.contains("feature list 0000000000000000") && text.contains("train it anew"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_changed_byte_is_refused(at in any::<prop::sample::Index>(), flip in 1_u8..) {
        for mut file in [trainer(2).model(1).encode(), trainer(2).encode(b"position")] {
            let at = at.index(file.len());
            file[at] ^= flip;
            prop_assert!(Model::parse(&file).is_err());
            prop_assert!(Trainer::parse(&file).is_err());
        }
    }

    #[test]
    fn a_cut_file_is_refused(at in any::<prop::sample::Index>()) {
        for file in [trainer(2).model(1).encode(), trainer(2).encode(b"position")] {
            let cut = &file[..at.index(file.len())];
            prop_assert!(Model::parse(cut).is_err());
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
            if let Ok(model) = Model::parse(&file) {
                prop_assert!(Model::parse(&model.encode()).is_ok());
            }
            if let Ok((trainer, position)) = Trainer::parse(&file) {
                prop_assert!(Trainer::parse(&trainer.encode(&position)).is_ok());
            }
        }
        prop_assert!(Model::parse(&content).is_err());
    }
}
