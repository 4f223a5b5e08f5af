//! The figures of a replay, each as `docs/money.md` defines it.

use domain::Timestamp;
use pacing::Schedule;

use super::books::Books;
use super::{Auction, Strategy, Stream, oracle};

/// What a replay came to.
#[derive(Debug, Clone)]
pub struct Figures {
    /// What decided the bids.
    pub strategy: Strategy,
    /// In micros.
    pub budget: i64,
    /// What a click is worth to the unpaced bids, in micros.
    pub click_value: f64,
    /// Predicted clicks won, in percent of what hindsight buys.
    pub value_pct: f64,
    /// Clicks won.
    pub clicks: u64,
    /// Impressions won.
    pub impressions: u64,
    /// Micros spent: billed in time.
    pub spend: i64,
    /// Of the budget, in percent.
    pub spent_pct: f64,
    /// Micros spent beyond the budget.
    pub overspend: i64,
    /// Root of the mean square of hourly spend less plan, over the mean hourly plan.
    pub hourly_rmse: f64,
    /// The largest distance from the plan at the end of an hour, in percent of the budget.
    pub max_deviation_pct: f64,
    /// The share of rows passed when 95 % of the budget were spent; `None` if they never were.
    pub time_to_95pct: Option<f64>,
    /// Micros whose notice came after its hold was released.
    pub late: i64,
    /// Micros won whose notice never came.
    pub unbilled: i64,
    /// Bids made.
    pub bids: u64,
    /// Impressions won of bids made.
    pub win_rate: f64,
    /// The mean error of the learned price curve; `None` where none is learned.
    pub cdf_error: Option<f64>,
    /// Spend per click in micros; `None` without a click.
    pub ecpc: Option<f64>,
    /// Spend per predicted click in micros; `None` without any.
    pub cost_per_predicted_click: Option<f64>,
    /// The same up to the middle of the flight.
    pub cost_per_predicted_click_at_half: Option<f64>,
}

impl Figures {
    /// The names and numbers, as `--json` prints them.
    pub fn numbers(&self) -> Vec<(&'static str, Option<f64>)> {
        let whole = |count: i64| Some(count as f64);
        vec![
            ("budget", whole(self.budget)),
            ("value_pct", Some(self.value_pct)),
            ("clicks", Some(self.clicks as f64)),
            ("impressions", Some(self.impressions as f64)),
            ("bids", Some(self.bids as f64)),
            ("win_rate", Some(self.win_rate)),
            ("spend", whole(self.spend)),
            ("spent_pct", Some(self.spent_pct)),
            ("overspend", whole(self.overspend)),
            ("late", whole(self.late)),
            ("unbilled", whole(self.unbilled)),
            ("hourly_rmse", Some(self.hourly_rmse)),
            ("max_deviation_pct", Some(self.max_deviation_pct)),
            ("time_to_95pct", self.time_to_95pct),
            ("cdf_error", self.cdf_error),
            ("ecpc", self.ecpc),
            ("cost_per_predicted_click", self.cost_per_predicted_click),
            (
                "cost_per_predicted_click_at_half",
                self.cost_per_predicted_click_at_half,
            ),
            ("click_value", Some(self.click_value.round())),
        ]
    }
}

/// What became of the money in the account.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Money {
    /// Billed in time.
    pub spent: i64,
    /// Billed too late.
    pub late: i64,
    /// Won and never billed.
    pub unbilled: i64,
}

/// What figures are made of.
#[derive(Debug)]
pub struct Ledger<'a> {
    /// The rows.
    pub stream: &'a Stream,
    /// What is judged against.
    pub plan: &'a Schedule,
    /// What was counted.
    pub books: &'a Books,
    /// What became of the money.
    pub money: Money,
    /// What wins cost.
    pub auction: Auction,
}

impl Ledger<'_> {
    /// Works the figures out.
    pub fn figures(
        &self,
        strategy: Strategy,
        (budget, click_value): (i64, f64),
        cdf_error: Option<f64>,
    ) -> Figures {
        let (books, money) = (self.books, self.money);
        let best = oracle::value(self.stream, budget, self.auction);
        let (hourly_rmse, deviation) = self.against_plan(budget);
        let per = |cost: i64, count: f64| (count > 0.0).then(|| cost as f64 / count);
        let rows = self.stream.rows.len() as f64;
        Figures {
            strategy,
            budget,
            click_value,
            value_pct: percent(books.value, best),
            clicks: books.clicks,
            impressions: books.impressions,
            spend: money.spent,
            spent_pct: percent(money.spent as f64, budget as f64),
            overspend: (money.spent - budget).max(0),
            hourly_rmse,
            max_deviation_pct: percent(deviation, budget as f64),
            time_to_95pct: books.rows_to_95.map(|passed| passed as f64 / rows),
            late: money.late,
            unbilled: money.unbilled,
            bids: books.bids,
            win_rate: books.impressions as f64 / (books.bids.max(1)) as f64,
            cdf_error,
            ecpc: per(money.spent, books.clicks as f64),
            cost_per_predicted_click: per(books.cost, books.value),
            cost_per_predicted_click_at_half: per(books.half.1, books.half.0),
        }
    }

    /// The hourly error and the largest distance in micros.
    fn against_plan(&self, budget: i64) -> (f64, f64) {
        let budget = budget as f64;
        let hours = self.stream.hours;
        let (mut squares, mut largest, mut before) = (0.0, 0.0_f64, (0.0, 0.0));
        for hour in 0..hours {
            let spent = self
                .books
                .by_hour
                .get(hour)
                .map_or(before.0, |spent| *spent as f64);
            let planned = budget * self.plan.share(self.hour_end(hour));
            largest = largest.max((spent - planned).abs());
            let error = (spent - before.0) - (planned - before.1);
            squares += error * error;
            before = (spent, planned);
        }
        let mean_plan = budget / hours as f64;
        let error = (squares / hours as f64).sqrt();
        (
            if mean_plan > 0.0 {
                error / mean_plan
            } else {
                0.0
            },
            largest,
        )
    }

    fn hour_end(&self, hour: usize) -> Timestamp {
        Books::hour_end(hour).min(self.stream.end())
    }
}

fn percent(part: f64, whole: f64) -> f64 {
    if whole > 0.0 {
        100.0 * part / whole
    } else {
        0.0
    }
}
