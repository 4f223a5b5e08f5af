//! What goes wrong in a run: drawn from the seed before it begins.

use domain::random::SplitMix64;
use event_log::memory;

use crate::stores::Due;

/// How long requests come, in simulated milliseconds.
pub const SPAN_MS: i64 = 60_000;

/// Every kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Notices that never come.
    Lost,
    /// Notices that come after their hold time, some after the lateness that was declared too.
    Late,
    /// Notices that come twice.
    Doubled,
    /// Notices without a price, above the bid, or with another price at each repeat.
    OddPrice,
    /// The log refuses appends; what was refused may stand in it all the same.
    LogRefuses,
    /// Commits of the keyed state fail.
    StoreFails,
    /// Commits of keyed state and reports are done, but their answers are lost.
    AnswersLost,
    /// The report tables fail.
    ReportsFail,
    /// A bidder process is killed; another takes its place after a while.
    BidderKilled,
    /// The pixel forgets which notices it has seen.
    PixelRestarted,
    /// The updater is killed between two steps and opened anew after a while.
    UpdaterKilled,
    /// All notices of an exchange are kept back for a while.
    Silence,
    /// A bidder's clock jumps, by seconds or by an hour, and back.
    ClockJump,
    /// All rivals of an exchange leave at once, so that every bid wins, or outbid everybody.
    MarketShock,
    /// A campaign is paused and taken up again.
    Paused,
    /// A campaign's budget is lowered, in the end below what is spent.
    BudgetCut,
}

impl Kind {
    /// Every kind.
    pub const ALL: &'static [Self] = &[
        Self::Lost,
        Self::Late,
        Self::Doubled,
        Self::OddPrice,
        Self::LogRefuses,
        Self::StoreFails,
        Self::AnswersLost,
        Self::ReportsFail,
        Self::BidderKilled,
        Self::PixelRestarted,
        Self::UpdaterKilled,
        Self::Silence,
        Self::ClockJump,
        Self::MarketShock,
        Self::Paused,
        Self::BudgetCut,
    ];

    /// Its name.
    pub fn name(self) -> String {
        format!("{self:?}")
    }
}

/// One thing that happens at one moment.
#[derive(Debug, Clone, Copy)]
pub enum Fault {
    /// Appends are refused.
    Log(memory::Faults),
    /// Commits of the keyed state fail.
    Keyed(Due),
    /// Report deltas fail.
    Reports(Due),
    /// The bidder in this place dies.
    KillBidder(usize),
    /// A new bidder takes this place.
    StartBidder(usize),
    /// The pixel starts anew.
    RestartPixel,
    /// The updater dies.
    KillUpdater,
    /// The updater starts.
    StartUpdater,
    /// No notice of this exchange arrives until then.
    Silence(usize, i64),
    /// The clock of the bidder in this place is off by so much.
    SetClock(usize, i64),
    /// Rivals' prices of this exchange are multiplied by so much, in thousandths.
    Rivals(usize, i64),
    /// A campaign is paused, by its position.
    Pause(usize),
    /// A campaign is taken up again.
    Resume(usize),
    /// A campaign's budget is cut to so many thousandths.
    Cut(usize, i64),
}

/// How often single notices go wrong.
#[derive(Debug, Clone, Copy, Default)]
pub struct Odds {
    /// Never comes.
    pub lost: f64,
    /// Comes too late.
    pub late: f64,
    /// Comes twice.
    pub doubled: f64,
    /// Tells a strange price.
    pub odd_price: f64,
}

/// All faults of one run.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    /// The kinds that may happen.
    pub kinds: Vec<Kind>,
    /// Of single notices.
    pub odds: Odds,
    /// At their moments, in milliseconds from the start.
    pub timed: Vec<(i64, Fault)>,
}

/// What there is to be broken.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    /// Bidder processes at once.
    pub bidders: usize,
    /// Exchanges.
    pub exchanges: usize,
    /// Campaigns.
    pub campaigns: usize,
}

impl Faults {
    /// Draws the faults of a run. With `only`, no other kind happens, and that one surely.
    pub fn draw(rng: &mut SplitMix64, sizes: Sizes, only: Option<Kind>) -> Self {
        let mut faults = Self::default();
        for kind in Kind::ALL {
            // Drawn in any case, so that each kind's share does not depend on the filter.
            let (drawn, mut own) = (rng.chance(0.4), rng.fork());
            if only.map_or(drawn, |only| only == *kind) {
                faults.kinds.push(*kind);
                faults.add(*kind, sizes, &mut own);
            }
        }
        faults
    }

    fn add(&mut self, kind: Kind, sizes: Sizes, rng: &mut SplitMix64) {
        match kind {
            Kind::Lost => self.odds.lost = 0.02 + 0.3 * rng.unit(),
            Kind::Late => self.odds.late = 0.02 + 0.2 * rng.unit(),
            Kind::Doubled => self.odds.doubled = 0.1 + 0.5 * rng.unit(),
            Kind::OddPrice => self.odds.odd_price = 0.05 + 0.2 * rng.unit(),
            _ => {
                for _ in 0..=rng.below(3) {
                    let at = 3_000 + below(rng, SPAN_MS - 10_000);
                    self.add_timed(kind, at, sizes, rng);
                }
            }
        }
    }

    fn add_timed(&mut self, kind: Kind, at: i64, sizes: Sizes, rng: &mut SplitMix64) {
        let bidder = index(rng, sizes.bidders);
        let exchange = index(rng, sizes.exchanges);
        let campaign = index(rng, sizes.campaigns);
        let few = u32::try_from(1 + rng.below(40)).unwrap_or(1);
        let later = at + 500 + below(rng, 12_000);
        let due = |refuse, lose_answer| Due {
            refuse,
            lose_answer,
        };
        let (first, then) = match kind {
            Kind::LogRefuses => {
                let log = memory::Faults {
                    refuse_appends: few * 5,
                    keep_refused: rng.chance(0.5),
                };
                (Fault::Log(log), None)
            }
            Kind::StoreFails => (Fault::Keyed(due(few * 2, 0)), None),
            Kind::AnswersLost if rng.chance(0.5) => (Fault::Keyed(due(0, few)), None),
            Kind::AnswersLost => (Fault::Reports(due(0, few)), None),
            Kind::ReportsFail => (Fault::Reports(due(few, 0)), None),
            Kind::BidderKilled => (Fault::KillBidder(bidder), Some(Fault::StartBidder(bidder))),
            Kind::PixelRestarted => (Fault::RestartPixel, None),
            Kind::UpdaterKilled => (Fault::KillUpdater, Some(Fault::StartUpdater)),
            Kind::Silence => (Fault::Silence(exchange, later + below(rng, 15_000)), None),
            Kind::ClockJump => {
                let jumps = [-3_600_000, -30_000, -4_000, 4_000, 30_000, 3_600_000];
                let jump = rng.pick(&jumps).copied().unwrap_or_default();
                let back = Fault::SetClock(bidder, 0);
                (Fault::SetClock(bidder, jump), Some(back))
            }
            Kind::MarketShock => {
                let to = rng.pick(&[0, 50, 3_000]).copied().unwrap_or_default();
                (
                    Fault::Rivals(exchange, to),
                    Some(Fault::Rivals(exchange, 1_000)),
                )
            }
            Kind::Paused => (Fault::Pause(campaign), Some(Fault::Resume(campaign))),
            Kind::BudgetCut => (
                Fault::Cut(campaign, 300 + below(rng, 600)),
                Some(Fault::Cut(campaign, 100 + below(rng, 800))),
            ),
            Kind::Lost | Kind::Late | Kind::Doubled | Kind::OddPrice => return,
        };
        self.timed.push((at, first));
        self.timed.extend(then.map(|fault| (later, fault)));
    }
}

/// A whole number below `bound`.
pub fn below(rng: &mut SplitMix64, bound: i64) -> i64 {
    let bound = u64::try_from(bound).unwrap_or(0);
    i64::try_from(rng.below(bound)).unwrap_or(0)
}

fn index(rng: &mut SplitMix64, count: usize) -> usize {
    usize::try_from(rng.below(count as u64)).unwrap_or(0)
}
