//! The schema as a list of steps; a file says how many of them it has taken.

use sqlx::SqliteConnection;
use store::StoreError;

use crate::{failed, write_on};

/// Steps in order. A step that was released is never changed; a new one is added at the end.
const STEPS: &[&str] = &[
    include_str!("../migrations/0001_catalogue.sql"),
    include_str!("../migrations/0002_users.sql"),
    include_str!("../migrations/0003_reports.sql"),
    include_str!("../migrations/0004_playback.sql"),
];

/// Takes the steps that the file lacks, all in one transaction.
pub(crate) async fn migrate(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    write_on(connection, async |transaction: &mut SqliteConnection| {
        let taken = steps_taken(transaction).await?;
        for step in STEPS.iter().skip(taken) {
            let taking = sqlx::raw_sql(*step).execute(&mut *transaction);
            taking.await.map_err(failed)?;
        }
        let version = i64::try_from(STEPS.len()).expect("there are few steps");
        let noting = sqlx::query("UPDATE schema_version SET version = ?1").bind(version);
        noting.execute(transaction).await.map_err(failed)?;
        Ok(())
    })
    .await
}

async fn steps_taken(connection: &mut SqliteConnection) -> Result<usize, StoreError> {
    const TABLE: &str =
        "CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL) STRICT";
    const FIRST_ROW: &str = "INSERT INTO schema_version (version)
        SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM schema_version)";
    for statement in [TABLE, FIRST_ROW] {
        let running = sqlx::query(statement).execute(&mut *connection);
        running.await.map_err(failed)?;
    }
    let version: i64 = sqlx::query_scalar("SELECT version FROM schema_version")
        .fetch_one(connection)
        .await
        .map_err(failed)?;
    let known = |taken: &usize| *taken <= STEPS.len();
    let taken = usize::try_from(version).ok().filter(known);
    taken.ok_or_else(|| StoreError::Damaged {
        what: "schema",
        why: format!(
            "version {version} is not one of 0 to {}, a newer program wrote it",
            STEPS.len()
        ),
    })
}
