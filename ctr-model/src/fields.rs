//! The fields of served models: which feature is which column of the engine, and which side it belongs to.
//!
//! The request's single features and the creative come first and have factors, so that what a user and a place make of
//! an ad is learned for pairs that are rare; all others, the crosses among them, have linear weights. Both were
//! measured against fewer and more factors: `docs/prediction.md`.

use crate::engine::{Kind, Spec, Split};
use crate::feature::list::{CROSSES, REQUEST_CROSSES, REQUEST_SINGLES, SINGLES};
use crate::feature::{FIELDS, Features, list_hash};
use crate::table::{Columns, ColumnsError};

/// Where the creative stands in the list of features.
const CREATIVE: usize = REQUEST_SINGLES + 3;
/// Columns of both sides together; the crosses of request and candidate follow them.
const SIDED: usize = SINGLES.len() + REQUEST_CROSSES;
/// Columns of the candidate.
pub(crate) const CANDIDATE: usize = SINGLES.len() - REQUEST_SINGLES;
/// Columns of the request.
pub(crate) const REQUEST: usize = SIDED - CANDIDATE;
/// Crosses of request and candidate.
pub(crate) const BOTH: usize = CROSSES.len() - REQUEST_CROSSES;
/// Columns with factors.
const FACTORED: u8 = REQUEST_SINGLES as u8 + 1;
/// Factors of a pair.
const K: usize = 4;
/// Numbers of a side's vectors.
pub(crate) const VECTORS: usize = REQUEST_SINGLES * K;
/// Columns whose tokens are the slices of a calibration: exchange and campaign.
pub(crate) const CALIBRATED_BY: [u16; 2] = [0, REQUEST_SINGLES as u16 + 2];

/// The feature of each column.
const ORDER: [usize; FIELDS] = {
    let mut order = [0; FIELDS];
    let (mut at, mut feature) = (0, 0);
    while feature < FIELDS {
        if feature == REQUEST_SINGLES {
            order[at] = CREATIVE;
            at += 1;
        }
        if feature != CREATIVE {
            order[at] = feature;
            at += 1;
        }
        feature += 1;
    }
    order
};

/// What a served model is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ModelKind {
    /// Linear weights alone.
    Lr,
    /// Linear weights, and factors for the request's features and the creative.
    #[default]
    Ffm,
}

impl ModelKind {
    /// The shape, with room for 2^`bits` tokens.
    pub(crate) fn spec(self, bits: u32) -> Spec {
        Spec {
            kind: match self {
                Self::Lr => Kind::Linear,
                Self::Ffm => Kind::Wide(FACTORED),
            },
            fields: FIELDS,
            bits,
            k: K,
        }
    }

    /// By a shape; `None` where no served model has it.
    pub(crate) fn of(spec: Spec) -> Option<Self> {
        let kinds = [Self::Lr, Self::Ffm].into_iter();
        kinds.into_iter().find(|kind| kind.spec(spec.bits) == spec)
    }
}

/// The columns of one example.
pub(crate) fn columns(features: &Features) -> [u32; FIELDS] {
    ORDER.map(|feature| features.0[feature])
}

/// The request's columns, in the order of its side.
pub(crate) fn request(tokens: &[u32; FIELDS]) -> [u32; REQUEST] {
    std::array::from_fn(|at| match at.checked_sub(REQUEST_SINGLES) {
        None => tokens[at],
        Some(cross) => tokens[SINGLES.len() + cross],
    })
}

/// The candidate's columns, in the order of its side, from its single features in the order of the list.
pub(crate) fn candidate(singles: &[u32; CANDIDATE]) -> [u32; CANDIDATE] {
    std::array::from_fn(|at| singles[ORDER[REQUEST_SINGLES + at] - REQUEST_SINGLES])
}

/// Which columns are the candidate's.
pub(crate) fn split() -> Split {
    let own: Vec<usize> = (REQUEST_SINGLES..SINGLES.len()).collect();
    Split::new(SIDED, &own)
}

/// The columns as a model file names them; the salt is the list's hash.
pub(crate) fn named(label: &str) -> Result<Columns, ColumnsError> {
    let single = |at: usize| {
        let name = SINGLES[at].name;
        let before = SINGLES[..at].iter().filter(|other| other.name == name);
        match before.count() {
            0 => name.to_owned(),
            same => format!("{name}/{}", same + 1),
        }
    };
    let name = |feature: usize| match feature.checked_sub(SINGLES.len()) {
        None => single(feature),
        Some(cross) => format!("{} x {}", CROSSES[cross].left, CROSSES[cross].right),
    };
    let names: Vec<String> = ORDER.into_iter().map(name).collect();
    Columns::new(label, &[], &names, list_hash())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_feature_is_one_column_of_the_side_it_belongs_to() {
        let mut sorted = ORDER;
        sorted.sort_unstable();
        assert_eq!(sorted, std::array::from_fn(|at| at));
        let features = Features(std::array::from_fn(|at| at as u32));
        let all = columns(&features);
        let (split, named) = (split(), named("click").unwrap());
        let of = |fields: &[usize]| -> Vec<u32> { fields.iter().map(|at| all[*at]).collect() };
        assert_eq!(of(split.request()), request(&features.0));
        let singles = std::array::from_fn(|at| features.0[REQUEST_SINGLES + at]);
        assert_eq!(of(split.candidate()), candidate(&singles));
        assert_eq!(named.names()[REQUEST_SINGLES], "creative");
        let slices = CALIBRATED_BY.map(|at| named.names()[usize::from(at)].as_str());
        assert_eq!(slices, ["exchange", "campaign"]);
        for kind in [ModelKind::Lr, ModelKind::Ffm] {
            assert_eq!(ModelKind::of(kind.spec(18)), Some(kind));
            assert!(crate::engine::halves::half_len(&kind.spec(18), &split) <= VECTORS);
        }
    }
}
