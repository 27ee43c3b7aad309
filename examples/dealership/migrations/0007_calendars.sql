-- Calendars outside: what is to be shown in them, and when they say that somebody is busy.

-- How an appointment stands in its calendar. Each change of it is wanted once more than it was done;
-- whoever holds the lease, by its fence, writes it there. Name and tag are the calendar's.
CREATE TABLE calendar_entry (
    appointment_id TEXT    PRIMARY KEY REFERENCES appointment (id) ON DELETE CASCADE,
    wanted         INTEGER NOT NULL DEFAULT 1 CHECK (wanted > 0),
    done           INTEGER NOT NULL DEFAULT 0 CHECK (done >= 0),
    calendar       TEXT,
    name           TEXT,
    tag            TEXT,
    starts_at      INTEGER,
    ends_at        INTEGER,
    run_at         INTEGER NOT NULL,
    lease_until    INTEGER,
    fence          INTEGER NOT NULL DEFAULT 0 CHECK (fence >= 0),
    faults         INTEGER NOT NULL DEFAULT 0 CHECK (faults >= 0),
    note           TEXT,
    checked_at     INTEGER,
    updated_at     INTEGER NOT NULL,
    CHECK ((name IS NULL) = (calendar IS NULL))
) STRICT;
CREATE INDEX calendar_entry_due ON calendar_entry (run_at) WHERE wanted > done;
CREATE INDEX calendar_entry_calendar ON calendar_entry (calendar, ends_at) WHERE name IS NOT NULL;
-- A calendar that is connected later shows what was booked before.
INSERT INTO calendar_entry (appointment_id, run_at, updated_at)
SELECT id, updated_at, updated_at FROM appointment WHERE status <> 'cancelled';

-- When whoever has this number is busy by a calendar; 0 is the whole house. It is replaced as a whole
-- each time that the calendar is read.
CREATE TABLE calendar_busy (
    id           INTEGER PRIMARY KEY,
    calendar     TEXT    NOT NULL,
    claimable_no INTEGER NOT NULL,
    starts_at    INTEGER NOT NULL,
    ends_at      INTEGER NOT NULL,
    CHECK (starts_at < ends_at)
) STRICT;
CREATE INDEX calendar_busy_time ON calendar_busy (claimable_no, ends_at);

-- When something outside was last read. Programs that share a database take turns by it.
CREATE TABLE reading (
    source  TEXT    PRIMARY KEY,
    read_at INTEGER NOT NULL
) STRICT;
