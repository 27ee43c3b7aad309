-- The whole of a customer, a vehicle and an appointment; places of business beside the first; where
-- what a call has gathered is from; what is remembered of a number; and what calls cost.

-- A place says when it reminds people, and holds its people and bays to what they can do.
ALTER TABLE location ADD COLUMN address TEXT;
ALTER TABLE location ADD COLUMN city TEXT;
ALTER TABLE location ADD COLUMN state TEXT;
ALTER TABLE location ADD COLUMN postal_code TEXT;
ALTER TABLE location ADD COLUMN remind_at TEXT NOT NULL DEFAULT '18:00'
    CHECK (remind_at GLOB '[0-2][0-9]:[0-5][0-9]');
-- The services that a resource is good for, as a JSON list of codes; without, all of them.
ALTER TABLE resource ADD COLUMN skills TEXT;
-- So much time before and behind a visit is better kept free.
ALTER TABLE resource ADD COLUMN buffer_minutes INTEGER NOT NULL DEFAULT 0
    CHECK (buffer_minutes >= 0);

ALTER TABLE customer ADD COLUMN preferred_name TEXT;
ALTER TABLE customer ADD COLUMN address_line TEXT;
ALTER TABLE customer ADD COLUMN city TEXT;
ALTER TABLE customer ADD COLUMN state TEXT;
ALTER TABLE customer ADD COLUMN tz TEXT;
-- A hash: the phrase itself is nobody's but the customer's.
ALTER TABLE customer ADD COLUMN phrase_hash TEXT;
ALTER TABLE customer ADD COLUMN preferred_advisor_id TEXT REFERENCES resource (id);
ALTER TABLE customer ADD COLUMN preferred_channel TEXT
    CHECK (preferred_channel IN ('voice_ai', 'sms', 'whatsapp', 'email'));
ALTER TABLE customer ADD COLUMN notes TEXT;
-- What other systems call them, by the system.
ALTER TABLE customer ADD COLUMN external_ids TEXT NOT NULL DEFAULT '{}';
-- The row that counts in place of this one.
ALTER TABLE customer ADD COLUMN merged_into TEXT REFERENCES customer (id);

ALTER TABLE vehicle ADD COLUMN vin_decoded_at INTEGER;
ALTER TABLE vehicle ADD COLUMN trim TEXT;
ALTER TABLE vehicle ADD COLUMN body_class TEXT;
ALTER TABLE vehicle ADD COLUMN engine TEXT;
ALTER TABLE vehicle ADD COLUMN drive_type TEXT;
ALTER TABLE vehicle ADD COLUMN fuel_type TEXT;
ALTER TABLE vehicle ADD COLUMN color TEXT;
ALTER TABLE vehicle ADD COLUMN plate_state TEXT;
ALTER TABLE vehicle ADD COLUMN mileage_at INTEGER;
ALTER TABLE vehicle ADD COLUMN last_service_at INTEGER;
ALTER TABLE vehicle ADD COLUMN next_service_due_at INTEGER;

-- What the odometer showed, each time that somebody said it.
CREATE TABLE odometer (
    vehicle_id TEXT    NOT NULL REFERENCES vehicle (id),
    read_at    INTEGER NOT NULL,
    miles      INTEGER NOT NULL CHECK (miles >= 0),
    PRIMARY KEY (vehicle_id, read_at)
) STRICT;

-- The clients of systems that knew no more of them.
CREATE VIEW clients AS
SELECT customer_phone.phone_e164 AS phone, customer.first_name, customer.last_name
FROM customer JOIN customer_phone ON customer_phone.customer_id = customer.id
WHERE customer.merged_into IS NULL;

DROP VIEW appointment_detail;
ALTER TABLE appointment ADD COLUMN confirmed_at INTEGER;
ALTER TABLE appointment ADD COLUMN confirmation_method TEXT
    CHECK (confirmation_method IN ('code', 'person'));
-- Higher with each change.
ALTER TABLE appointment ADD COLUMN version INTEGER NOT NULL DEFAULT 1 CHECK (version > 0);
UPDATE appointment SET confirmed_at = updated_at, confirmation_method = 'code'
WHERE status = 'confirmed';

-- Whether an event is written although its time is over: somebody is to be named in it no more.
ALTER TABLE calendar_entry ADD COLUMN even_past INTEGER NOT NULL DEFAULT 0
    CHECK (even_past IN (0, 1));

CREATE VIEW appointment_detail AS
SELECT appointment.*, appointment_type.kind, appointment_type.name AS type_name,
       location.name AS location_name, vehicle.year, vehicle.make, vehicle.model,
       broker.name AS broker_name,
       CASE WHEN appointment.location_id = (SELECT min(id) FROM location)
            THEN 0 ELSE 1 END AS elsewhere,
       calendar_entry.calendar AS calendar_name, calendar_entry.name AS calendar_event_id,
       calendar_entry.tag AS calendar_tag,
       CASE WHEN calendar_entry.appointment_id IS NULL THEN 'none'
            WHEN calendar_entry.wanted > calendar_entry.done AND calendar_entry.faults > 0
            THEN 'failed'
            WHEN calendar_entry.wanted > calendar_entry.done THEN 'pending'
            ELSE 'synced' END AS calendar_state
FROM appointment
JOIN appointment_type ON appointment_type.code = appointment.type_code
JOIN location ON location.id = appointment.location_id
LEFT JOIN vehicle ON vehicle.id = appointment.vehicle_id
LEFT JOIN broker ON broker.id = appointment.broker_id
LEFT JOIN calendar_entry ON calendar_entry.appointment_id = appointment.id;

-- What was booked or moved is confirmed in writing, once. Children go first.
CREATE TABLE kept_job AS SELECT * FROM job;
DROP TABLE job;
CREATE TABLE job (
    id          TEXT    PRIMARY KEY,
    kind        TEXT    NOT NULL CHECK (kind IN ('reminder', 'reminder_text', 'recovery_text',
                                                 'callback', 'campaign_step',
                                                 'confirmation_text')),
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
    purpose     TEXT    NOT NULL DEFAULT 'other'
                CHECK (purpose IN ('reminder', 'recovery', 'callback', 'campaign', 'confirmation',
                                   'other')),
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

-- What a call has gathered, by the name of the argument: where it is from, and whether the caller
-- has agreed to it. What it says stands where it was put to use.
CREATE TABLE gathered (
    call   TEXT    NOT NULL,
    field  TEXT    NOT NULL,
    -- `caller`, `number`, `last_call`, `errand`, `offer`, `records`.
    source TEXT    NOT NULL CHECK (source IN ('caller', 'number', 'last_call', 'errand', 'offer',
                                              'records')),
    agreed INTEGER NOT NULL DEFAULT 0 CHECK (agreed IN (0, 1)),
    at     INTEGER NOT NULL,
    PRIMARY KEY (call, field)
) STRICT;

-- What is remembered of a number for good, as JSON, and how far its call is, which the next call
-- begins anew.
ALTER TABLE conversation_state ADD COLUMN memory TEXT NOT NULL DEFAULT '{}';
ALTER TABLE conversation_state ADD COLUMN node TEXT;
ALTER TABLE conversation_state ADD COLUMN verified INTEGER NOT NULL DEFAULT 0
    CHECK (verified IN (0, 1));
ALTER TABLE conversation_state ADD COLUMN appointment_booked INTEGER NOT NULL DEFAULT 0
    CHECK (appointment_booked IN (0, 1));

-- What a call has used, as JSON, and what that cost by the prices of its template, in millionths of
-- a dollar.
ALTER TABLE call_record ADD COLUMN used TEXT;
ALTER TABLE call_record ADD COLUMN cost_micros INTEGER CHECK (cost_micros >= 0);
