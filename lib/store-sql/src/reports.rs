//! Minute reports: additive rows, refusals, and the offsets that they include.

use std::collections::BTreeMap;

use domain::report::{Counters, Playback, ReportKey};
use domain::time::Minute;
use domain::{CampaignId, CreativeId, Exchange, LineItemId, Micros};
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Row, SqliteConnection};
use store::StoreError;
use store::offsets::Offsets;
use store::report::{ReportDelta, ReportFilter, ReportStore};

use crate::{SqlStore, failed};

const ADD_ROW: &str = "INSERT INTO reports (minute, campaign, line_item, creative, exchange,
        eligible, bids, wins, billed, impressions, views, clicks, conversions,
        spend_micros, late_micros, predicted_clicks_ppm, multiplier_sum_ppm,
        starts, first_quartiles, midpoints, third_quartiles, completes, skips, playback_errors)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET
        eligible = eligible + excluded.eligible,
        bids = bids + excluded.bids,
        wins = wins + excluded.wins,
        billed = billed + excluded.billed,
        impressions = impressions + excluded.impressions,
        views = views + excluded.views,
        clicks = clicks + excluded.clicks,
        conversions = conversions + excluded.conversions,
        spend_micros = spend_micros + excluded.spend_micros,
        late_micros = late_micros + excluded.late_micros,
        predicted_clicks_ppm = predicted_clicks_ppm + excluded.predicted_clicks_ppm,
        multiplier_sum_ppm = multiplier_sum_ppm + excluded.multiplier_sum_ppm,
        starts = starts + excluded.starts,
        first_quartiles = first_quartiles + excluded.first_quartiles,
        midpoints = midpoints + excluded.midpoints,
        third_quartiles = third_quartiles + excluded.third_quartiles,
        completes = completes + excluded.completes,
        skips = skips + excluded.skips,
        playback_errors = playback_errors + excluded.playback_errors";
const ADD_ERRORS: &str = "INSERT INTO playback_errors
        (minute, campaign, line_item, creative, exchange, code, count)
    VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET count = count + excluded.count";
const ADD_REFUSAL: &str = "INSERT INTO refusals (minute, line_item, exchange, reason, count)
    VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET count = count + excluded.count";
const SET_OFFSET: &str = "INSERT INTO offsets (sink, topic, partition, next)
    VALUES ('reports', ?, ?, ?) ON CONFLICT DO UPDATE SET next = excluded.next";
const OFFSETS: &str = "SELECT topic, partition, next FROM offsets WHERE sink = 'reports'";
const KEY: &str = "minute, campaign, line_item, creative, exchange";
const COUNTERS: &str = "eligible, bids, wins, billed, impressions, views, clicks, conversions,
    spend_micros, late_micros, predicted_clicks_ppm, multiplier_sum_ppm,
    starts, first_quartiles, midpoints, third_quartiles, completes, skips, playback_errors";
const SUMS: &str = "sum(eligible), sum(bids), sum(wins), sum(billed), sum(impressions), sum(views),
    sum(clicks), sum(conversions), sum(spend_micros), sum(late_micros), sum(predicted_clicks_ppm),
    sum(multiplier_sum_ppm), sum(starts), sum(first_quartiles), sum(midpoints), sum(third_quartiles),
    sum(completes), sum(skips), sum(playback_errors)";

impl ReportStore for SqlStore {
    fn apply(&self, delta: &ReportDelta) -> Result<(), StoreError> {
        self.write(async |connection: &mut SqliteConnection| apply(connection, delta).await)
    }

    fn applied(&self) -> Result<Offsets, StoreError> {
        self.read(applied)
    }

    fn rows(
        &self,
        filter: &ReportFilter,
        limit: usize,
    ) -> Result<Vec<(ReportKey, Counters)>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut query = Query::new(format!("SELECT {KEY}, {COUNTERS} FROM reports"), filter);
        query.restrict("campaign", filter.campaign.map(|id| id.0));
        query.restrict("line_item", filter.line_item.map(|id| id.0));
        query.text.push_str(&format!(" ORDER BY {KEY} LIMIT ?"));
        query.values.push(limit);
        let rows = self.fetch(query)?;
        let decode = |row: &SqliteRow| Ok((key(row)?, counters(row, 5)?));
        rows.iter().map(decode).collect()
    }

    fn totals(&self, filter: &ReportFilter) -> Result<BTreeMap<CampaignId, Counters>, StoreError> {
        let sums = self.sums("campaign", filter)?;
        let name = |(id, sum): (i64, Counters)| (CampaignId(id.cast_unsigned()), sum);
        Ok(sums.into_iter().map(name).collect())
    }

    fn line_item_totals(
        &self,
        filter: &ReportFilter,
    ) -> Result<BTreeMap<LineItemId, Counters>, StoreError> {
        let sums = self.sums("line_item", filter)?;
        let name = |(id, sum): (i64, Counters)| (LineItemId(id.cast_unsigned()), sum);
        Ok(sums.into_iter().map(name).collect())
    }

    fn creative_totals(
        &self,
        filter: &ReportFilter,
    ) -> Result<BTreeMap<CreativeId, Counters>, StoreError> {
        let sums = self.sums("creative", filter)?;
        let name = |(id, sum): (i64, Counters)| (CreativeId(id.cast_unsigned()), sum);
        Ok(sums.into_iter().map(name).collect())
    }

    fn playback_errors(&self, filter: &ReportFilter) -> Result<BTreeMap<u32, i64>, StoreError> {
        let select = "SELECT code, sum(count) FROM playback_errors".to_owned();
        let mut query = Query::new(select, filter);
        query.restrict("campaign", filter.campaign.map(|id| id.0));
        query.restrict("line_item", filter.line_item.map(|id| id.0));
        query.text.push_str(" GROUP BY code");
        let rows = self.fetch(query)?;
        let decode = |row: &SqliteRow| {
            let code = row.try_get(0).map_err(failed)?;
            Ok((code, row.try_get(1).map_err(failed)?))
        };
        rows.iter().map(decode).collect()
    }

    fn minutes(&self, filter: &ReportFilter) -> Result<BTreeMap<Minute, Counters>, StoreError> {
        let sums = self.sums("minute", filter)?;
        let name = |(minute, sum): (i64, Counters)| (Minute(minute), sum);
        Ok(sums.into_iter().map(name).collect())
    }

    fn refusals(&self, filter: &ReportFilter) -> Result<BTreeMap<String, i64>, StoreError> {
        let select = "SELECT reason, sum(count) FROM refusals".to_owned();
        let mut query = Query::new(select, filter);
        query.restrict("line_item", filter.line_item.map(|id| id.0));
        query.text.push_str(" GROUP BY reason");
        let rows = self.fetch(query)?;
        let decode = |row: &SqliteRow| {
            let reason = row.try_get(0).map_err(failed)?;
            Ok((reason, row.try_get(1).map_err(failed)?))
        };
        rows.iter().map(decode).collect()
    }
}

/// A statement whose text is put together from constants of this file; every value is bound.
struct Query {
    text: String,
    values: Vec<i64>,
}

impl Query {
    fn new(select: String, filter: &ReportFilter) -> Self {
        let mut query = Self {
            text: select + " WHERE true",
            values: Vec::new(),
        };
        let bounds = [
            (" AND minute >= ?", filter.from),
            (" AND minute < ?", filter.to),
        ];
        for (condition, bound) in bounds {
            if let Some(minute) = bound {
                query.text.push_str(condition);
                query.values.push(minute.0);
            }
        }
        query
    }

    fn restrict(&mut self, column: &'static str, id: Option<u64>) {
        if let Some(id) = id {
            self.text.push_str(" AND ");
            self.text.push_str(column);
            self.text.push_str(" = ?");
            self.values.push(id.cast_signed());
        }
    }
}

impl SqlStore {
    fn fetch(&self, query: Query) -> Result<Vec<SqliteRow>, StoreError> {
        self.read(async |connection: &mut SqliteConnection| {
            let mut statement = sqlx::query(AssertSqlSafe(query.text));
            for value in query.values {
                statement = statement.bind(value);
            }
            statement.fetch_all(connection).await.map_err(failed)
        })
    }

    /// Sums of the matching rows by one column.
    fn sums(
        &self,
        column: &'static str,
        filter: &ReportFilter,
    ) -> Result<Vec<(i64, Counters)>, StoreError> {
        let mut query = Query::new(format!("SELECT {column}, {SUMS} FROM reports"), filter);
        query.restrict("campaign", filter.campaign.map(|id| id.0));
        query.restrict("line_item", filter.line_item.map(|id| id.0));
        query.text.push_str(&format!(" GROUP BY {column}"));
        let rows = self.fetch(query)?;
        let decode = |row: &SqliteRow| {
            let group = row.try_get(0).map_err(failed)?;
            Ok((group, counters(row, 1)?))
        };
        rows.iter().map(decode).collect()
    }
}

async fn apply(connection: &mut SqliteConnection, delta: &ReportDelta) -> Result<(), StoreError> {
    if applied(connection).await?.is_ahead_of(&delta.offsets) {
        return Err(StoreError::Conflict("report offsets"));
    }
    for (key, counters) in &delta.rows {
        add_row(connection, key, counters).await?;
    }
    for ((minute, line_item, exchange, reason), count) in &delta.refusals {
        let adding = sqlx::query(ADD_REFUSAL)
            .bind(minute.0)
            .bind(line_item.0.cast_signed())
            .bind(exchange.as_str())
            .bind(reason)
            .bind(count);
        adding.execute(&mut *connection).await.map_err(failed)?;
    }
    for ((key, code), count) in &delta.errors {
        let adding = with_key(sqlx::query(ADD_ERRORS), key)
            .bind(code)
            .bind(count);
        adding.execute(&mut *connection).await.map_err(failed)?;
    }
    for ((topic, partition), next) in &delta.offsets.0 {
        let setting = sqlx::query(SET_OFFSET)
            .bind(topic)
            .bind(partition)
            .bind(next.cast_signed());
        setting.execute(&mut *connection).await.map_err(failed)?;
    }
    Ok(())
}

type Statement<'a> = sqlx::query::Query<'a, sqlx::Sqlite, sqlx::sqlite::SqliteArguments>;

/// In the order of `KEY`.
fn with_key<'a>(statement: Statement<'a>, key: &'a ReportKey) -> Statement<'a> {
    statement
        .bind(key.minute.0)
        .bind(key.campaign.0.cast_signed())
        .bind(key.line_item.0.cast_signed())
        .bind(key.creative.0.cast_signed())
        .bind(key.exchange.as_str())
}

async fn add_row(
    connection: &mut SqliteConnection,
    key: &ReportKey,
    counters: &Counters,
) -> Result<(), StoreError> {
    let mut adding = with_key(sqlx::query(ADD_ROW), key);
    for value in values(counters) {
        adding = adding.bind(value);
    }
    adding.execute(connection).await.map_err(failed)?;
    Ok(())
}

async fn applied(connection: &mut SqliteConnection) -> Result<Offsets, StoreError> {
    let rows: Vec<(String, u32, i64)> = sqlx::query_as(OFFSETS)
        .fetch_all(connection)
        .await
        .map_err(failed)?;
    let mut offsets = Offsets::default();
    for (topic, partition, next) in rows {
        offsets.advance(&topic, partition, next.cast_unsigned());
    }
    Ok(offsets)
}

fn key(row: &SqliteRow) -> Result<ReportKey, StoreError> {
    let number = |column: usize| row.try_get::<i64, _>(column).map_err(failed);
    let exchange: &str = row.try_get(4).map_err(failed)?;
    Ok(ReportKey {
        minute: Minute(number(0)?),
        campaign: CampaignId(number(1)?.cast_unsigned()),
        line_item: LineItemId(number(2)?.cast_unsigned()),
        creative: CreativeId(number(3)?.cast_unsigned()),
        exchange: Exchange::new(exchange),
    })
}

/// In the order of `COUNTERS`, as is `counters`.
fn values(counters: &Counters) -> [i64; 19] {
    [
        counters.eligible,
        counters.bids,
        counters.wins,
        counters.billed,
        counters.impressions,
        counters.views,
        counters.clicks,
        counters.conversions,
        counters.spend.0,
        counters.late.0,
        counters.predicted_clicks_ppm,
        counters.multiplier_sum_ppm,
        counters.playback.starts,
        counters.playback.first_quartiles,
        counters.playback.midpoints,
        counters.playback.third_quartiles,
        counters.playback.completes,
        counters.playback.skips,
        counters.playback.errors,
    ]
}

fn counters(row: &SqliteRow, first: usize) -> Result<Counters, StoreError> {
    let number = |column: usize| row.try_get::<i64, _>(first + column).map_err(failed);
    Ok(Counters {
        eligible: number(0)?,
        bids: number(1)?,
        wins: number(2)?,
        billed: number(3)?,
        impressions: number(4)?,
        views: number(5)?,
        clicks: number(6)?,
        conversions: number(7)?,
        spend: Micros(number(8)?),
        late: Micros(number(9)?),
        predicted_clicks_ppm: number(10)?,
        multiplier_sum_ppm: number(11)?,
        playback: Playback {
            starts: number(12)?,
            first_quartiles: number(13)?,
            midpoints: number(14)?,
            third_quartiles: number(15)?,
            completes: number(16)?,
            skips: number(17)?,
            errors: number(18)?,
        },
    })
}
