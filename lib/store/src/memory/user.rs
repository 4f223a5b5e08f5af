//! Console users and sessions in memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::Timestamp;
use parking_lot::Mutex;

use crate::StoreError;
use crate::user::{Session, User, UserStore, email_taken};

/// Users and sessions that live as long as their last clone.
#[derive(Debug, Clone, Default)]
pub struct MemoryUsers {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    users: BTreeMap<u64, User>,
    sessions: BTreeMap<[u8; 32], Session>,
}

impl MemoryUsers {
    /// No users.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Inner {
    fn check(&self, id: u64) -> Result<(), StoreError> {
        if self.users.contains_key(&id) {
            return Ok(());
        }
        Err(StoreError::NotFound { what: "user", id })
    }
}

impl UserStore for MemoryUsers {
    fn put_user(&self, user: &User) -> Result<u64, StoreError> {
        user.check()?;
        let mut inner = self.inner.lock();
        let id = match user.id {
            0 => inner.users.last_key_value().map_or(1, |(last, _)| last + 1),
            known => inner.check(known).map(|()| known)?,
        };
        let taken = |other: &User| other.email == user.email && other.id != id;
        if inner.users.values().any(taken) {
            return Err(email_taken());
        }
        let mut user = user.clone();
        user.id = id;
        inner.users.insert(id, user);
        Ok(id)
    }

    fn user_by_email(&self, email: &str) -> Result<Option<User>, StoreError> {
        let inner = self.inner.lock();
        let found = inner.users.values().find(|user| user.email == email);
        Ok(found.cloned())
    }

    fn user(&self, id: u64) -> Result<Option<User>, StoreError> {
        Ok(self.inner.lock().users.get(&id).cloned())
    }

    fn count_users(&self) -> Result<u64, StoreError> {
        Ok(self.inner.lock().users.len() as u64)
    }

    fn put_session(&self, session: &Session) -> Result<(), StoreError> {
        let mut inner = self.inner.lock();
        inner.check(session.user)?;
        inner.sessions.insert(session.token_hash, session.clone());
        Ok(())
    }

    fn session(
        &self,
        token_hash: &[u8; 32],
        now: Timestamp,
    ) -> Result<Option<Session>, StoreError> {
        let inner = self.inner.lock();
        let found = inner.sessions.get(token_hash);
        Ok(found.filter(|session| now < session.expires_at).cloned())
    }

    fn end_session(&self, token_hash: &[u8; 32], now: Timestamp) -> Result<(), StoreError> {
        let live =
            |hash: &[u8; 32], session: &mut Session| hash != token_hash && now < session.expires_at;
        self.inner.lock().sessions.retain(live);
        Ok(())
    }
}
