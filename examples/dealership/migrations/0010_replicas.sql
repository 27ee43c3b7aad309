-- The programs that answer calls on this database. One that starts anew under a name has another
-- life, and one that has not been seen for a while has none any more: what its calls were in is
-- noted by whoever notices.
CREATE TABLE replica (
    name    TEXT    PRIMARY KEY,
    life    TEXT    NOT NULL UNIQUE,
    seen_at INTEGER NOT NULL
) STRICT;

-- In whose life a call was answered last.
ALTER TABLE call_record ADD COLUMN life TEXT;
CREATE INDEX call_record_live ON call_record (life) WHERE status = 'live';
