//! Behaviour under load: tails at half of the maximum, goodput beyond it, and swaps of a large snapshot.

use crate::catalogue::LINE_ITEMS;
use crate::open::{Order, Outcome};
use crate::process::{Core, Process, Server};
use crate::run::Effort;
use crate::servers::{SWAPS_OFF, SWAPS_ON};

/// The load of the swaps' rounds, as a part of what one core can do.
const SWAP_LOAD: f64 = 0.25;
/// Line items of the snapshot that is swapped.
const SWAPPED: usize = 100_000;
/// Multiples of the maximum that are offered.
const MULTIPLES: [f64; 4] = [1.0, 2.0, 3.0, 5.0];

/// What was found.
#[derive(Debug, Clone)]
pub struct Figures {
    /// The bidder's 99.9th percentile over that of the bare server, at half of the maximum.
    pub p999_ratio: f64,
    /// The bidder's, in microseconds.
    pub p999_us: f64,
    /// Decided answers in time, a second, at the maximum.
    pub goodput: f64,
    /// Decided answers in time among all requests due, at half of the maximum.
    pub in_time_share: f64,
    /// Goodput at 2, 3 and 5 times the maximum over that at the maximum.
    pub goodput_ratios: [f64; 3],
    /// Late among all answers, at 2, 3 and 5 times the maximum.
    pub late_shares: [f64; 3],
    /// Requests that found no free connection, among those due, at 5 times the maximum.
    pub unsent_share_5x: f64,
    /// Refused undecided, among all answers, at 5 times the maximum.
    pub undecided_share_5x: f64,
    /// 99th percentile of those, in microseconds.
    pub undecided_p99_us_5x: f64,
    /// The 99th percentile with a swap each second over that without.
    pub swap_p99_ratio: f64,
    /// That without, in microseconds.
    pub swap_p99_us: f64,
}

fn play(
    server: &Server,
    client: &mut Process,
    (rate, seconds): (f64, f64),
) -> anyhow::Result<Outcome> {
    let outcome: Outcome = client.ask(&Order {
        address: server.address.clone(),
        line_items: server.line_items,
        rate,
        seconds,
        learn_sizes: server.is_bidder,
    })?;
    let errors = outcome.errors;
    anyhow::ensure!(errors == 0, "{errors} answers were errors");
    Ok(outcome)
}

fn open_client() -> anyhow::Result<Process> {
    Process::start(Core::Client, &["open-client"])
}

/// Measures at multiples of `maximum`, in decisions a second of wall time, and swaps under a load that follows from
/// `swapped_us`, the processor time of a decision among many line items.
///
/// # Errors
/// When a process fails.
pub fn measure(effort: Effort, maximum: f64, swapped_us: f64) -> anyhow::Result<Figures> {
    let mut client = open_client()?;
    let bidder = Server::bidder(LINE_ITEMS, true)?;
    let tails = tails(effort, maximum / 2.0, (&bidder, &mut client))?;
    let at = multiples(effort, maximum, (&bidder, &mut client))?;
    drop(bidder);
    let (swap_p99_us, swap_p99_ratio) = swaps(effort, SWAP_LOAD * 1e6 / swapped_us)?;
    let [one, two, three, five] = &at;
    let good = |rounds: &[Outcome]| median(rounds, |round| round.good as f64);
    let share = |part: u64, all: u64| part as f64 / all.max(1) as f64;
    Ok(Figures {
        p999_ratio: tails.ratio,
        p999_us: tails.p999_us,
        in_time_share: tails.in_time_share,
        goodput: good(one) / effort.seconds,
        goodput_ratios: [two, three, five].map(|rounds| good(rounds) / good(one)),
        late_shares: [two, three, five]
            .map(|rounds| median(rounds, |round| share(round.late, round.answered))),
        unsent_share_5x: median(five, |round| share(round.unsent, round.due)),
        undecided_share_5x: median(five, |round| share(round.undecided, round.answered)),
        undecided_p99_us_5x: median(five, |round| round.undecided_p99_us as f64),
        swap_p99_ratio,
        swap_p99_us,
    })
}

/// One round against a bidder of its own, for people: so many requests a second for so many seconds.
///
/// # Errors
/// When a process fails.
pub fn try_out(line_items: usize, load: (f64, f64)) -> anyhow::Result<Outcome> {
    play(
        &Server::bidder(line_items, true)?,
        &mut open_client()?,
        load,
    )
}

/// The bidder's 99.9th percentile in microseconds, what it is of the bare server's at the same rate, and how many of its
/// answers were decided in time.
struct Tails {
    p999_us: f64,
    ratio: f64,
    in_time_share: f64,
}

fn tails(
    effort: Effort,
    rate: f64,
    (bidder, client): (&Server, &mut Process),
) -> anyhow::Result<Tails> {
    let bare = Server::bare(LINE_ITEMS)?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..effort.open_rounds {
        ours.push(play(bidder, client, (rate, effort.seconds))?);
        theirs.push(play(&bare, client, (rate, effort.seconds))?);
    }
    let p999 = |rounds: &[Outcome]| median(rounds, |round| round.p999_us as f64);
    Ok(Tails {
        p999_us: p999(&ours),
        ratio: p999(&ours) / p999(&theirs),
        in_time_share: median(&ours, |round| round.good as f64 / round.due.max(1) as f64),
    })
}

/// Rounds at each multiple of the maximum, alternating.
fn multiples(
    effort: Effort,
    maximum: f64,
    (bidder, client): (&Server, &mut Process),
) -> anyhow::Result<[Vec<Outcome>; MULTIPLES.len()]> {
    let mut played = [const { Vec::new() }; MULTIPLES.len()];
    for _ in 0..effort.open_rounds {
        for (rounds, multiple) in played.iter_mut().zip(MULTIPLES) {
            rounds.push(play(bidder, client, (multiple * maximum, effort.seconds))?);
        }
    }
    Ok(played)
}

/// The 99th percentile among many line items, and how it changes when their snapshot is swapped each second.
fn swaps(effort: Effort, rate: f64) -> anyhow::Result<(f64, f64)> {
    let mut client = open_client()?;
    let mut bidder = Server::bidder(SWAPPED, true)?;
    let (mut still, mut swapped) = (Vec::new(), Vec::new());
    play(&bidder, &mut client, (rate, effort.seconds))?;
    for _ in 0..effort.open_rounds {
        still.push(play(&bidder, &mut client, (rate, effort.swap_seconds))?);
        bidder.process.tell(SWAPS_ON)?;
        swapped.push(play(&bidder, &mut client, (rate, effort.swap_seconds))?);
        bidder.process.tell(SWAPS_OFF)?;
        // What was begun is finished before the next round counts.
        play(&bidder, &mut client, (rate, effort.seconds))?;
    }
    let p99 = |rounds: &[Outcome]| median(rounds, |round| round.p99_us as f64);
    Ok((p99(&still), p99(&swapped) / p99(&still)))
}

fn median(rounds: &[Outcome], of: impl Fn(&Outcome) -> f64) -> f64 {
    let mut sorted: Vec<_> = rounds.iter().map(of).collect();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}
