-- How far video and audio ads were played, and how they failed, by VAST error code.
ALTER TABLE reports ADD COLUMN starts INTEGER NOT NULL DEFAULT 0;
ALTER TABLE reports ADD COLUMN first_quartiles INTEGER NOT NULL DEFAULT 0;
ALTER TABLE reports ADD COLUMN midpoints INTEGER NOT NULL DEFAULT 0;
ALTER TABLE reports ADD COLUMN third_quartiles INTEGER NOT NULL DEFAULT 0;
ALTER TABLE reports ADD COLUMN completes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE reports ADD COLUMN skips INTEGER NOT NULL DEFAULT 0;
ALTER TABLE reports ADD COLUMN playback_errors INTEGER NOT NULL DEFAULT 0;

CREATE TABLE playback_errors (
    minute INTEGER NOT NULL,
    campaign INTEGER NOT NULL,
    line_item INTEGER NOT NULL,
    creative INTEGER NOT NULL,
    exchange TEXT NOT NULL,
    code INTEGER NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (campaign, line_item, minute, creative, exchange, code)
) STRICT, WITHOUT ROWID;
