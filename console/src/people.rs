//! Who may sign in: new users and new passwords, with their rules.

use domain::AdvertiserId;
use proto::catalogue::FieldError;
use store::user::{Role, User};

use crate::access::Seen;
use crate::password::{PASSWORD_BYTES_MAX, PASSWORD_CHARS_MIN};
use crate::problem::{Problem, field_error};
use crate::session::{self, EMAIL_BYTES_MAX, Identity};
use crate::state::App;

/// Somebody who shall sign in.
pub(crate) struct NewUser {
    pub(crate) email: String,
    pub(crate) password: String,
    /// `None` for an administrator.
    pub(crate) advertiser: Option<AdvertiserId>,
}

/// Creates a user; administrators only.
pub(crate) async fn create(app: &App, identity: &Identity, new: NewUser) -> Result<User, Problem> {
    identity.require_admin("Only administrators give access.")?;
    let email = new.email.trim().to_lowercase();
    let mut errors = check_email(&email);
    errors.extend(check_password("password", &new.password));
    if !errors.is_empty() {
        return Err(Problem::Invalid(errors));
    }
    let password_hash = session::hash_password(app, new.password).await?;
    let by = identity.clone();
    app.blocking(move |app| {
        if let Some(id) = new.advertiser {
            let unknown = |_| Problem::field("advertiser_id", "must be an existing advertiser");
            Seen::read(app, &by)?.advertiser(id).map_err(unknown)?;
        }
        let mut user = User {
            id: 0,
            email,
            password_hash,
            role: new.advertiser.map_or(Role::Admin, Role::Advertiser),
        };
        user.id = app.stored(app.deps.users.put_user(&user))?;
        Ok(user)
    })
    .await
}

/// Changes one's own password; the old one must be known, and guessing it is throttled.
pub(crate) async fn change_password(
    app: &App,
    identity: &Identity,
    old: &str,
    new: &str,
) -> Result<(), Problem> {
    let email = identity.user.email.clone();
    app.throttle
        .check(&email, app.deps.clock.monotonic_us())
        .map_err(Problem::Throttled)?;
    let errors = check_password("new_password", new);
    if !errors.is_empty() {
        return Err(Problem::Invalid(errors));
    }
    let known = session::check_password(app, email, old.to_owned()).await?;
    let mut user = known
        .filter(|user| user.id == identity.user.id)
        .ok_or_else(|| Problem::field("old_password", "is not your password"))?;
    user.password_hash = session::hash_password(app, new.to_owned()).await?;
    app.blocking(move |app| app.stored(app.deps.users.put_user(&user)))
        .await
        .map(drop)
}

fn check_email(email: &str) -> Vec<FieldError> {
    let parts = email.split_once('@');
    let sound = parts.is_some_and(|(name, host)| !name.is_empty() && !host.is_empty())
        && email.len() <= EMAIL_BYTES_MAX
        && email.chars().all(|c| !c.is_control() && !c.is_whitespace())
        && email.matches('@').count() == 1;
    rule(
        sound,
        "email",
        "must be an email address such as ann@example.com",
    )
}

fn check_password(field: &str, password: &str) -> Vec<FieldError> {
    let sound =
        password.chars().count() >= PASSWORD_CHARS_MIN && password.len() <= PASSWORD_BYTES_MAX;
    rule(
        sound,
        field,
        "must have at least 10 characters and at most 256 bytes",
    )
}

fn rule(holds: bool, field: &str, rule: &str) -> Vec<FieldError> {
    if holds {
        Vec::new()
    } else {
        vec![field_error(field, rule)]
    }
}
