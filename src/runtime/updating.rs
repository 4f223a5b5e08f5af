//! The updater's thread: steps, retention, and answers about its totals between two batches.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use domain::{Clock, Timestamp};
use proto::state::TrialArm;
use service_kit::Shutdown;
use tokio::sync::oneshot;
use updater::service::{OrderError, Status};
use updater::{Deps, Updater};

use super::Questions;
use crate::commands::verify::Totals;
use crate::models::{Done, Order};
use crate::node::Node;

/// Longest wait for new records; a stop or a question is heard this late.
const WAIT: Duration = Duration::from_millis(50);
/// After a failed step.
const PAUSE: Duration = Duration::from_millis(200);
/// Between two looks at old segments, in milliseconds.
const RETAIN_EVERY_MS: i64 = 60_000;
/// Questions that may wait.
const QUESTIONS_MAX: usize = 16;
/// How long the end waits for the log to be applied, in steps that bring something.
const LAST_STEPS_MAX: usize = 100_000;
/// How long `settle` waits.
const SETTLE_MAX: Duration = Duration::from_secs(60);

/// What is asked of the updater's thread between two batches, with where the answer goes.
pub(crate) enum Question {
    /// The totals of accounts and reports.
    Totals(oneshot::Sender<anyhow::Result<Totals>>),
    /// The models in service.
    Models(oneshot::Sender<(Status, Vec<TrialArm>)>),
    /// To carry out an order about them.
    Order(Order, oneshot::Sender<Result<Done, OrderError>>),
}

/// The running updater.
pub(super) struct Updating {
    thread: JoinHandle<()>,
    questions: Questions,
}

impl Updating {
    pub(super) fn start(
        node: &Arc<Node>,
        config: &updater::Config,
        clock: &Arc<dyn Clock>,
        shutdown: &Shutdown,
    ) -> anyhow::Result<Self> {
        let deps = Deps {
            log: Arc::clone(&node.log) as _,
            keyed: Arc::clone(&node.keyed),
            reports: Arc::clone(&node.sql) as _,
            snapshots: Arc::clone(&node.snapshots),
        };
        let updater = Updater::open(deps, config, clock.now())?;
        let (questions, asked) = sync_channel(QUESTIONS_MAX);
        let follow = Follow {
            node: Arc::clone(node),
            clock: Arc::clone(clock),
            shutdown: shutdown.clone(),
            asked,
        };
        let thread = std::thread::Builder::new()
            .name("updater".to_owned())
            .spawn(move || follow.run(updater))?;
        Ok(Self { thread, questions })
    }

    pub(super) fn questions(&self) -> Questions {
        self.questions.clone()
    }

    pub(super) fn settle(&self) -> anyhow::Result<Totals> {
        let clock = domain::time::SystemClock::new();
        while clock.monotonic_us() < u64::try_from(SETTLE_MAX.as_micros()).unwrap_or(u64::MAX) {
            let (answer, answered) = oneshot::channel();
            self.questions
                .send(Question::Totals(answer))
                .context("the updater has died")?;
            let totals = answered.blocking_recv().context("the updater has died")??;
            if totals.caught_up {
                return Ok(totals);
            }
            std::thread::sleep(WAIT);
        }
        anyhow::bail!(
            "the updater did not apply the log within {} s",
            SETTLE_MAX.as_secs()
        )
    }

    pub(super) fn join(self) -> anyhow::Result<()> {
        self.thread
            .join()
            .map_err(|_| anyhow::anyhow!("the updater has died"))
    }
}

struct Follow {
    node: Arc<Node>,
    clock: Arc<dyn Clock>,
    shutdown: Shutdown,
    asked: Receiver<Question>,
}

impl Follow {
    fn run(self, mut updater: Updater) {
        let mut retained = self.clock.now();
        let mut warned = Timestamp(i64::MIN);
        while !self.shutdown.is_triggered() {
            let now = self.clock.now();
            if let Err(error) = updater.step(now, WAIT) {
                if now.since(warned) >= 10_000 {
                    warned = now;
                    tracing::warn!(%error, "updater step failed, trying again");
                }
                self.shutdown.pause(PAUSE);
            }
            self.answer(&mut updater);
            if now.since(retained) >= RETAIN_EVERY_MS {
                retained = now;
                self.retain(&updater, now);
            }
        }
        self.finish(updater);
    }

    fn answer(&self, updater: &mut Updater) {
        loop {
            // Whoever asked may be gone.
            match self.asked.try_recv() {
                Ok(Question::Totals(answer)) => {
                    let totals = Totals::read(&self.node.keyed, self.node.sql.as_ref(), updater);
                    answer.send(totals).unwrap_or_default();
                }
                Ok(Question::Models(answer)) => {
                    let arms = updater.learner().arms().list();
                    let status = updater.service().0.status();
                    answer.send((status, arms)).unwrap_or_default();
                }
                Ok(Question::Order(order, answer)) => {
                    let done = order.carry_out(updater.service(), self.clock.now());
                    answer.send(done).unwrap_or_default();
                }
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => return,
            }
        }
    }

    fn retain(&self, updater: &Updater, now: Timestamp) {
        let applied = updater.applied();
        let needed =
            |partition: event_log::Partition| applied.next(partition.topic.name(), partition.index);
        if let Err(error) = self.node.log.retain(now, &needed) {
            tracing::warn!(%error, "old log segments were not deleted");
        }
    }

    /// Applies what the stopped services have logged last, and saves the learner.
    fn finish(&self, mut updater: Updater) {
        for _ in 0..LAST_STEPS_MAX {
            match (
                updater.caught_up(),
                updater.step(self.clock.now(), Duration::ZERO),
            ) {
                (Ok(false), Ok(_)) => {}
                _ => break,
            }
        }
        self.answer(&mut updater);
        if let Err(error) = updater.close(self.clock.now()) {
            tracing::warn!(%error, "learner not saved, it will learn again from the log");
        }
    }
}

/// `/totals` on the admin address.
pub(super) fn router(questions: Option<Questions>) -> Router {
    Router::new()
        .route("/totals", get(totals))
        .with_state(questions)
}

async fn totals(State(questions): State<Option<Questions>>) -> Response {
    let Some(questions) = questions else {
        return (StatusCode::NOT_FOUND, "no updater runs in this process\n").into_response();
    };
    let (answer, answered) = oneshot::channel();
    if questions.try_send(Question::Totals(answer)).is_err() {
        return (StatusCode::SERVICE_UNAVAILABLE, "too many are asking\n").into_response();
    }
    match answered.await {
        Ok(Ok(totals)) => axum::Json(totals).into_response(),
        Ok(Err(error)) => {
            (StatusCode::INTERNAL_SERVER_ERROR, format!("{error:#}\n")).into_response()
        }
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "the updater is stopping\n").into_response(),
    }
}
