-- Campaigns: the JSON documents of proto::catalogue, with what must be looked up beside them.
-- AUTOINCREMENT: an id is never given twice, whatever is deleted by hand.
CREATE TABLE revision (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    revision INTEGER NOT NULL
) STRICT;
INSERT INTO revision (only_row, revision) VALUES (1, 0);

CREATE TABLE advertisers (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    document TEXT NOT NULL
) STRICT;

CREATE TABLE campaigns (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    advertiser INTEGER NOT NULL REFERENCES advertisers (id),
    document TEXT NOT NULL
) STRICT;

CREATE TABLE creatives (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    advertiser INTEGER NOT NULL REFERENCES advertisers (id),
    document TEXT NOT NULL
) STRICT;

CREATE TABLE line_items (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    campaign INTEGER NOT NULL REFERENCES campaigns (id),
    document TEXT NOT NULL
) STRICT;
