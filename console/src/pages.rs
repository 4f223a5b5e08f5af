//! The pages: one module for each thing that is shown.

pub(crate) mod advertiser;
pub(crate) mod campaign;
pub(crate) mod creative;
pub(crate) mod export;
pub(crate) mod layout;
pub(crate) mod line_item;
pub(crate) mod overview;
pub(crate) mod people;
mod playback;
pub(crate) mod sign_in;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use maud::Markup;
use proto::catalogue::FieldError;

use crate::problem::Problem;

/// After a form: on to the result, or the form again with its errors beside the fields.
fn after_form(
    saved: Result<String, Problem>,
    again: impl FnOnce(&[FieldError]) -> Markup,
) -> Result<Response, Problem> {
    match saved {
        Ok(address) => Ok(Redirect::to(&address).into_response()),
        Err(Problem::Invalid(errors)) => {
            Ok((StatusCode::UNPROCESSABLE_ENTITY, again(&errors)).into_response())
        }
        Err(problem) => Err(problem),
    }
}
