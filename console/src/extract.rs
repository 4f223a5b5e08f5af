//! What handlers take from a request: ids, query values, forms with their token, JSON. All bounded.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::IntoResponse;
use serde::de::DeserializeOwned;

use crate::problem::Problem;
use crate::session::{Identity, same_token};
use crate::state::App;

/// Largest body, in bytes: a line item with a list of 100,000 entries of 30 bytes, or a creative with its markup, fits.
pub(crate) const BODY_BYTES_MAX: usize = 4 << 20;
/// How long a body may take to arrive.
const BODY_TIME: Duration = Duration::from_secs(10);
/// The input that carries the form token.
pub(crate) const TOKEN_FIELD: &str = "form_token";

/// The number in a path such as `/campaigns/{id}`; anything else is not found.
pub(crate) struct Id(pub(crate) u64);

impl FromRequestParts<App> for Id {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let Path(id) = Path::<u64>::from_request_parts(parts, app)
            .await
            .map_err(|_| Problem::NotFound)?;
        Ok(Self(id))
    }
}

/// Names and values as a browser sends them, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Values(Vec<(String, String)>);

impl Values {
    /// The first value of a name, trimmed; empty when there is none.
    pub(crate) fn get(&self, name: &str) -> &str {
        self.raw(name).trim()
    }

    /// The first value of a name as it was sent.
    pub(crate) fn raw(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(key, _)| key == name);
        found.map_or("", |(_, value)| value)
    }

    /// Every value of a name.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let matching = self.0.iter().filter(move |(key, _)| key == name);
        matching.map(|(_, value)| value.as_str())
    }

    /// Whether a check box was set to `value`.
    pub(crate) fn has(&self, name: &str, value: &str) -> bool {
        self.all(name).any(|one| one == value)
    }

    /// Adds a value.
    pub(crate) fn set(&mut self, name: &str, value: impl Into<String>) {
        self.0.push((name.to_owned(), value.into()));
    }

    /// Those of a query string.
    pub(crate) fn of_query(uri: &Uri) -> Result<Self, Problem> {
        let malformed = || Problem::Malformed("the query string is not URL-encoded".to_owned());
        let query = uri.query().unwrap_or_default();
        form_pairs(query.as_bytes()).map(Self).ok_or_else(malformed)
    }

    /// Those of a form body.
    fn of_body(bytes: &Bytes) -> Result<Self, Problem> {
        let malformed = || Problem::Malformed("the form is not URL-encoded".to_owned());
        form_pairs(bytes).map(Self).ok_or_else(malformed)
    }
}

/// Decodes `application/x-www-form-urlencoded`; `None` when it is not UTF-8.
fn form_pairs(bytes: &[u8]) -> Option<Vec<(String, String)>> {
    bytes
        .split(|byte| *byte == b'&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let mut halves = pair.splitn(2, |byte| *byte == b'=');
            let name = form_text(halves.next().unwrap_or_default())?;
            let value = form_text(halves.next().unwrap_or_default())?;
            Some((name, value))
        })
        .collect()
}

fn form_text(bytes: &[u8]) -> Option<String> {
    let mut text = Vec::with_capacity(bytes.len());
    let mut rest = bytes.iter();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => text.push(b' '),
            b'%' => {
                let high = (*rest.next()? as char).to_digit(16)?;
                let low = (*rest.next()? as char).to_digit(16)?;
                text.push(u8::try_from(high * 16 + low).ok()?);
            }
            other => text.push(*other),
        }
    }
    String::from_utf8(text).ok()
}

impl FromRequestParts<App> for Values {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _app: &App) -> Result<Self, Problem> {
        Self::of_query(&parts.uri)
    }
}

/// A form without a session: the sign-in page checks its token itself.
pub(crate) struct OpenForm(pub(crate) Values);

impl FromRequest<App> for OpenForm {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let wanted = "application/x-www-form-urlencoded";
        require_type(request.headers(), wanted)?;
        Ok(Self(Values::of_body(&body(request, app).await?)?))
    }
}

/// A form of somebody who is signed in, with the token of that session: no handler can forget the check.
pub(crate) struct Form {
    pub(crate) identity: Identity,
    pub(crate) values: Values,
}

impl FromRequest<App> for Form {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let (mut parts, body) = request.into_parts();
        let identity = Identity::from_request_parts(&mut parts, app).await?;
        let request = Request::from_parts(parts, body);
        let OpenForm(values) = OpenForm::from_request(request, app).await?;
        if !same_token(&identity.form_token, values.get(TOKEN_FIELD)) {
            return Err(Problem::ForeignForm);
        }
        Ok(Self { identity, values })
    }
}

/// A JSON document.
pub(crate) struct JsonBody<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<App> for JsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        require_type(request.headers(), "application/json")?;
        let bytes = body(request, app).await?;
        serde_json::from_slice(&bytes)
            .map(Self)
            .map_err(|error| Problem::Malformed(error.to_string()))
    }
}

fn require_type(headers: &HeaderMap, wanted: &'static str) -> Result<(), Problem> {
    let given = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let given = given
        .and_then(|value| value.split(';').next())
        .unwrap_or("");
    if given.trim().eq_ignore_ascii_case(wanted) {
        Ok(())
    } else {
        Err(Problem::MediaType(wanted))
    }
}

async fn body(request: Request, app: &App) -> Result<Bytes, Problem> {
    let slow = || Problem::Malformed("the body took longer than 10 seconds to arrive".to_owned());
    tokio::time::timeout(BODY_TIME, Bytes::from_request(request, app))
        .await
        .map_err(|_| slow())?
        .map_err(|rejection| match rejection.into_response().status() {
            StatusCode::PAYLOAD_TOO_LARGE => Problem::TooLarge,
            _ => Problem::Malformed("the body ended early".to_owned()),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_decode() {
        let pairs = form_pairs(b"a=1&b=x+y%26%C3%A9&&c&a=2").unwrap();
        let values = Values(pairs);
        assert_eq!(values.all("a").collect::<Vec<_>>(), ["1", "2"]);
        assert_eq!(values.get("b"), "x y&é");
        assert_eq!((values.get("c"), values.get("d")), ("", ""));
        for bad in ["a=%", "a=%4", "a=%zz", "a=%ff"] {
            assert_eq!(form_pairs(bad.as_bytes()), None, "{bad}");
        }
    }
}
