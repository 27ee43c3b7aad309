-- After a call: a message to those who agreed to texts, and what they answer to the question how it
-- was. Which kinds of jobs and purposes of contacts there are, the program says; children go first.
CREATE TABLE kept_job AS SELECT * FROM job;
DROP TABLE job;
CREATE TABLE job (
    id          TEXT    PRIMARY KEY,
    kind        TEXT    NOT NULL,
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
INSERT INTO job SELECT * FROM kept_job;
DROP TABLE kept_job;
CREATE INDEX job_due ON job (run_at) WHERE state IN ('ready', 'running');
CREATE UNIQUE INDEX job_once ON job (kind, ref_id) WHERE state = 'ready';

CREATE TABLE kept_letter AS SELECT * FROM letter;
DROP TABLE letter;
CREATE TABLE kept_attempt AS SELECT * FROM contact_attempt;
DROP TABLE contact_attempt;
CREATE TABLE contact_attempt (
    id          TEXT    PRIMARY KEY,
    phone_e164  TEXT    NOT NULL,
    channel     TEXT    NOT NULL CHECK (channel IN ('voice_ai', 'sms', 'whatsapp', 'email')),
    purpose     TEXT    NOT NULL DEFAULT 'other',
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
INSERT INTO contact_attempt SELECT * FROM kept_attempt;
DROP TABLE kept_attempt;
CREATE INDEX contact_attempt_phone ON contact_attempt (phone_e164, created_at);
CREATE INDEX contact_attempt_about ON contact_attempt (purpose, about_id);
CREATE INDEX contact_attempt_open ON contact_attempt (updated_at)
    WHERE state IN ('intent', 'placed', 'answered');
-- A phone rings for one thing at a time.
CREATE UNIQUE INDEX contact_attempt_in_flight ON contact_attempt (phone_e164)
    WHERE channel = 'voice_ai' AND state IN ('intent', 'placed', 'answered');

CREATE TABLE letter (
    token      TEXT    PRIMARY KEY,
    attempt_id TEXT    NOT NULL UNIQUE REFERENCES contact_attempt (id),
    phone_e164 TEXT    NOT NULL,
    address    TEXT    NOT NULL,
    state      TEXT    NOT NULL DEFAULT 'out'
               CHECK (state IN ('out', 'answered', 'returned', 'unsubscribed')),
    created_at INTEGER NOT NULL
) STRICT;
INSERT INTO letter SELECT * FROM kept_letter;
DROP TABLE kept_letter;
CREATE INDEX letter_address ON letter (address);

-- The words are those of the template that answered the call.
CREATE TABLE follow_up (
    call        TEXT    PRIMARY KEY,
    phone_e164  TEXT    NOT NULL,
    words       TEXT    NOT NULL,
    -- Whether they ask how the call was.
    asks_rating INTEGER NOT NULL CHECK (asks_rating IN (0, 1)),
    -- From 1 to 5, the best.
    stars       INTEGER CHECK (stars BETWEEN 1 AND 5),
    rated_at    INTEGER,
    created_at  INTEGER NOT NULL,
    CHECK ((stars IS NULL) = (rated_at IS NULL))
) STRICT;
CREATE INDEX follow_up_phone ON follow_up (phone_e164, created_at);
CREATE INDEX follow_up_rated ON follow_up (rated_at) WHERE stars IS NOT NULL;
