//! Definitions on streams small enough to work out by hand, and promises on generated ones.

use domain::random::SplitMix64;

use super::stream::columns;
use super::*;

fn stream(text: &str) -> Stream {
    let columns = columns("click,price,pctr,hour").unwrap();
    Stream::read(text.as_bytes(), &columns, 1.0).unwrap()
}

/// A day of auctions with a rhythm; prices and click rates are spread widely and independently.
fn day(per_hour: usize, seed: u64) -> Stream {
    let mut rng = SplitMix64::new(seed);
    let mut text = String::new();
    for hour in 0..24 {
        let wave = 1.0 + 0.6 * (f64::from(hour) / 24.0 * std::f64::consts::TAU).sin();
        for _ in 0..(per_hour as f64 * wave) as usize {
            let price = (60.0 * (0.7 * rng.normal()).exp()).min(300.0).round();
            let pctr = (0.0005 * (1.2 * rng.normal()).exp()).min(0.5);
            let click = u8::from(rng.chance(pctr));
            text.push_str(&format!("{click} {price} {pctr:.8} {hour}\n"));
        }
    }
    stream(&text)
}

fn play(stream: &Stream, strategy: Strategy, options: &Options) -> Figures {
    run(stream, None, strategy, options).figures
}

fn micros(budget: i64) -> Options {
    Options {
        budget: Budget::Micros(budget),
        ..Options::default()
    }
}

/// Four rows in two hours; a click is worth what wins all of them.
const FOUR: &str = "1 10 0.1 0\n0 20 0.1 0\n0 30 0.2 1\n1 40 0.4 1\n";

#[test]
fn figures_are_what_a_hand_works_out() {
    let figures = play(&stream(FOUR), Strategy::Asap, &micros(60_000));
    // 10 + 20 + 30 fit 60; the last does not any more.
    let counts = (figures.impressions, figures.clicks, figures.spend);
    assert_eq!(counts, (3, 1, 60_000));
    assert_eq!((figures.spent_pct, figures.overspend), (100.0, 0));
    // Hindsight buys 0.4 for 40, 0.1 for 10 and a third of 0.2 for 10.
    let best = 0.4 + 0.1 + 0.2 / 3.0;
    assert!((figures.value_pct - 100.0 * 0.4 / best).abs() < 1e-9);
    // Two rows are forecast for either hour, so the plan is 30,000 each, and just so it was spent.
    assert!(figures.hourly_rmse < 1e-9 && figures.max_deviation_pct < 1e-9);
    // 57 of 60 are spent with the third of four rows.
    assert_eq!(figures.time_to_95pct, Some(0.75));
    assert_eq!(figures.ecpc, Some(60_000.0));
    assert!((figures.cost_per_predicted_click.unwrap() - 150_000.0).abs() < 1e-6);
}

#[test]
fn a_win_that_does_not_fit_is_refused_and_a_later_one_may_fit() {
    let text = "0 10 0.1 0\n0 50 0.5 0\n0 20 0.1 1\n";
    let figures = play(&stream(text), Strategy::Asap, &micros(30_000));
    assert_eq!((figures.impressions, figures.spend), (2, 30_000));
    // The plan is 20,000 and 10,000; spent were 10,000 and 20,000. The mean is 15,000.
    assert!((figures.hourly_rmse - 10.0 / 15.0).abs() < 1e-9);
    assert!((figures.max_deviation_pct - 100.0 / 3.0).abs() < 1e-9);
}

#[test]
fn first_price_pays_the_bid() {
    let options = Options {
        auction: Auction::First,
        ..micros(60_000)
    };
    let figures = play(&stream(FOUR), Strategy::Constant, &options);
    assert_eq!(
        figures.spend % i64::try_from(figures.impressions).unwrap(),
        0,
        "all the same"
    );
    assert!(figures.overspend == 0 && figures.impressions > 0);
}

#[test]
fn the_dual_keeps_its_plan_whatever_was_forecast() {
    let stream = day(3_000, 1);
    for (noise, volume, delay) in [(0.0, 1.0, 0), (0.3, 0.7, 0), (0.3, 1.4, 0), (0.0, 1.0, 400)] {
        for share in [2.0, 8.0, 32.0] {
            let options = Options {
                budget: Budget::Share(1.0 / share),
                forecast_noise: noise,
                volume_error: volume,
                feedback_delay: delay,
                ..Options::default()
            };
            let figures = play(&stream, Strategy::Dual, &options);
            let case = format!("noise {noise}, volume {volume}, delay {delay}, 1/{share}");
            assert!(
                figures.spent_pct > 99.5 && figures.overspend == 0,
                "{case}: {figures:?}"
            );
            assert!(figures.max_deviation_pct < 1.0, "{case}: {figures:?}");
            let value = if delay > 0 { 95.0 } else { 97.0 };
            assert!(figures.value_pct > value, "{case}: {figures:?}");
        }
    }
}

#[test]
fn scale_changes_nothing() {
    let (mut small, mut large) = (day(1_000, 2), day(1_000, 2));
    small.shift(1.0);
    for row in &mut large.rows {
        row.price *= 10;
    }
    large.unit *= 10.0;
    let value = |stream: &Stream| play(stream, Strategy::Dual, &Options::default()).value_pct;
    assert!((value(&small) - value(&large)).abs() < 0.1);
}

#[test]
fn no_money_is_spent_twice_whatever_happens_to_notices() {
    let stream = day(1_000, 3);
    for in_flight in [100, 1_000, 10_000] {
        for (bidders, strategy) in [
            (1, Strategy::Asap),
            (8, Strategy::Asap),
            (4, Strategy::Dual),
        ] {
            let options = Options {
                in_flight: Some(in_flight),
                duplicates: 0.05,
                lost: 0.01,
                bidders,
                kill_one: true,
                ..Options::default()
            };
            let played = run(&stream, None, strategy, &options);
            let figures = &played.figures;
            let case = format!("{in_flight} in flight, {bidders} bidders, {strategy:?}");
            assert_eq!(figures.overspend, 0, "{case}: {figures:?}");
            assert!(figures.unbilled > 0, "{case}");
            let told = figures.spend + figures.late + figures.unbilled;
            assert_eq!(told, played.books.cost, "{case}: every win is somewhere");
        }
    }
    let known = Options {
        in_flight: Some(1_000),
        holds: Holds::KnownSpend,
        ..Options::default()
    };
    assert!(
        play(&stream, Strategy::Asap, &known).overspend > 0,
        "without holds it is"
    );
}

#[test]
fn first_price_learns_what_to_bid() {
    let stream = day(3_000, 4);
    for min_to_win in [false, true] {
        let options = Options {
            auction: Auction::First,
            min_to_win,
            ..Options::default()
        };
        let figures = play(&stream, Strategy::Dual, &options);
        // Prices that tell nothing of the click rate and vary this much leave no more to a bidder that must guess.
        assert!(figures.value_pct > 70.0, "{figures:?}");
        assert!(figures.spent_pct > 99.5, "{figures:?}");
        assert!(figures.cdf_error.unwrap() < 0.03, "{figures:?}");
    }
}

#[test]
fn a_goal_on_clicks_holds() {
    let stream = day(3_000, 5);
    let free = play(&stream, Strategy::Dual, &Options::default());
    let goal = 0.7 * free.cost_per_predicted_click.unwrap();
    let options = Options {
        goal_ecpc: Some(goal),
        ..Options::default()
    };
    let figures = play(&stream, Strategy::Dual, &options);
    assert!(
        figures.cost_per_predicted_click.unwrap() <= 1.05 * goal,
        "{figures:?}"
    );
    assert!(
        figures.cost_per_predicted_click_at_half.unwrap() <= 1.10 * goal,
        "{figures:?}"
    );
    assert!(figures.impressions > 1_000);
}

#[test]
fn layers_buy_clicks_for_less_than_uniform_throttling() {
    let stream = day(3_000, 6);
    let cost = |strategy| {
        let figures = play(&stream, strategy, &Options::default());
        assert!(figures.hourly_rmse < 0.3, "{figures:?}");
        figures.cost_per_predicted_click.unwrap()
    };
    assert!(cost(Strategy::Layers) < 0.8 * cost(Strategy::Throttle));
}
