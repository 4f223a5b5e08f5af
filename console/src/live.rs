//! Live numbers: server-sent events with a fragment of the page each second.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use domain::CampaignId;
use maud::Markup;
use tokio::sync::OwnedSemaphorePermit;
use tokio_stream::wrappers::IntervalStream;
use tokio_stream::{Stream, StreamExt};

use crate::extract::Id;
use crate::metrics::LIVE_STREAMS;
use crate::pages;
use crate::problem::Problem;
use crate::session::{Identity, user_of};
use crate::state::App;
use crate::view;

/// How often a stream sends.
const PERIOD: Duration = Duration::from_secs(1);
/// After how many seconds a refused stream may be tried again.
const RETRY_S: u64 = 10;

/// The overview, each second.
pub(crate) async fn overview(
    identity: Identity,
    State(app): State<App>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    stream(app, identity, |app, identity| {
        view::overview(app, identity).map(|view| pages::overview::numbers(&view))
    })
    .await
}

/// One campaign, each second.
pub(crate) async fn campaign(
    identity: Identity,
    Id(id): Id,
    State(app): State<App>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    stream(app, identity, move |app, identity| {
        view::campaign(app, identity, CampaignId(id)).map(|view| pages::campaign::numbers(&view))
    })
    .await
}

/// Counts a stream for as long as it is open.
struct Open {
    _permit: OwnedSemaphorePermit,
}

impl Open {
    fn new(permit: OwnedSemaphorePermit) -> Self {
        metrics::gauge!(LIVE_STREAMS).increment(1.0);
        Self { _permit: permit }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        metrics::gauge!(LIVE_STREAMS).decrement(1.0);
    }
}

/// Sends what `draw` gives, until the session ends or nothing may be seen any more.
async fn stream<F>(
    app: App,
    identity: Identity,
    draw: F,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem>
where
    F: Fn(&App, &Identity) -> Result<Markup, Problem> + Clone + Send + Sync + 'static,
{
    let permit = std::sync::Arc::clone(&app.live)
        .try_acquire_owned()
        .map_err(|_| Problem::Throttled(RETRY_S))?;
    let open = Open::new(permit);
    // The first fragment is drawn before the answer, so that a refusal is a refusal.
    let first = fragment(app.clone(), identity.clone(), draw.clone()).await?;
    let mut ticks = tokio::time::interval_at(tokio::time::Instant::now() + PERIOD, PERIOD);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let later = IntervalStream::new(ticks).then(move |_| {
        // The stream owns its place among the open ones.
        let _counted = &open;
        fragment(app.clone(), identity.clone(), draw.clone())
    });
    let fragments = tokio_stream::once(Ok(first)).chain(later);
    // A store that fails for a moment ends the stream too: the browser comes back by itself.
    let events = fragments
        .map_while(|fragment| fragment.ok().map(event))
        .map(Ok);
    Ok(Sse::new(events).keep_alive(KeepAlive::default()))
}

fn event(markup: Markup) -> Event {
    Event::default().data(markup.into_string().replace('\r', ""))
}

async fn fragment<F>(app: App, identity: Identity, draw: F) -> Result<Markup, Problem>
where
    F: Fn(&App, &Identity) -> Result<Markup, Problem> + Send + 'static,
{
    app.blocking(move |app| {
        // Asked each time, so that signing out ends the stream.
        user_of(app, &identity.token_hash)?.ok_or(Problem::Unauthenticated)?;
        draw(app, &identity)
    })
    .await
}
