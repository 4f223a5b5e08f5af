//! People who sign in to the console, and their sessions.

use domain::{AdvertiserId, Timestamp};

use crate::StoreError;

/// What a person may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Everything, for every advertiser.
    Admin,
    /// One advertiser's objects and reports.
    Advertiser(AdvertiserId),
}

/// A person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Given by the store.
    pub id: u64,
    /// What they sign in with; unique, lower case.
    pub email: String,
    /// An Argon2id hash in PHC format; never the password.
    pub password_hash: String,
    /// What they may do.
    pub role: Role,
}

/// A signed-in browser or API client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// SHA-256 of the secret in the cookie or header; the secret itself is never stored.
    pub token_hash: [u8; 32],
    /// Whose it is.
    pub user: u64,
    /// From when on it is refused.
    pub expires_at: Timestamp,
}

impl User {
    /// Whether the email can be told apart from every other.
    ///
    /// # Errors
    /// `Invalid` for an email that is empty, longer than 254 bytes or not in lower case.
    pub fn check(&self) -> Result<(), StoreError> {
        let sound = (1..=254).contains(&self.email.len())
            && self.email == self.email.to_lowercase()
            && !self.email.contains(char::is_whitespace);
        if sound {
            return Ok(());
        }
        Err(StoreError::Invalid {
            field: "email",
            rule: "must have 1 to 254 bytes, in lower case and without spaces".to_owned(),
        })
    }
}

/// What every store answers when an email is taken.
pub fn email_taken() -> StoreError {
    StoreError::Invalid {
        field: "email",
        rule: "must not be another user's".to_owned(),
    }
}

/// Console users and sessions.
pub trait UserStore: Send + Sync {
    /// Creates (id 0) or replaces a user; emails are unique.
    ///
    /// # Errors
    /// `Invalid` when the email is taken or not in lower case; `NotFound`; `Storage`.
    fn put_user(&self, user: &User) -> Result<u64, StoreError>;

    /// By email, lower case.
    ///
    /// # Errors
    /// When the storage fails.
    fn user_by_email(&self, email: &str) -> Result<Option<User>, StoreError>;

    /// By id.
    ///
    /// # Errors
    /// When the storage fails.
    fn user(&self, id: u64) -> Result<Option<User>, StoreError>;

    /// How many there are.
    ///
    /// # Errors
    /// When the storage fails.
    fn count_users(&self) -> Result<u64, StoreError>;

    /// Keeps a session, in place of one with the same hash.
    ///
    /// # Errors
    /// `NotFound` for an unknown user; `Storage`.
    fn put_session(&self, session: &Session) -> Result<(), StoreError>;

    /// A session that has not expired at `now`.
    ///
    /// # Errors
    /// When the storage fails.
    fn session(&self, token_hash: &[u8; 32], now: Timestamp)
    -> Result<Option<Session>, StoreError>;

    /// Ends a session; deletes those that have expired at `now` too.
    ///
    /// # Errors
    /// When the storage fails.
    fn end_session(&self, token_hash: &[u8; 32], now: Timestamp) -> Result<(), StoreError>;
}
