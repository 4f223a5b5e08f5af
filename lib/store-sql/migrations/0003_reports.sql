-- Minute reports, what each refused, and how far each sink has applied the log.
CREATE TABLE reports (
    minute INTEGER NOT NULL,
    campaign INTEGER NOT NULL,
    line_item INTEGER NOT NULL,
    creative INTEGER NOT NULL,
    exchange TEXT NOT NULL,
    eligible INTEGER NOT NULL,
    bids INTEGER NOT NULL,
    wins INTEGER NOT NULL,
    billed INTEGER NOT NULL,
    impressions INTEGER NOT NULL,
    views INTEGER NOT NULL,
    clicks INTEGER NOT NULL,
    conversions INTEGER NOT NULL,
    spend_micros INTEGER NOT NULL,
    late_micros INTEGER NOT NULL,
    predicted_clicks_ppm INTEGER NOT NULL,
    multiplier_sum_ppm INTEGER NOT NULL,
    PRIMARY KEY (minute, campaign, line_item, creative, exchange)
) STRICT, WITHOUT ROWID;
CREATE INDEX reports_by_campaign ON reports (campaign, minute);

CREATE TABLE refusals (
    line_item INTEGER NOT NULL,
    minute INTEGER NOT NULL,
    exchange TEXT NOT NULL,
    reason TEXT NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (line_item, minute, exchange, reason)
) STRICT, WITHOUT ROWID;

CREATE TABLE offsets (
    sink TEXT NOT NULL,
    topic TEXT NOT NULL,
    partition INTEGER NOT NULL,
    next INTEGER NOT NULL,
    PRIMARY KEY (sink, topic, partition)
) STRICT, WITHOUT ROWID;
