-- What versions of templates did in scenarios, one run after the other.
CREATE TABLE eval_run (
    id        TEXT    PRIMARY KEY,
    slug      TEXT    NOT NULL,
    version   INTEGER NOT NULL,
    played_at INTEGER NOT NULL,
    -- What was wrong in each scenario, as JSON.
    failures  TEXT    NOT NULL
) STRICT;
CREATE INDEX eval_run_last ON eval_run (slug, played_at);
