//! Console users and sessions.

use domain::{AdvertiserId, Timestamp};
use sqlx::SqliteConnection;
use store::StoreError;
use store::user::{Role, Session, User, UserStore, email_taken};

use crate::{SqlStore, failed, stored_id};

/// (id, email, password hash, advertiser)
type UserRow = (i64, String, String, Option<i64>);

const BY_EMAIL: &str = "SELECT id, email, password_hash, advertiser FROM users WHERE email = ?1";
const BY_ID: &str = "SELECT id, email, password_hash, advertiser FROM users WHERE id = ?1";
const INSERT: &str = "INSERT INTO users (email, password_hash, advertiser) VALUES (?1, ?2, ?3)
    RETURNING id";
const UPDATE: &str = "UPDATE users SET email = ?1, password_hash = ?2, advertiser = ?3
    WHERE id = ?4 RETURNING id";
const PUT_SESSION: &str = "INSERT INTO sessions (token_hash, user, expires_at_ms)
    VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE
    SET user = excluded.user, expires_at_ms = excluded.expires_at_ms";

impl UserStore for SqlStore {
    fn put_user(&self, user: &User) -> Result<u64, StoreError> {
        user.check()?;
        self.write(async |connection: &mut SqliteConnection| put_user(connection, user).await)
    }

    fn user_by_email(&self, email: &str) -> Result<Option<User>, StoreError> {
        self.read(async |connection: &mut SqliteConnection| by_email(connection, email).await)
    }

    fn user(&self, id: u64) -> Result<Option<User>, StoreError> {
        let Ok(id) = i64::try_from(id) else {
            return Ok(None);
        };
        self.read(async |connection: &mut SqliteConnection| by_id(connection, id).await)
    }

    fn count_users(&self) -> Result<u64, StoreError> {
        self.read(async |connection: &mut SqliteConnection| {
            let count: i64 = sqlx::query_scalar("SELECT count(*) FROM users")
                .fetch_one(connection)
                .await
                .map_err(failed)?;
            Ok(count.unsigned_abs())
        })
    }

    fn put_session(&self, session: &Session) -> Result<(), StoreError> {
        let (what, id) = ("user", session.user);
        let user = stored_id(what, id)?;
        self.write(async |connection: &mut SqliteConnection| {
            if by_id(connection, user).await?.is_none() {
                return Err(StoreError::NotFound { what, id });
            }
            sqlx::query(PUT_SESSION)
                .bind(&session.token_hash[..])
                .bind(user)
                .bind(session.expires_at.0)
                .execute(connection)
                .await
                .map_err(failed)?;
            Ok(())
        })
    }

    fn session(
        &self,
        token_hash: &[u8; 32],
        now: Timestamp,
    ) -> Result<Option<Session>, StoreError> {
        const LIVE: &str =
            "SELECT user, expires_at_ms FROM sessions WHERE token_hash = ?1 AND expires_at_ms > ?2";
        let found: Option<(i64, i64)> = self.read(async |connection: &mut SqliteConnection| {
            let finding = sqlx::query_as(LIVE).bind(&token_hash[..]).bind(now.0);
            finding.fetch_optional(connection).await.map_err(failed)
        })?;
        Ok(found.map(|(user, expires_at_ms)| Session {
            token_hash: *token_hash,
            user: user.cast_unsigned(),
            expires_at: Timestamp(expires_at_ms),
        }))
    }

    fn end_session(&self, token_hash: &[u8; 32], now: Timestamp) -> Result<(), StoreError> {
        const END: &str = "DELETE FROM sessions WHERE token_hash = ?1 OR expires_at_ms <= ?2";
        self.write(async |connection: &mut SqliteConnection| {
            let ending = sqlx::query(END).bind(&token_hash[..]).bind(now.0);
            ending.execute(connection).await.map_err(failed)?;
            Ok(())
        })
    }
}

async fn by_email(
    connection: &mut SqliteConnection,
    email: &str,
) -> Result<Option<User>, StoreError> {
    let finding = sqlx::query_as(BY_EMAIL).bind(email);
    let found = finding.fetch_optional(connection).await.map_err(failed)?;
    Ok(found.map(user))
}

async fn by_id(connection: &mut SqliteConnection, id: i64) -> Result<Option<User>, StoreError> {
    let finding = sqlx::query_as(BY_ID).bind(id);
    let found = finding.fetch_optional(connection).await.map_err(failed)?;
    Ok(found.map(user))
}

fn user((id, email, password_hash, advertiser): UserRow) -> User {
    let of = |id: i64| Role::Advertiser(AdvertiserId(id.cast_unsigned()));
    User {
        id: id.cast_unsigned(),
        email,
        password_hash,
        role: advertiser.map_or(Role::Admin, of),
    }
}

async fn put_user(connection: &mut SqliteConnection, user: &User) -> Result<u64, StoreError> {
    let not_found = StoreError::NotFound {
        what: "user",
        id: user.id,
    };
    let id = stored_id("user", user.id)?;
    if id != 0 && by_id(connection, id).await?.is_none() {
        return Err(not_found);
    }
    let holder = by_email(connection, &user.email).await?;
    if holder.is_some_and(|holder| holder.id != user.id) {
        return Err(email_taken());
    }
    let advertiser = match user.role {
        Role::Admin => None,
        Role::Advertiser(id) => Some(id.0.cast_signed()),
    };
    let storing = sqlx::query_scalar(if id == 0 { INSERT } else { UPDATE })
        .bind(&user.email)
        .bind(&user.password_hash)
        .bind(advertiser);
    let storing = if id == 0 { storing } else { storing.bind(id) };
    let stored: Option<i64> = storing.fetch_optional(connection).await.map_err(failed)?;
    stored.map(i64::cast_unsigned).ok_or(not_found)
}
