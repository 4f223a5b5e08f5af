//! Everything a request can be refused for, and the one place that gives each its HTTP status.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use proto::catalogue::FieldError;
use store::StoreError;

/// Why a request is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Problem {
    /// The caller's bytes are not what the endpoint takes.
    Malformed(String),
    /// Well-formed, but fields break rules.
    Invalid(Vec<FieldError>),
    /// Nobody is signed in, or the session has ended.
    Unauthenticated,
    /// Email and password do not belong together.
    WrongPassword,
    /// The form token is missing or belongs to another session.
    ForeignForm,
    /// Signed in, but the role does not allow it.
    Forbidden(&'static str),
    /// There is no such thing for this user.
    NotFound,
    /// The path exists, the method does not.
    Method,
    /// Somebody else changed it first.
    Conflict,
    /// The body is larger than allowed.
    TooLarge,
    /// The body is not of the type that is read here.
    MediaType(&'static str),
    /// Too many tries; may be repeated after so many seconds.
    Throttled(u64),
    /// A store failed: our fault, and a retry may help.
    Unavailable,
}

/// An error of one field.
pub(crate) fn field_error(field: impl Into<String>, rule: impl Into<String>) -> FieldError {
    FieldError {
        field: field.into(),
        rule: rule.into(),
    }
}

impl Problem {
    /// One broken field.
    pub(crate) fn field(field: &str, rule: impl Into<String>) -> Self {
        Self::Invalid(vec![field_error(field, rule)])
    }

    /// The status it is answered with.
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::Malformed(_) => StatusCode::BAD_REQUEST,
            Self::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Unauthenticated | Self::WrongPassword => StatusCode::UNAUTHORIZED,
            Self::ForeignForm | Self::Forbidden(_) => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::Conflict => StatusCode::CONFLICT,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::MediaType(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Throttled(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The word in `error.code`.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "malformed",
            Self::Invalid(_) => "invalid",
            Self::Unauthenticated => "unauthenticated",
            Self::WrongPassword => "wrong_password",
            Self::ForeignForm => "foreign_form",
            Self::Forbidden(_) => "forbidden",
            Self::NotFound => "not_found",
            Self::Method => "method_not_allowed",
            Self::Conflict => "conflict",
            Self::TooLarge => "too_large",
            Self::MediaType(_) => "media_type",
            Self::Throttled(_) => "throttled",
            Self::Unavailable => "unavailable",
        }
    }

    /// A sentence for people, with what to do.
    pub(crate) fn message(&self) -> String {
        match self {
            Self::Malformed(why) => format!("The request cannot be read: {why}."),
            Self::Invalid(_) => "Some fields need a change.".to_owned(),
            Self::Unauthenticated => "Sign in first.".to_owned(),
            Self::WrongPassword => "Email and password do not match.".to_owned(),
            Self::ForeignForm => {
                "This form is out of date. Go back, reload the page and send it again.".to_owned()
            }
            Self::Forbidden(why) => (*why).to_owned(),
            Self::NotFound => "There is nothing here, or it is not yours.".to_owned(),
            Self::Method => "This address does not take that method.".to_owned(),
            Self::Conflict => "Somebody else changed it first. Reload and try again.".to_owned(),
            Self::TooLarge => "The request is larger than 4 MiB.".to_owned(),
            Self::MediaType(wanted) => format!("Send the body as {wanted}."),
            Self::Throttled(seconds) => {
                format!("Too many tries. Wait {seconds} seconds and try again.")
            }
            Self::Unavailable => {
                "The storage does not answer. Nothing was lost; try again in a moment.".to_owned()
            }
        }
    }

    /// The fields at fault.
    pub(crate) fn fields(&self) -> &[FieldError] {
        match self {
            Self::Invalid(fields) => fields,
            _ => &[],
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Conflict(_) => Self::Conflict,
            StoreError::NotFound { .. } => Self::NotFound,
            StoreError::Invalid { field, rule } => Self::field(field, rule),
            StoreError::Storage(_) | StoreError::Damaged { .. } | StoreError::Held { .. } => {
                metrics::counter!(crate::metrics::STORE_FAILURES).increment(1);
                Self::Unavailable
            }
        }
    }
}

impl IntoResponse for Problem {
    /// Carries the problem to the outermost layer, which writes it as a page or as JSON.
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}
