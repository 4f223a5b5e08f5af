//! The filling of pods against every filling there is, and against taking the densest first.

use proptest::prelude::*;

use super::*;

/// Pieces of made-up length and value; each pair clashes with the given chance in eight.
fn pieces(most: usize) -> impl Strategy<Value = Vec<Piece>> {
    let one = (1_u32..40, 0_i64..1000, any::<u64>());
    prop::collection::vec(one, 0..=most).prop_map(|made| {
        let mut pieces: Vec<Piece> = made
            .iter()
            .map(|(seconds, value, _)| Piece {
                seconds: *seconds,
                value: *value,
                clashes: 0,
            })
            .collect();
        for (one, (_, _, bits)) in made.iter().enumerate().take(PIECES_MAX) {
            for other in (0..one).filter(|other| bits >> (other % 61) & 7 == 0) {
                pieces[one].clashes |= 1 << other;
                pieces[other].clashes |= 1 << one;
            }
        }
        pieces
    })
}

/// What a choice is worth; `None` when it is not allowed.
fn worth(pieces: &[Piece], room: Room, chosen: u64) -> Option<i64> {
    let (mut left, mut value) = (room, 0);
    for (at, piece) in pieces.iter().enumerate() {
        if chosen >> at & 1 == 1 {
            left = room_after(left, piece)?;
            value += piece.value;
            if piece.clashes & chosen != 0 {
                return None;
            }
        }
    }
    Some(value)
}

/// The value of taking the densest piece that fits, again and again.
fn greedy(pieces: &[Piece], room: Room) -> i64 {
    let mut order: Vec<usize> = (0..pieces.len()).collect();
    let density = |at: &usize| pieces[*at].value as f64 / f64::from(pieces[*at].seconds);
    order.sort_by(|one, other| density(other).total_cmp(&density(one)));
    let mut chosen = 0;
    for at in order {
        if worth(pieces, room, chosen | 1 << at).is_some() {
            chosen |= 1 << at;
        }
    }
    worth(pieces, room, chosen).unwrap()
}

fn rooms() -> impl Strategy<Value = Room> {
    (0_u32..130, 0_u32..8).prop_map(|(seconds, ads)| Room { seconds, ads })
}

proptest! {
    #[test]
    fn small_pods_are_filled_with_the_most_there_is(pieces in pieces(12), room in rooms()) {
        let every = (0..1_u64 << pieces.len()).filter_map(|chosen| worth(&pieces, room, chosen));
        prop_assert_eq!(worth(&pieces, room, fill(&pieces, room)), every.max());
    }

    #[test]
    fn large_pods_are_valid_and_no_worse_than_the_densest_first(pieces in pieces(70), room in rooms()) {
        let looked_at = &pieces[..pieces.len().min(PIECES_MAX)];
        let value = worth(looked_at, room, fill(&pieces, room));
        prop_assert!(value.unwrap() >= greedy(looked_at, room));
    }
}

#[test]
fn the_longest_search_ends() {
    // All alike, so that no bound is ever low enough to give up early.
    let piece = Piece {
        seconds: 7,
        value: 10,
        clashes: 0,
    };
    let room = Room {
        seconds: 100,
        ads: 16,
    };
    let filled = fill(&[piece; PIECES_MAX], room);
    assert_eq!(filled.count_ones(), 14);
}

#[test]
fn pods_are_told_apart_by_their_id() {
    let imp = |podid: Option<&'static str>| Imp {
        video: Some(MediaSlot {
            podid,
            ..MediaSlot::default()
        }),
        ..Imp::default()
    };
    assert!(share_a_pod(&imp(Some("a")), &imp(Some("a"))));
    assert!(!share_a_pod(&imp(Some("a")), &imp(Some("b"))));
    assert!(!share_a_pod(&imp(None), &imp(None)));
    assert!(!share_a_pod(&Imp::default(), &imp(Some("a"))));
}

#[test]
fn a_pod_without_a_number_of_ads_has_a_bound() {
    let slot = |poddur_s, maxseq| MediaSlot {
        poddur_s,
        maxseq,
        ..MediaSlot::default()
    };
    let ads = |slot: MediaSlot<'_>| room_of(&slot).map(|room| room.ads);
    assert_eq!(ads(slot(Some(60), None)), Some(POD_ADS_MAX));
    assert_eq!(ads(slot(Some(60), Some(3))), Some(3));
    assert_eq!(ads(slot(Some(60), Some(u32::MAX))), Some(POD_ADS_MAX));
    assert_eq!(ads(slot(None, Some(3))), None);
}
