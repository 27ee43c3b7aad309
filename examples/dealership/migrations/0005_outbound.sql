-- What the house does by itself: jobs that are leased, calls and messages that are noted before they
-- are made, campaigns, and what is remembered of a number from call to call.

-- A job is whoever's that holds its lease, by the fence that came with the lease: each lease has a
-- higher one.
CREATE TABLE kept_job AS SELECT * FROM job;
DROP TABLE job;
CREATE TABLE job (
    id          TEXT    PRIMARY KEY,
    kind        TEXT    NOT NULL CHECK (kind IN ('reminder', 'reminder_text', 'recovery_text',
                                                 'callback', 'campaign_step')),
    ref_id      TEXT    NOT NULL,
    state       TEXT    NOT NULL DEFAULT 'ready'
                CHECK (state IN ('ready', 'running', 'done', 'cancelled', 'dead')),
    run_at      INTEGER NOT NULL,
    lease_until INTEGER,
    fence       INTEGER NOT NULL DEFAULT 0 CHECK (fence >= 0),
    faults      INTEGER NOT NULL DEFAULT 0 CHECK (faults >= 0),
    note        TEXT,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    CHECK ((state = 'running') = (lease_until IS NOT NULL))
) STRICT;
INSERT INTO job (id, kind, ref_id, state, run_at, created_at, updated_at)
SELECT id, kind, ref_id, state, run_at, created_at, created_at FROM kept_job;
DROP TABLE kept_job;
CREATE INDEX job_due ON job (run_at) WHERE state IN ('ready', 'running');
CREATE UNIQUE INDEX job_once ON job (kind, ref_id) WHERE state = 'ready';

-- Who is called and written to for what is sold, one lead after the other.
CREATE TABLE campaign (
    id            TEXT    PRIMARY KEY,
    name          TEXT    NOT NULL UNIQUE,
    status        TEXT    NOT NULL DEFAULT 'running' CHECK (status IN ('running', 'paused')),
    most_calls    INTEGER NOT NULL DEFAULT 3 CHECK (most_calls BETWEEN 0 AND 10),
    -- Between two calls. It is no whole number of days, so that the part of the day changes.
    retry_minutes INTEGER NOT NULL DEFAULT 1680 CHECK (retry_minutes > 0),
    created_at    INTEGER NOT NULL
) STRICT;
CREATE TABLE enrollment (
    id          TEXT    PRIMARY KEY,
    campaign_id TEXT    NOT NULL REFERENCES campaign (id),
    lead_id     TEXT    NOT NULL REFERENCES lead (id),
    node        TEXT    NOT NULL DEFAULT 'call'
                CHECK (node IN ('call', 'message', 'booked', 'talked', 'ended')),
    attempts    INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    reason      TEXT,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    UNIQUE (campaign_id, lead_id)
) STRICT;
CREATE INDEX enrollment_lead ON enrollment (lead_id);

-- Nobody is contacted twice for the same reason: the key says what for. An intent stands here before
-- anything is asked of the carrier; without a name of the carrier's, nobody knows yet whether it was
-- done.
CREATE TABLE kept_attempt AS SELECT * FROM contact_attempt;
DROP TABLE contact_attempt;
CREATE TABLE contact_attempt (
    id          TEXT    PRIMARY KEY,
    phone_e164  TEXT    NOT NULL,
    channel     TEXT    NOT NULL CHECK (channel IN ('voice_ai', 'sms', 'whatsapp', 'email')),
    purpose     TEXT    NOT NULL DEFAULT 'other'
                CHECK (purpose IN ('reminder', 'recovery', 'callback', 'campaign', 'other')),
    -- The appointment, the call, the callback or the enrollment.
    about_id    TEXT    NOT NULL DEFAULT '',
    dedupe_key  TEXT    NOT NULL UNIQUE,
    attempt_no  INTEGER NOT NULL DEFAULT 1 CHECK (attempt_no > 0),
    job_id      TEXT,
    state       TEXT    NOT NULL
                CHECK (state IN ('planned', 'intent', 'placed', 'answered', 'completed',
                                 'cancelled', 'skipped', 'failed', 'unknown')),
    provider_id TEXT    UNIQUE,
    outcome     TEXT    CHECK (outcome IN ('answered', 'voicemail', 'machine', 'no_answer', 'busy',
                                           'failed', 'sent')),
    reason      TEXT,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    CHECK ((state = 'completed') = (outcome IS NOT NULL))
) STRICT;
INSERT INTO contact_attempt (id, phone_e164, channel, dedupe_key, state, outcome, reason,
                             created_at, updated_at)
SELECT id, phone_e164, channel, dedupe_key, state, iif(state = 'completed', 'failed', NULL),
       reason, created_at, updated_at
FROM kept_attempt;
DROP TABLE kept_attempt;
CREATE INDEX contact_attempt_phone ON contact_attempt (phone_e164, created_at);
CREATE INDEX contact_attempt_about ON contact_attempt (purpose, about_id);
CREATE INDEX contact_attempt_open ON contact_attempt (updated_at)
    WHERE state IN ('intent', 'placed', 'answered');
-- A phone rings for one thing at a time.
CREATE UNIQUE INDEX contact_attempt_in_flight ON contact_attempt (phone_e164)
    WHERE channel = 'voice_ai' AND state IN ('intent', 'placed', 'answered');

ALTER TABLE message ADD COLUMN provider_id TEXT;
CREATE INDEX message_provider ON message (provider_id) WHERE provider_id IS NOT NULL;

-- While there is a row, nobody is called or written to.
CREATE TABLE contact_stop (
    id     INTEGER PRIMARY KEY CHECK (id = 1),
    reason TEXT    NOT NULL,
    since  INTEGER NOT NULL
) STRICT;

ALTER TABLE call_record ADD COLUMN phone_e164 TEXT;
ALTER TABLE call_record ADD COLUMN direction TEXT NOT NULL DEFAULT 'inbound'
    CHECK (direction IN ('inbound', 'outbound'));
ALTER TABLE call_record ADD COLUMN status TEXT NOT NULL DEFAULT 'completed'
    CHECK (status IN ('live', 'completed', 'failed'));
ALTER TABLE call_record ADD COLUMN started_at INTEGER;
ALTER TABLE call_record ADD COLUMN ended_at INTEGER;

-- One row for a number. The wish is what its call was about to book; it outlives a call that breaks
-- off, and no other.
CREATE TABLE conversation_state (
    phone_e164 TEXT    PRIMARY KEY,
    call       TEXT    NOT NULL,
    call_count INTEGER NOT NULL DEFAULT 1 CHECK (call_count > 0),
    wish       TEXT,
    broke_at   INTEGER,
    updated_at INTEGER NOT NULL
) STRICT;
