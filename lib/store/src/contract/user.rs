//! What the user store promises.

use domain::{AdvertiserId, Timestamp};

use crate::StoreError;
use crate::user::{Role, Session, User, UserStore};

/// Checks every documented promise.
pub fn user_store<S: UserStore>(store: S, mut reopen: impl FnMut(S) -> S) {
    users_are_kept(&store);
    emails_are_unique(&store);
    sessions_end(&store);
    store.put_session(&session(5, 100)).unwrap();
    let ann = store.user(1).unwrap();
    let store = reopen(store);
    assert_eq!(store.user(1).unwrap(), ann, "users outlive the process");
    assert_eq!(
        store.session(&[5; 32], Timestamp(99)).unwrap(),
        Some(session(5, 100))
    );
}

fn user(email: &str, role: Role) -> User {
    User {
        id: 0,
        email: email.to_owned(),
        password_hash: "$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA".to_owned(),
        role,
    }
}

fn session(hash: u8, expires_ms: i64) -> Session {
    Session {
        token_hash: [hash; 32],
        user: 1,
        expires_at: Timestamp(expires_ms),
    }
}

fn users_are_kept(store: &impl UserStore) {
    assert_eq!(store.count_users().unwrap(), 0);
    assert_eq!(store.user(1).unwrap(), None);
    assert_eq!(store.user(u64::MAX).unwrap(), None);
    let ann = user("ann@example.com", Role::Admin);
    let bob = user("bob@example.com", Role::Advertiser(AdvertiserId(7)));
    assert_eq!(store.put_user(&ann).unwrap(), 1);
    assert_eq!(store.put_user(&bob).unwrap(), 2);
    assert_eq!(store.count_users().unwrap(), 2);
    let bob = User { id: 2, ..bob };
    assert_eq!(store.user(2).unwrap().as_ref(), Some(&bob));
    assert_eq!(
        store.user_by_email("bob@example.com").unwrap(),
        Some(bob.clone())
    );
    assert_eq!(store.user_by_email("eve@example.com").unwrap(), None);
    let renamed = User {
        email: "rob@example.com".to_owned(),
        role: Role::Admin,
        ..bob
    };
    assert_eq!(store.put_user(&renamed).unwrap(), 2);
    assert_eq!(store.user(2).unwrap(), Some(renamed));
    assert_eq!(store.user_by_email("bob@example.com").unwrap(), None);
    assert_eq!(store.count_users().unwrap(), 2);
}

fn emails_are_unique(store: &impl UserStore) {
    let taken = store.put_user(&user("ann@example.com", Role::Admin));
    assert!(
        matches!(taken, Err(StoreError::Invalid { field: "email", .. })),
        "{taken:?}"
    );
    let moved = User {
        id: 2,
        ..user("ann@example.com", Role::Admin)
    };
    let taken = store.put_user(&moved);
    assert!(
        matches!(taken, Err(StoreError::Invalid { field: "email", .. })),
        "{taken:?}"
    );
    for odd in ["", "Ann@example.com", "an n@example.com"] {
        let refused = store.put_user(&user(odd, Role::Admin));
        assert!(
            matches!(refused, Err(StoreError::Invalid { field: "email", .. })),
            "{odd}"
        );
    }
    for id in [99, u64::MAX] {
        let unknown = User {
            id,
            ..user("new@example.com", Role::Admin)
        };
        let not_found = StoreError::NotFound { what: "user", id };
        assert_eq!(store.put_user(&unknown), Err(not_found));
    }
    assert_eq!(store.count_users().unwrap(), 2);
}

fn sessions_end(store: &impl UserStore) {
    let at = Timestamp;
    assert_eq!(store.session(&[1; 32], at(0)).unwrap(), None);
    for (hash, expires_ms) in [(1, 100), (2, 100), (3, 200), (4, 300)] {
        store.put_session(&session(hash, expires_ms)).unwrap();
    }
    assert_eq!(
        store.session(&[1; 32], at(99)).unwrap(),
        Some(session(1, 100))
    );
    assert_eq!(
        store.session(&[1; 32], at(100)).unwrap(),
        None,
        "it has expired"
    );
    store.put_session(&session(1, 400)).unwrap();
    assert_eq!(
        store.session(&[1; 32], at(399)).unwrap(),
        Some(session(1, 400)),
        "it is renewed"
    );
    store.end_session(&[3; 32], at(150)).unwrap();
    assert_eq!(
        store.session(&[2; 32], at(0)).unwrap(),
        None,
        "the expired are swept"
    );
    assert_eq!(
        store.session(&[3; 32], at(0)).unwrap(),
        None,
        "the named one is ended"
    );
    assert_eq!(
        store.session(&[4; 32], at(0)).unwrap(),
        Some(session(4, 300))
    );
    store.end_session(&[9; 32], at(0)).unwrap();
    let stray = Session {
        user: 99,
        ..session(6, 100)
    };
    let not_found = StoreError::NotFound {
        what: "user",
        id: 99,
    };
    assert_eq!(store.put_session(&stray), Err(not_found));
}
