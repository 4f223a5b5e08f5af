//! `/models` on the admin address: the models in service, and orders about them from whoever can read the data folder.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use tokio::sync::oneshot;
use updater::service::OrderError;

use super::Questions;
use super::updating::Question;
use crate::models::{Order, StatusJson, is_order_key};

/// Who answers, and the secret that orders are signed with.
#[derive(Clone)]
struct Desk {
    questions: Option<Questions>,
    secret: [u8; 32],
}

/// The routes; each answers 404 where no updater runs.
pub(super) fn router(questions: Option<Questions>, secret: [u8; 32]) -> Router {
    Router::new()
        .route("/models", get(status))
        .route("/models/orders", post(order))
        .with_state(Desk { questions, secret })
}

async fn status(State(desk): State<Desk>) -> Response {
    match ask(&desk, Question::Models).await {
        Ok((status, arms)) => Json(StatusJson::new(status, arms)).into_response(),
        Err(response) => response,
    }
}

async fn order(State(desk): State<Desk>, headers: HeaderMap, body: axum::body::Bytes) -> Response {
    let key = headers.get(header::AUTHORIZATION);
    let key = key.and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    if !key.is_some_and(|key| is_order_key(&desk.secret, key)) {
        let why =
            "orders need the key of the data folder: `paceline model ... --data DIR` reads it\n";
        return (StatusCode::UNAUTHORIZED, why).into_response();
    }
    let order: Order = match serde_json::from_slice(&body) {
        Ok(order) => order,
        Err(error) => return (StatusCode::BAD_REQUEST, format!("{error}\n")).into_response(),
    };
    match ask(&desk, |answer| Question::Order(order, answer)).await {
        Ok(Ok(done)) => Json(done).into_response(),
        Ok(Err(OrderError::Refused(why))) => {
            (StatusCode::CONFLICT, format!("{why}\n")).into_response()
        }
        Ok(Err(error)) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
        Err(response) => response,
    }
}

/// Asks the updater's thread.
async fn ask<T>(
    desk: &Desk,
    question: impl FnOnce(oneshot::Sender<T>) -> Question,
) -> Result<T, Response> {
    let Some(questions) = &desk.questions else {
        return Err((StatusCode::NOT_FOUND, "no updater runs in this process\n").into_response());
    };
    let (answer, answered) = oneshot::channel();
    if questions.try_send(question(answer)).is_err() {
        return Err((StatusCode::SERVICE_UNAVAILABLE, "too many are asking\n").into_response());
    }
    answered
        .await
        .map_err(|_| (StatusCode::SERVICE_UNAVAILABLE, "the updater is stopping\n").into_response())
}
