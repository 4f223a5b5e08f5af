//! What a slot takes: banner sizes, video and audio constraints.

use domain::limits::SIZES_MAX;
use domain::targeting::Size;

use super::json::Json;
use super::{Amount, Arena, DurationFloor, Text};

/// Most protocols kept of one slot; the list defines under 20.
const PROTOCOLS_MAX: usize = 64;

/// A slot for a banner.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BannerSlot<'a> {
    /// Exact sizes: those of `format`, or else `w` and `h`. At most `SIZES_MAX`.
    pub sizes: &'a [Size],
    /// Sizes by ratio.
    pub flex: &'a [FlexSize],
    /// Limits of each side, of requests before 2.4; the size beside them is the preferred one.
    pub range: Option<SizeRange>,
    /// Blocked banner types: 1 text, 2 image, 3 JavaScript, 4 iframe.
    pub btype: &'a [u32],
    /// Blocked creative attributes.
    pub battr: &'a [u32],
    /// Allowed MIME types; any when empty.
    pub mimes: &'a [Text<'a>],
    /// Supported API frameworks; none when empty.
    pub api: &'a [u32],
    /// Position on the screen, AdCOM list.
    pub pos: Option<u32>,
    /// Directions it may expand to.
    pub expdir: &'a [u32],
}

/// Sizes between limits, which both count as inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SizeRange {
    /// The smallest.
    pub least: Size,
    /// The largest.
    pub most: Size,
}

/// A size given as a ratio.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FlexSize {
    /// Relative width.
    pub wratio: u32,
    /// Relative height.
    pub hratio: u32,
    /// Least width; 0 when not stated.
    pub wmin: u32,
}

/// A slot for a video or audio ad. Zero-length lists are "not stated".
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct MediaSlot<'a> {
    /// Allowed MIME types.
    pub mimes: &'a [Text<'a>],
    /// Allowed VAST / DAAST protocols, `protocol` of old requests included.
    pub protocols: &'a [u32],
    /// Shortest ad, in seconds.
    pub minduration_s: Option<u32>,
    /// Longest ad, in seconds.
    pub maxduration_s: Option<u32>,
    /// The only durations allowed, in seconds.
    pub rqddurs_s: &'a [u32],
    /// Player width.
    pub w: Option<u32>,
    /// Player height.
    pub h: Option<u32>,
    /// Above 0 mid-roll at that second, 0 pre-roll, -1 mid-roll, -2 post-roll.
    pub startdelay: Option<i32>,
    /// Kind of placement, AdCOM "Placement Subtypes".
    pub plcmt: Option<u32>,
    /// Kind of placement, the list before 2.6-202303.
    pub placement: Option<u32>,
    /// 1 linear, 2 overlay.
    pub linearity: Option<u32>,
    /// Whether the player lets users skip.
    pub skip: Option<bool>,
    /// Supported API frameworks; none when empty.
    pub api: &'a [u32],
    /// Blocked creative attributes.
    pub battr: &'a [u32],
    /// Least bit rate in kbit/s.
    pub minbitrate_kbps: Option<u32>,
    /// Largest bit rate in kbit/s.
    pub maxbitrate_kbps: Option<u32>,
    /// Seconds beyond the longest; -1 without limit.
    pub maxextended_s: Option<i32>,
    /// The pod it belongs to.
    pub podid: Option<Text<'a>>,
    /// Seconds of all ads of a dynamic pod.
    pub poddur_s: Option<u32>,
    /// Most ads of a dynamic pod.
    pub maxseq: Option<u32>,
    /// Place of the pod in the stream: -1 last, 0 any, 1 first.
    pub podseq: Option<i32>,
    /// Place in the pod: -1 last, 0 any, 1 first, 2 first or last.
    pub slotinpod: Option<i32>,
    /// The floor by second, in the imp's currency.
    pub mincpmpersec: Option<Amount>,
    /// Floors by duration, in the imp's currency.
    pub durfloors: &'a [DurationFloor],
    /// What no two ads of its pod may share: 1 advertiser domain, 2 category, 3 creative, 4 media file; 5 nothing.
    pub poddedupe: &'a [u32],
    /// Supported delivery methods: 1 streaming, 2 progressive, 3 download.
    pub delivery: &'a [u32],
    /// How playback begins; the first is the one used.
    pub playbackmethod: &'a [u32],
    /// Position on the screen, AdCOM list.
    pub pos: Option<u32>,
}

impl<'a> BannerSlot<'a> {
    pub(super) fn read(value: Json<'_, 'a>) -> Option<Self> {
        let mut banner = Self::default();
        let mut sides = BannerSides::default();
        for (key, value) in value.object()? {
            match key {
                "w" => sides.w = value.u32(),
                "h" => sides.h = value.u32(),
                "wmin" => sides.wmin = value.u32(),
                "hmin" => sides.hmin = value.u32(),
                "wmax" => sides.wmax = value.u32(),
                "hmax" => sides.hmax = value.u32(),
                "format" => {
                    banner.set_formats(value.arena(), value.items().map(BannerFormat::read))
                }
                "btype" => banner.btype = value.u32s(),
                "battr" => banner.battr = value.u32s(),
                "mimes" => banner.mimes = value.texts(),
                "api" => banner.api = value.u32s(),
                "pos" => banner.pos = value.u32(),
                "expdir" => banner.expdir = value.u32s(),
                _ => {}
            }
        }
        banner.or_size(value.arena(), sides);
        Some(banner)
    }

    /// Takes over the sizes and the ratios of the formats.
    pub(super) fn set_formats(
        &mut self,
        arena: &'a Arena,
        formats: impl Iterator<Item = BannerFormat> + Clone,
    ) {
        let formats = formats.take(SIZES_MAX);
        let (sizes, mut all) = (formats.clone().map(BannerFormat::size), true);
        self.sizes = arena.list(sizes.filter_map(|size| {
            all &= size.is_some();
            size
        }));
        self.flex = match all {
            true => &[],
            false => arena.list(formats.filter_map(BannerFormat::flex)),
        };
    }

    /// The single size counts where no format does, and so do limits of its sides.
    pub(super) fn or_size(&mut self, arena: &'a Arena, sides: BannerSides) {
        if self.sizes.is_empty() && self.flex.is_empty() {
            self.sizes = arena.list(size(sides.w, sides.h));
            self.range = sides.range();
        }
    }

    /// Whether a banner of `size` fits.
    pub fn takes(&self, size: Size) -> bool {
        self.sizes.contains(&size)
            || self.flex.iter().any(|flex| flex.takes(size))
            || self.range.is_some_and(|range| range.takes(size))
    }
}

/// The single size of a slot and its limits, as they are stated.
#[derive(Clone, Copy, Default)]
pub(super) struct BannerSides {
    pub(super) w: Option<u32>,
    pub(super) h: Option<u32>,
    pub(super) wmin: Option<u32>,
    pub(super) hmin: Option<u32>,
    pub(super) wmax: Option<u32>,
    pub(super) hmax: Option<u32>,
}

impl BannerSides {
    /// What the limits say; a side without one is as long as it is stated. Nothing without an upper limit of both: an
    /// ad could be of any size.
    fn range(self) -> Option<SizeRange> {
        let side = |least: Option<u32>, own: Option<u32>, most: Option<u32>| {
            let [least, own, most] = [least, own, most].map(|side| side.filter(|side| *side > 0));
            match (least, most) {
                (None, None) => Some((own?, own?)),
                (least, most) => Some((least.unwrap_or(1), most.or(own)?)),
            }
        };
        let limits = [self.wmin, self.hmin, self.wmax, self.hmax];
        let (width, height) = (
            side(self.wmin, self.w, self.wmax)?,
            side(self.hmin, self.h, self.hmax)?,
        );
        limits.iter().any(Option::is_some).then_some(SizeRange {
            least: Size {
                width: width.0,
                height: height.0,
            },
            most: Size {
                width: width.1,
                height: height.1,
            },
        })
    }
}

impl SizeRange {
    /// Whether a banner of `size` lies between the limits.
    pub fn takes(self, size: Size) -> bool {
        (self.least.width..=self.most.width).contains(&size.width)
            && (self.least.height..=self.most.height).contains(&size.height)
    }
}

/// A format as it is stated: a size, or else a ratio.
#[derive(Clone, Copy, Default)]
pub(super) struct BannerFormat {
    pub(super) w: Option<u32>,
    pub(super) h: Option<u32>,
    pub(super) wratio: Option<u32>,
    pub(super) hratio: Option<u32>,
    pub(super) wmin: Option<u32>,
}

impl BannerFormat {
    fn read(value: Json<'_, '_>) -> Self {
        let mut format = Self::default();
        for (key, value) in value.object().into_iter().flatten() {
            match key {
                "w" => format.w = value.u32(),
                "h" => format.h = value.u32(),
                "wratio" => format.wratio = value.u32(),
                "hratio" => format.hratio = value.u32(),
                "wmin" => format.wmin = value.u32(),
                _ => {}
            }
        }
        format
    }

    fn size(self) -> Option<Size> {
        size(self.w, self.h)
    }

    fn flex(self) -> Option<FlexSize> {
        match (self.size(), self.wratio, self.hratio) {
            (None, Some(wratio @ 1..), Some(hratio @ 1..)) => Some(FlexSize {
                wratio,
                hratio,
                wmin: self.wmin.unwrap_or(0),
            }),
            _ => None,
        }
    }
}

fn size(width: Option<u32>, height: Option<u32>) -> Option<Size> {
    match (width, height) {
        (Some(width @ 1..), Some(height @ 1..)) => Some(Size { width, height }),
        _ => None,
    }
}

impl FlexSize {
    /// Whether a banner of `size` has this ratio, to a pixel, and is wide enough.
    pub fn takes(self, size: Size) -> bool {
        let across = u64::from(size.width) * u64::from(self.hratio);
        let down = u64::from(size.height) * u64::from(self.wratio);
        let pixel = u64::from(self.wratio.max(self.hratio));
        // Half a pixel of the shorter side may be lost by rounding, and no more.
        across.abs_diff(down) * 2 <= pixel && size.width >= self.wmin
    }
}

impl<'a> MediaSlot<'a> {
    pub(super) fn read(value: Json<'_, 'a>) -> Option<Self> {
        let mut slot = Self::default();
        for (key, value) in value.object()? {
            slot.read_file(key, value);
            slot.read_place(key, value);
        }
        Some(slot)
    }

    /// What the media file must be like.
    fn read_file(&mut self, key: &str, value: Json<'_, 'a>) {
        match key {
            "mimes" => self.mimes = value.texts(),
            "protocols" => self.add_protocols(value.arena(), value.u32s().iter().copied()),
            "protocol" => self.add_protocols(value.arena(), value.u32()),
            "minduration" => self.minduration_s = value.u32(),
            "maxduration" => self.maxduration_s = value.u32(),
            "rqddurs" => self.rqddurs_s = value.u32s(),
            "w" => self.w = value.u32(),
            "h" => self.h = value.u32(),
            "linearity" => self.linearity = value.u32(),
            "api" => self.api = value.u32s(),
            "battr" => self.battr = value.u32s(),
            "minbitrate" => self.minbitrate_kbps = value.u32(),
            "maxbitrate" => self.maxbitrate_kbps = value.u32(),
            "maxextended" => self.maxextended_s = value.i32(),
            "delivery" => self.delivery = value.u32s(),
            _ => {}
        }
    }

    /// Takes over protocols, behind those of the other field.
    pub(super) fn add_protocols(
        &mut self,
        arena: &'a Arena,
        protocols: impl IntoIterator<Item = u32>,
    ) {
        self.protocols = arena.joined(self.protocols, protocols, PROTOCOLS_MAX);
    }

    /// Where and when it plays, and what it costs.
    fn read_place(&mut self, key: &str, value: Json<'_, 'a>) {
        match key {
            "startdelay" => self.startdelay = value.i32(),
            "plcmt" => self.plcmt = value.u32(),
            "placement" => self.placement = value.u32(),
            "skip" => self.skip = value.flag(),
            "podid" => self.podid = value.text(),
            "poddur" => self.poddur_s = value.u32(),
            "maxseq" => self.maxseq = value.u32(),
            "podseq" => self.podseq = value.i32(),
            "slotinpod" => self.slotinpod = value.i32(),
            "mincpmpersec" => self.mincpmpersec = Amount::read(value),
            "durfloors" => self.durfloors = DurationFloor::read_all(value),
            "poddedupe" => self.poddedupe = value.u32s(),
            "playbackmethod" => self.playbackmethod = value.u32s(),
            "pos" => self.pos = value.u32(),
            _ => {}
        }
    }

    /// Whether an ad of `duration_s` may play: exact durations win over a range, and a dynamic pod
    /// takes nothing longer than itself.
    pub fn takes_duration(&self, duration_s: u32) -> bool {
        let in_pod = self.poddur_s.is_none_or(|whole| duration_s <= whole);
        let in_range = match self.rqddurs_s {
            [] => {
                self.minduration_s.is_none_or(|least| duration_s >= least)
                    && self.longest_s().is_none_or(|most| duration_s <= most)
            }
            exact => exact.contains(&duration_s),
        };
        in_pod && in_range
    }

    /// The longest ad with the extension counted in; `None` without limit.
    fn longest_s(&self) -> Option<u32> {
        let longest = self.maxduration_s?;
        match self.maxextended_s {
            Some(-1) => None,
            Some(extra) => Some(longest.saturating_add_signed(extra.max(0))),
            None => Some(longest),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_banner_fits_between_limits() {
        let sides = |w, h, wmin, hmin, wmax, hmax| BannerSides {
            w,
            h,
            wmin,
            hmin,
            wmax,
            hmax,
        };
        let cases = [
            (sides(Some(300), Some(250), None, None, None, None), None),
            (
                sides(None, None, Some(200), Some(50), Some(400), Some(300)),
                Some([200, 50, 400, 300]),
            ),
            // The largest is the one that is stated.
            (
                sides(Some(320), Some(480), Some(300), Some(250), None, None),
                Some([300, 250, 320, 480]),
            ),
            (
                sides(None, Some(50), Some(300), None, Some(320), None),
                Some([300, 50, 320, 50]),
            ),
            // Without an end.
            (sides(None, None, Some(300), Some(250), None, None), None),
            (
                sides(None, None, None, Some(0), Some(320), Some(50)),
                Some([1, 1, 320, 50]),
            ),
        ];
        for (sides, wanted) in cases {
            let range = sides.range();
            let found = range.map(|range| {
                let SizeRange { least, most } = range;
                [least.width, least.height, most.width, most.height]
            });
            assert_eq!(found, wanted);
            let size = |width, height| Size { width, height };
            if let Some(range) = range {
                assert!(range.takes(range.least) && range.takes(range.most));
                assert!(!range.takes(size(range.most.width + 1, range.most.height)));
                assert!(!range.takes(size(range.least.width, range.least.height - 1)));
            }
        }
    }

    #[test]
    fn a_banner_fits_by_size_or_by_ratio() {
        let size = |width, height| Size { width, height };
        let banner = BannerSlot {
            sizes: &[size(300, 250)],
            flex: &[FlexSize {
                wratio: 16,
                hratio: 9,
                wmin: 320,
            }],
            ..BannerSlot::default()
        };
        assert!(banner.takes(size(300, 250)));
        assert!(banner.takes(size(640, 360)));
        assert!(banner.takes(size(320, 180)));
        assert!(!banner.takes(size(160, 90)), "too narrow");
        assert!(banner.takes(size(330, 186)), "rounded from 185.6");
        assert!(!banner.takes(size(640, 361)), "another ratio");
        assert!(!banner.takes(size(250, 300)));
        assert!(!banner.takes(size(u32::MAX, u32::MAX)));
        assert!(!BannerSlot::default().takes(size(300, 250)));
    }
}
