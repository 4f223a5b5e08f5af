//! Signing in, and who is behind a request.

use axum::extract::FromRequestParts;
use axum::http::header::{AUTHORIZATION, COOKIE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::{AdvertiserId, Timestamp};
use sha2::{Digest, Sha256};
use store::user::{Role, Session, User};

use crate::metrics::{CSRF_REFUSED, SIGN_INS};
use crate::password;
use crate::problem::Problem;
use crate::state::App;

/// The header that repeats the form token where an API call rides on the cookie.
pub(crate) const CSRF_HEADER: &str = "x-csrf-token";
/// Longest email taken, in bytes (RFC 5321).
pub(crate) const EMAIL_BYTES_MAX: usize = 254;

/// A secret for a cookie: 256 random bits as text.
#[derive(Clone)]
pub(crate) struct Secret(String);

impl Secret {
    /// Draws one from the operating system.
    pub(crate) fn draw() -> Result<Self, Problem> {
        let mut bytes = [0_u8; 32];
        getrandom::fill(&mut bytes).map_err(|_| Problem::Unavailable)?;
        Ok(Self(URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// Takes what a client sent.
    pub(crate) fn presented(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The text for the cookie or the API client.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// What is stored in its place.
    fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.0.as_bytes()).into()
    }

    /// The token for forms of this session: it can be checked without being stored.
    pub(crate) fn form_token(&self) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(format!("form:{}", self.0).as_bytes()))
    }
}

/// Whether a form token is the expected one. Compared as hashes, so that time tells nothing.
pub(crate) fn same_token(expected: &str, given: &str) -> bool {
    let same = Sha256::digest(expected.as_bytes()) == Sha256::digest(given.as_bytes());
    if !same {
        metrics::counter!(CSRF_REFUSED).increment(1);
    }
    same
}

/// Who is signed in.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    /// The user.
    pub(crate) user: User,
    /// The token that forms of this session carry.
    pub(crate) form_token: String,
    /// What the session is stored under.
    pub(crate) token_hash: [u8; 32],
}

impl Identity {
    /// Whether everything is allowed.
    pub(crate) fn is_admin(&self) -> bool {
        self.user.role == Role::Admin
    }

    /// Refuses everybody but administrators.
    pub(crate) fn require_admin(&self, why: &'static str) -> Result<(), Problem> {
        if self.is_admin() {
            Ok(())
        } else {
            Err(Problem::Forbidden(why))
        }
    }

    /// The one advertiser of a user who is no administrator.
    pub(crate) fn advertiser(&self) -> Option<AdvertiserId> {
        match self.user.role {
            Role::Admin => None,
            Role::Advertiser(id) => Some(id),
        }
    }
}

impl FromRequestParts<App> for Identity {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let name = session_cookie(app);
        let (secret, by_cookie) = match bearer(&parts.headers)? {
            Some(secret) => (secret, false),
            None => (
                cookie(&parts.headers, name).ok_or(Problem::Unauthenticated)?,
                true,
            ),
        };
        let form_token = secret.form_token();
        let reads = matches!(parts.method, Method::GET | Method::HEAD);
        if by_cookie && !reads && parts.uri.path().starts_with("/api/") {
            let given = parts.headers.get(CSRF_HEADER);
            let given = given.and_then(|value| value.to_str().ok()).unwrap_or("");
            if !same_token(&form_token, given) {
                return Err(Problem::ForeignForm);
            }
        }
        identify(app, secret.hash(), form_token).await
    }
}

/// The identity of a stored session that has not ended.
async fn identify(
    app: &App,
    token_hash: [u8; 32],
    form_token: String,
) -> Result<Identity, Problem> {
    app.blocking(move |app| {
        let user = user_of(app, &token_hash)?.ok_or(Problem::Unauthenticated)?;
        Ok(Identity {
            user,
            form_token,
            token_hash,
        })
    })
    .await
}

/// The user of a session; `None` when it has ended. Blocks.
pub(crate) fn user_of(app: &App, token_hash: &[u8; 32]) -> Result<Option<User>, Problem> {
    let users = &app.deps.users;
    let Some(session) = app.stored(users.session(token_hash, app.now()))? else {
        return Ok(None);
    };
    app.stored(users.user(session.user))
}

/// A fresh session: its secret, and when it ends.
pub(crate) struct SignedIn {
    pub(crate) secret: Secret,
    pub(crate) expires_at: Timestamp,
    pub(crate) user: User,
}

/// Checks email and password and opens a session.
pub(crate) async fn sign_in(app: &App, email: &str, password: &str) -> Result<SignedIn, Problem> {
    let email = email.trim().to_lowercase();
    let now_us = app.deps.clock.monotonic_us();
    if let Err(seconds) = app.throttle.check(&email, now_us) {
        metrics::counter!(SIGN_INS, "result" => "throttled").increment(1);
        return Err(Problem::Throttled(seconds));
    }
    let user = check_password(app, email.clone(), password.to_owned()).await?;
    let Some(user) = user else {
        metrics::counter!(SIGN_INS, "result" => "refused").increment(1);
        return Err(Problem::WrongPassword);
    };
    app.throttle.forgive(&email);
    metrics::counter!(SIGN_INS, "result" => "ok").increment(1);
    let secret = Secret::draw()?;
    let session = Session {
        token_hash: secret.hash(),
        user: user.id,
        expires_at: app.now().plus_ms(app.deps.config.session_ms()),
    };
    let expires_at = session.expires_at;
    app.blocking(move |app| app.stored(app.deps.users.put_session(&session)))
        .await?;
    Ok(SignedIn {
        secret,
        expires_at,
        user,
    })
}

/// The user when the password is theirs. Takes as long for an unknown email.
pub(crate) async fn check_password(
    app: &App,
    email: String,
    password: String,
) -> Result<Option<User>, Problem> {
    if email.len() > EMAIL_BYTES_MAX || password.len() > password::PASSWORD_BYTES_MAX {
        return Ok(None);
    }
    let permit = app.hashing.acquire().await;
    let found = app
        .blocking(move |app| {
            let user = app.stored(app.deps.users.user_by_email(&email))?;
            let hash = user.as_ref().map(|user| user.password_hash.as_str());
            Ok(password::verify(&password, hash).then_some(user).flatten())
        })
        .await;
    drop(permit);
    found
}

/// Hashes a new password with a fresh salt.
pub(crate) async fn hash_password(app: &App, password: String) -> Result<String, Problem> {
    let mut salt = [0_u8; 16];
    getrandom::fill(&mut salt).map_err(|_| Problem::Unavailable)?;
    let permit = app.hashing.acquire().await;
    let hash = app
        .blocking(move |app| app.stored(password::hash(&password, &salt)))
        .await;
    drop(permit);
    hash
}

/// Ends a session.
pub(crate) async fn sign_out(app: &App, token_hash: [u8; 32]) -> Result<(), Problem> {
    app.blocking(move |app| app.stored(app.deps.users.end_session(&token_hash, app.now())))
        .await
}

/// The session cookie's name; the prefix makes browsers insist on TLS and this host.
pub(crate) fn session_cookie(app: &App) -> &'static str {
    if app.deps.config.secure_cookies {
        "__Host-paceline_session"
    } else {
        "paceline_session"
    }
}

/// The cookie that ties the sign-in form to a browser.
pub(crate) fn login_cookie(app: &App) -> &'static str {
    if app.deps.config.secure_cookies {
        "__Host-paceline_login"
    } else {
        "paceline_login"
    }
}

/// A `Set-Cookie` value; an age of 0 deletes it.
pub(crate) fn set_cookie(app: &App, name: &str, value: &str, age_s: i64) -> String {
    let secure = if app.deps.config.secure_cookies {
        "; Secure"
    } else {
        ""
    };
    format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={age_s}{secure}")
}

/// The secret in a cookie.
pub(crate) fn cookie(headers: &HeaderMap, name: &str) -> Option<Secret> {
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| Secret::presented(value))
}

/// The secret in an `Authorization` header; another scheme than `Bearer` is refused.
fn bearer(headers: &HeaderMap) -> Result<Option<Secret>, Problem> {
    let Some(value) = headers.get(AUTHORIZATION) else {
        return Ok(None);
    };
    let value = value.to_str().map_err(|_| Problem::Unauthenticated)?;
    let (scheme, secret) = value.split_once(' ').ok_or(Problem::Unauthenticated)?;
    if scheme.eq_ignore_ascii_case("bearer") {
        Ok(Some(Secret::presented(secret.trim())))
    } else {
        Err(Problem::Unauthenticated)
    }
}
