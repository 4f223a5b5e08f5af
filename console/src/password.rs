//! Passwords: Argon2id hashes, their check, and the first administrator.

use std::fmt;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use store::StoreError;
use store::user::{Role, User, UserStore};

/// Shortest password taken, in characters (NIST SP 800-63B asks for at least 8; we ask for more).
pub(crate) const PASSWORD_CHARS_MIN: usize = 10;
/// Longest password hashed, in bytes, so that hashing time stays bounded.
pub(crate) const PASSWORD_BYTES_MAX: usize = 256;
/// Random bytes that [`ensure_admin`] takes: a salt of 16 and a password of 20 characters.
pub const ENTROPY_BYTES: usize = 36;
/// Whom the first start creates.
pub const FIRST_ADMIN: &str = "admin@localhost";

/// 32 characters that are not mistaken for each other.
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// A password to print once; its debug form hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct OneTimePassword(String);

impl fmt::Display for OneTimePassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for OneTimePassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OneTimePassword(..)")
    }
}

/// Creates the administrator [`FIRST_ADMIN`] when there is no user at all, and gives the password
/// to print. `entropy` must come from the operating system. Blocks for one hash.
///
/// # Errors
/// When the store fails.
pub fn ensure_admin(
    users: &dyn UserStore,
    entropy: &[u8; ENTROPY_BYTES],
) -> Result<Option<OneTimePassword>, StoreError> {
    if users.count_users()? > 0 {
        return Ok(None);
    }
    let (salt, letters) = entropy.split_at(16);
    let mut password = String::with_capacity(23);
    for (index, byte) in letters.iter().enumerate() {
        if index > 0 && index % 5 == 0 {
            password.push('-');
        }
        password.push(char::from(ALPHABET[usize::from(byte % 32)]));
    }
    users.put_user(&User {
        id: 0,
        email: FIRST_ADMIN.to_owned(),
        password_hash: hash(&password, salt)?,
        role: Role::Admin,
    })?;
    Ok(Some(OneTimePassword(password)))
}

/// The Argon2id hash of a password, in PHC format. `salt` is 16 random bytes.
pub(crate) fn hash(password: &str, salt: &[u8]) -> Result<String, StoreError> {
    Argon2::default()
        .hash_password_with_salt(password.as_bytes(), salt)
        .map(|hash| hash.to_string())
        .map_err(|error| StoreError::Storage(format!("cannot hash a password: {error}")))
}

/// Whether the password has this hash. Without a user it takes as long, so that time tells nothing.
pub(crate) fn verify(password: &str, hash: Option<&str>) -> bool {
    let parsed = hash.and_then(|hash| PasswordHash::new(hash).ok());
    let Some(parsed) = parsed else {
        // The result cannot matter: there is nobody to sign in.
        drop(self::hash(password, &[0; 16]));
        return false;
    };
    Argon2::default()
        .verify_password(password.as_bytes(), &parsed)
        .is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_verify_and_hide() {
        let stored = hash("correct horse", &[7; 16]).unwrap();
        assert!(stored.starts_with("$argon2id$"), "{stored}");
        assert!(verify("correct horse", Some(&stored)));
        assert!(!verify("wrong horse", Some(&stored)));
        assert!(!verify("correct horse", None));
        assert!(!verify("correct horse", Some("not a hash")));
    }
}
