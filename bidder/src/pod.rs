//! Ad pods: which ads fill a dynamic one, and which may not be in the same one. All pure.

use domain::creative::{CreativeFormat, Media, MediaSource};
use proto::openrtb::{BidRequest, Imp, MediaSlot};

use crate::snapshot::Ad;

/// Most ads that are weighed for one dynamic pod, the dearest ones: as many as a mask has bits.
pub const PIECES_MAX: usize = 64;
/// Most ads bid for one dynamic pod that states no number; breaks have under ten.
pub const POD_ADS_MAX: u32 = 16;
/// Most steps of the search for the best filling. Twelve pieces are searched through, and more of them in
/// practice; where the steps end, the best filling found until then is taken.
const STEPS_MAX: u32 = 8192;

/// OpenRTB's pod deduplication: by advertiser domain.
const BY_ADVERTISER: u32 = 1;
/// By category.
const BY_CATEGORY: u32 = 2;
/// By creative.
const BY_CREATIVE: u32 = 3;
/// By media file.
const BY_FILE: u32 = 4;

/// What is left of a dynamic pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// Seconds.
    pub seconds: u32,
    /// Ads.
    pub ads: u32,
}

/// An ad that could go into a dynamic pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece {
    /// How long it plays.
    pub seconds: u32,
    /// What it is worth; not negative.
    pub value: i64,
    /// A bit for every piece, by position, that it cannot stand beside. Both of a pair have the other's.
    pub clashes: u64,
}

/// The pieces, as bits by position, that fit the room, do not clash and are worth the most together: at least as much
/// as taking them by value per second, and the very most where there are at most twelve. Pieces beyond
/// [`PIECES_MAX`] are not looked at.
pub fn fill(pieces: &[Piece], room: Room) -> u64 {
    let pieces = pieces.get(..PIECES_MAX).unwrap_or(pieces);
    let mut places = [0_u8; PIECES_MAX];
    let order = places.get_mut(..pieces.len()).unwrap_or_default();
    order.iter_mut().zip(0..).for_each(|(at, own)| *at = own);
    order.sort_unstable_by_key(|at| std::cmp::Reverse((denser(pieces, *at), *at)));
    let mut search = Search {
        pieces,
        order,
        best: (0, 0),
        steps: 0,
    };
    search.take_in_order(room);
    search.go(0, room, Taken::default());
    search.best.1
}

/// Value per second, in millionths, and the value itself between equals.
fn denser(pieces: &[Piece], at: u8) -> (i128, i64) {
    pieces.get(usize::from(at)).map_or((0, 0), |piece| {
        let value = i128::from(piece.value);
        (
            value * 1_000_000 / i128::from(piece.seconds.max(1)),
            piece.value,
        )
    })
}

#[derive(Debug, Clone, Copy, Default)]
struct Taken {
    value: i64,
    mask: u64,
    barred: u64,
}

impl Taken {
    fn with(self, piece: &Piece, bit: u64) -> Self {
        Self {
            value: self.value.saturating_add(piece.value),
            mask: self.mask | bit,
            barred: self.barred | piece.clashes,
        }
    }
}

/// Branch and bound: take the next piece or leave it, and give up where even the rest cut to size adds too little.
struct Search<'a> {
    pieces: &'a [Piece],
    order: &'a [u8],
    best: (i64, u64),
    steps: u32,
}

impl Search<'_> {
    fn piece(&self, depth: usize) -> Option<(&Piece, u64)> {
        let at = usize::from(*self.order.get(depth)?);
        Some((self.pieces.get(at)?, 1 << at))
    }

    /// The filling by value per second, to begin with.
    fn take_in_order(&mut self, mut room: Room) {
        let mut taken = Taken::default();
        for depth in 0..self.order.len() {
            let Some((piece, bit)) = self.piece(depth) else {
                continue;
            };
            if let Some(left) = room_after(room, piece).filter(|_| taken.barred & bit == 0) {
                (room, taken) = (left, taken.with(piece, bit));
            }
        }
        self.best = (taken.value, taken.mask);
    }

    fn go(&mut self, depth: usize, room: Room, taken: Taken) {
        self.steps += 1;
        if taken.value > self.best.0 {
            self.best = (taken.value, taken.mask);
        }
        let Some((piece, bit)) = self.piece(depth) else {
            return;
        };
        let (piece, hopeless) = (*piece, self.most(depth, room, taken) <= self.best.0);
        if hopeless || room.ads == 0 || self.steps >= STEPS_MAX {
            return;
        }
        if let Some(left) = room_after(room, &piece).filter(|_| taken.barred & bit == 0) {
            self.go(depth + 1, left, taken.with(&piece, bit));
        }
        self.go(depth + 1, room, taken);
    }

    /// No filling from here on is worth more: the densest pieces that do not clash, the last one cut.
    fn most(&self, depth: usize, room: Room, taken: Taken) -> i64 {
        let (mut value, mut seconds) = (taken.value, room.seconds);
        for at in depth..self.order.len() {
            let Some((piece, bit)) = self.piece(at) else {
                break;
            };
            if taken.barred & bit != 0 {
                continue;
            }
            if piece.seconds > seconds {
                let part = i128::from(piece.value) * i128::from(seconds);
                let cut = part / i128::from(piece.seconds.max(1)) + 1;
                return value.saturating_add(i64::try_from(cut).unwrap_or(i64::MAX));
            }
            seconds -= piece.seconds;
            value = value.saturating_add(piece.value);
        }
        value
    }
}

/// What is left once a piece is in; `None` when it does not fit.
pub fn room_after(room: Room, piece: &Piece) -> Option<Room> {
    Some(Room {
        seconds: room.seconds.checked_sub(piece.seconds)?,
        ads: room.ads.checked_sub(1)?,
    })
}

/// The room of the slot's dynamic pod, where it is one.
pub fn room_of(slot: &MediaSlot<'_>) -> Option<Room> {
    Some(Room {
        seconds: slot.poddur_s?,
        ads: slot.maxseq.unwrap_or(POD_ADS_MAX).min(POD_ADS_MAX),
    })
}

/// How long the ad would play in the dynamic pod of `imp`; `None` for anything else.
pub fn seconds_in(imp: &Imp<'_>, ad: &Ad) -> Option<u32> {
    let (slot, media) = match &ad.creative.format {
        CreativeFormat::Video(media) => (imp.video.as_ref()?, media),
        CreativeFormat::Audio(media) => (imp.audio.as_ref()?, media),
        CreativeFormat::Banner { .. } | CreativeFormat::Native(_) => return None,
    };
    slot.poddur_s.map(|_| media.duration_s)
}

/// Whether the slot, or a part of it, is a pod that is filled with as many ads as go in.
pub fn is_dynamic(imp: &Imp<'_>) -> bool {
    media(imp).any(|slot| slot.poddur_s.is_some())
}

/// The video and audio parts of a slot.
fn media<'a, 'b>(imp: &'a Imp<'b>) -> impl Iterator<Item = &'a MediaSlot<'b>> {
    imp.video.iter().chain(&imp.audio)
}

/// Whether both impressions are of one pod.
pub fn share_a_pod(one: &Imp<'_>, other: &Imp<'_>) -> bool {
    let same = |id: &str| media(other).any(|slot| slot.podid == Some(id));
    media(one).any(|slot| slot.podid.is_some_and(same))
}

/// What two ads of one pod must not have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Separation {
    advertiser: bool,
    category: bool,
    creative: bool,
    file: bool,
}

impl Separation {
    /// As any slot of the impression's pod says; where none says anything, no creative is shown twice.
    pub fn of(request: &BidRequest<'_>, imp: &Imp<'_>) -> Self {
        let others = request.imps.iter().filter(|other| share_a_pod(imp, other));
        let slots = media(imp).chain(others.flat_map(media));
        let mut own = Self::default();
        let mut silent = true;
        for kind in slots.flat_map(|slot| slot.poddedupe.iter()) {
            silent = false;
            own.advertiser |= *kind == BY_ADVERTISER;
            own.category |= *kind == BY_CATEGORY;
            own.creative |= *kind == BY_CREATIVE;
            own.file |= *kind == BY_FILE;
        }
        own.creative |= silent;
        own
    }

    /// Whether the two ads have something of it in common.
    pub fn keeps_apart(self, one: &Ad, other: &Ad) -> bool {
        let (left, right) = (one.creative.as_ref(), other.creative.as_ref());
        let shared = |category: &String| right.categories.contains(category);
        self.creative && left.id == right.id
            || self.advertiser && one.adomain == other.adomain
            || self.category && left.categories.iter().any(shared)
            || self.file && share_a_file(one, other)
    }
}

/// Whether both show the same media file; what another ad server will show is told apart by its address.
fn share_a_file(one: &Ad, other: &Ad) -> bool {
    let (Some(one), Some(other)) = (media_of(one), media_of(other)) else {
        return false;
    };
    let same = match (&one.source, &other.source) {
        (MediaSource::Wrapper(one), MediaSource::Wrapper(other)) => one.tag_url == other.tag_url,
        _ => false,
    };
    let shown = |url: &str| other.files().iter().any(|file| file.url == url);
    same || one.files().iter().any(|file| shown(&file.url))
}

fn media_of(ad: &Ad) -> Option<&Media> {
    match &ad.creative.format {
        CreativeFormat::Video(media) | CreativeFormat::Audio(media) => Some(media),
        CreativeFormat::Banner { .. } | CreativeFormat::Native(_) => None,
    }
}

#[cfg(test)]
mod tests;
