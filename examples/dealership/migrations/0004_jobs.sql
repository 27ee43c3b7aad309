-- What is to be done at some time, once. The reminder of a visit moves and ends with it.
CREATE TABLE job (
    id         TEXT    PRIMARY KEY,
    kind       TEXT    NOT NULL CHECK (kind IN ('reminder')),
    ref_id     TEXT    NOT NULL,
    state      TEXT    NOT NULL DEFAULT 'ready' CHECK (state IN ('ready', 'done', 'cancelled')),
    run_at     INTEGER NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX job_due ON job (run_at) WHERE state = 'ready';
CREATE UNIQUE INDEX job_once ON job (kind, ref_id) WHERE state = 'ready';
