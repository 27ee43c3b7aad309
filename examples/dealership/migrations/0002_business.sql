-- What the business keeps beside its calendar: leads and brokers, consent, calls and what followed
-- from them. Appointments may be with a broker, for a lead, and are confirmed by a code.

-- SQLite changes no constraint in place. Children go first, so that no foreign key is broken and
-- nothing is deleted along with its parent.
DROP VIEW appointment_detail;
CREATE TABLE kept_claim AS SELECT * FROM claim;
DROP TABLE claim;
CREATE TABLE kept_appointment AS SELECT * FROM appointment;
DROP TABLE appointment;
CREATE TABLE kept_need AS SELECT * FROM appointment_need;
DROP TABLE appointment_need;
CREATE TABLE kept_type AS SELECT * FROM appointment_type;
DROP TABLE appointment_type;
CREATE TABLE kept_resource AS SELECT * FROM resource;
DROP TABLE resource;

CREATE TABLE resource (
    id          TEXT    PRIMARY KEY,
    no          INTEGER NOT NULL UNIQUE REFERENCES claimable (no),
    location_id TEXT    NOT NULL REFERENCES location (id),
    kind        TEXT    NOT NULL CHECK (kind IN ('bay', 'advisor', 'salesperson')),
    name        TEXT    NOT NULL,
    active      INTEGER NOT NULL DEFAULT 1 CHECK (active IN (0, 1))
) STRICT;
INSERT INTO resource SELECT * FROM kept_resource;

CREATE TABLE appointment_type (
    code          TEXT    PRIMARY KEY,
    kind          TEXT    NOT NULL
                  CHECK (kind IN ('service', 'test_drive', 'sales_consult', 'broker_consult')),
    name          TEXT    NOT NULL,
    minutes       INTEGER NOT NULL CHECK (minutes > 0),
    needs_vehicle INTEGER NOT NULL DEFAULT 0 CHECK (needs_vehicle IN (0, 1))
) STRICT;
INSERT INTO appointment_type
SELECT CASE code WHEN 'diagnostics' THEN 'diagnostic' WHEN 'full_service' THEN 'major_service'
                 ELSE code END, kind, name, minutes, needs_vehicle
FROM kept_type;

CREATE TABLE appointment_need (
    type_code     TEXT    NOT NULL REFERENCES appointment_type (code),
    resource_kind TEXT    NOT NULL,
    minutes       INTEGER NOT NULL CHECK (minutes > 0),
    PRIMARY KEY (type_code, resource_kind)
) STRICT;
INSERT INTO appointment_need
SELECT CASE type_code WHEN 'diagnostics' THEN 'diagnostic' WHEN 'full_service' THEN 'major_service'
                      ELSE type_code END, resource_kind, minutes
FROM kept_need;

-- A broker is in one place at a time too, and is claimed like a bay.
CREATE TABLE broker (
    id          TEXT    PRIMARY KEY,
    no          INTEGER NOT NULL UNIQUE REFERENCES claimable (no),
    name        TEXT    NOT NULL,
    tz          TEXT    NOT NULL,
    languages   TEXT    NOT NULL DEFAULT '["en-US"]',
    opens       TEXT    NOT NULL DEFAULT '09:00',
    closes      TEXT    NOT NULL DEFAULT '17:00',
    is_fallback INTEGER NOT NULL DEFAULT 0 CHECK (is_fallback IN (0, 1)),
    fee_cents   INTEGER NOT NULL DEFAULT 0 CHECK (fee_cents >= 0),
    active      INTEGER NOT NULL DEFAULT 1 CHECK (active IN (0, 1)),
    CHECK (opens < closes)
) STRICT;

CREATE TABLE territory (
    id   TEXT PRIMARY KEY,
    name TEXT NOT NULL
) STRICT;
CREATE TABLE territory_zip (
    zip          TEXT PRIMARY KEY,
    territory_id TEXT NOT NULL REFERENCES territory (id)
) STRICT;
CREATE TABLE territory_city (
    city         TEXT NOT NULL COLLATE NOCASE,
    state        TEXT NOT NULL COLLATE NOCASE,
    territory_id TEXT NOT NULL REFERENCES territory (id),
    PRIMARY KEY (city, state)
) STRICT;
CREATE TABLE broker_territory (
    territory_id TEXT    NOT NULL REFERENCES territory (id),
    broker_id    TEXT    NOT NULL REFERENCES broker (id),
    priority     INTEGER NOT NULL DEFAULT 1,
    PRIMARY KEY (territory_id, broker_id)
) STRICT;

CREATE TABLE lead (
    id                 TEXT    PRIMARY KEY,
    phone_e164         TEXT    NOT NULL UNIQUE,
    first_name         TEXT,
    last_name          TEXT,
    email              TEXT,
    city               TEXT,
    state              TEXT,
    postal_code        TEXT,
    language           TEXT    NOT NULL DEFAULT 'en-US',
    source             TEXT,
    status             TEXT    NOT NULL DEFAULT 'new'
                       CHECK (status IN ('new', 'contacted', 'qualified', 'appointment_set',
                                         'not_qualified', 'dnc')),
    qualified          INTEGER CHECK (qualified IN (0, 1)),
    disqualify_reason  TEXT,
    vehicle_interest   TEXT,
    budget_monthly_usd INTEGER CHECK (budget_monthly_usd >= 0),
    timeframe          TEXT,
    trade_in           TEXT,
    financing          TEXT,
    best_time          TEXT,
    notes              TEXT,
    objections         TEXT    NOT NULL DEFAULT '[]',
    broker_id          TEXT    REFERENCES broker (id),
    created_at         INTEGER NOT NULL,
    updated_at         INTEGER NOT NULL
) STRICT;

CREATE TABLE appointment (
    id                TEXT    PRIMARY KEY,
    location_id       TEXT    NOT NULL REFERENCES location (id),
    type_code         TEXT    NOT NULL REFERENCES appointment_type (code),
    customer_id       TEXT    REFERENCES customer (id),
    lead_id           TEXT    REFERENCES lead (id),
    broker_id         TEXT    REFERENCES broker (id),
    vehicle_id        TEXT    REFERENCES vehicle (id),
    starts_at         INTEGER NOT NULL,
    ends_at           INTEGER NOT NULL,
    tz                TEXT    NOT NULL,
    local_start       TEXT    NOT NULL,
    status            TEXT    NOT NULL DEFAULT 'booked'
                      CHECK (status IN ('booked', 'confirmed', 'cancelled')),
    confirmation_code TEXT    NOT NULL,
    notes             TEXT,
    source_call       TEXT,
    idempotency_key   TEXT    NOT NULL UNIQUE,
    change_key        TEXT,
    moved_from        INTEGER,
    cancelled_at      INTEGER,
    cancel_reason     TEXT,
    created_at        INTEGER NOT NULL,
    updated_at        INTEGER NOT NULL,
    CHECK (starts_at < ends_at),
    CHECK (customer_id IS NOT NULL OR lead_id IS NOT NULL)
) STRICT;
INSERT INTO appointment (id, location_id, type_code, customer_id, vehicle_id, starts_at, ends_at, tz,
                         local_start, status, confirmation_code, notes, source_call,
                         idempotency_key, change_key, moved_from, cancelled_at, cancel_reason,
                         created_at, updated_at)
SELECT id, location_id,
       CASE type_code WHEN 'diagnostics' THEN 'diagnostic' WHEN 'full_service' THEN 'major_service'
                      ELSE type_code END,
       customer_id, vehicle_id, starts_at, ends_at, tz, local_start, status, confirmation_code,
       notes, source_call, idempotency_key, change_key, moved_from, cancelled_at, cancel_reason,
       created_at, updated_at
FROM kept_appointment;
CREATE INDEX appointment_customer ON appointment (customer_id, starts_at);
CREATE INDEX appointment_lead ON appointment (lead_id, starts_at);

CREATE TABLE claim (
    id             INTEGER PRIMARY KEY,
    appointment_id TEXT    NOT NULL REFERENCES appointment (id) ON DELETE CASCADE,
    claimable_no   INTEGER NOT NULL REFERENCES claimable (no),
    starts_at      INTEGER NOT NULL,
    ends_at        INTEGER NOT NULL,
    active         INTEGER NOT NULL DEFAULT 1 CHECK (active IN (0, 1)),
    CHECK (starts_at < ends_at)
) STRICT;
INSERT INTO claim SELECT * FROM kept_claim;
CREATE INDEX claim_time ON claim (claimable_no, starts_at) WHERE active = 1;
CREATE INDEX claim_appointment ON claim (appointment_id);

CREATE TRIGGER claim_insert_overlap BEFORE INSERT ON claim
WHEN NEW.active = 1 AND EXISTS (
    SELECT 1 FROM claim
    WHERE claimable_no = NEW.claimable_no AND active = 1
      AND starts_at < NEW.ends_at AND ends_at > NEW.starts_at
)
BEGIN
    SELECT RAISE(ABORT, 'claim_overlap');
END;

CREATE TRIGGER claim_update_overlap
BEFORE UPDATE OF claimable_no, starts_at, ends_at, active ON claim
WHEN NEW.active = 1 AND EXISTS (
    SELECT 1 FROM claim
    WHERE claimable_no = NEW.claimable_no AND active = 1 AND id <> OLD.id
      AND starts_at < NEW.ends_at AND ends_at > NEW.starts_at
)
BEGIN
    SELECT RAISE(ABORT, 'claim_overlap');
END;

DROP TABLE kept_claim;
DROP TABLE kept_appointment;
DROP TABLE kept_need;
DROP TABLE kept_type;
DROP TABLE kept_resource;

CREATE VIEW appointment_detail AS
SELECT appointment.*, appointment_type.kind, appointment_type.name AS type_name,
       location.name AS location_name, vehicle.year, vehicle.make, vehicle.model,
       broker.name AS broker_name
FROM appointment
JOIN appointment_type ON appointment_type.code = appointment.type_code
JOIN location ON location.id = appointment.location_id
LEFT JOIN vehicle ON vehicle.id = appointment.vehicle_id
LEFT JOIN broker ON broker.id = appointment.broker_id;

-- What identifies a person on the phone. It is compared, and never spoken.
ALTER TABLE customer ADD COLUMN dob TEXT CHECK (dob IS NULL OR dob GLOB '????-??-??');
ALTER TABLE customer ADD COLUMN street_number TEXT;
ALTER TABLE vehicle ADD COLUMN plate TEXT;
ALTER TABLE vehicle ADD COLUMN mileage INTEGER CHECK (mileage IS NULL OR mileage >= 0);
ALTER TABLE vehicle ADD COLUMN vin_status TEXT NOT NULL DEFAULT 'none'
    CHECK (vin_status IN ('none', 'decoded', 'unverified'));

-- Failed checks of who calls. Two within half an hour lock the record, whoever calls; the second
-- index finds those of one number.
CREATE TABLE identity_failure (
    id          INTEGER PRIMARY KEY,
    customer_id TEXT    NOT NULL REFERENCES customer (id),
    caller      TEXT,
    call        TEXT    NOT NULL,
    failed_at   INTEGER NOT NULL
) STRICT;
CREATE INDEX identity_failure_customer ON identity_failure (customer_id, failed_at);
CREATE INDEX identity_failure_caller ON identity_failure (caller, failed_at);

CREATE TABLE ticket (
    id          TEXT    PRIMARY KEY,
    customer_id TEXT    NOT NULL REFERENCES customer (id),
    vehicle_id  TEXT    REFERENCES vehicle (id),
    status      TEXT    NOT NULL CHECK (status IN ('open', 'waiting', 'closed')),
    opened_on   TEXT    NOT NULL,
    promised_at TEXT,
    last_note   TEXT
) STRICT;
CREATE INDEX ticket_customer ON ticket (customer_id);

-- Permissions as they were given and taken back; the latest row counts.
CREATE TABLE consent (
    id          INTEGER PRIMARY KEY,
    phone_e164  TEXT    NOT NULL,
    channel     TEXT    NOT NULL CHECK (channel IN ('voice_ai', 'sms', 'whatsapp', 'email')),
    purpose     TEXT    NOT NULL CHECK (purpose IN ('transactional', 'marketing')),
    status      TEXT    NOT NULL CHECK (status IN ('granted', 'revoked')),
    evidence    TEXT,
    captured_at INTEGER NOT NULL
) STRICT;
CREATE INDEX consent_latest ON consent (phone_e164, channel, purpose, captured_at);

CREATE TABLE dnc_entry (
    id         TEXT    PRIMARY KEY,
    phone_e164 TEXT    NOT NULL,
    channel    TEXT    NOT NULL
               CHECK (channel IN ('voice_ai', 'sms', 'whatsapp', 'email', 'all')),
    source     TEXT    NOT NULL,
    reason     TEXT,
    added_at   INTEGER NOT NULL
) STRICT;
CREATE INDEX dnc_phone ON dnc_entry (phone_e164);

-- When people may be called: every rule of a person's state and of 'US' has to allow it. Rules age:
-- each row says where it is from and when somebody looked last. weekdays: ISO numbers, 1234567.
CREATE TABLE calling_rule (
    jurisdiction TEXT NOT NULL,
    weekdays     TEXT NOT NULL DEFAULT '1234567',
    opens        TEXT NOT NULL CHECK (opens GLOB '[0-2][0-9]:[0-5][0-9]'),
    closes       TEXT NOT NULL CHECK (closes GLOB '[0-2][0-9]:[0-5][0-9]'),
    source_note  TEXT NOT NULL,
    reviewed_on  TEXT NOT NULL,
    PRIMARY KEY (jurisdiction, weekdays),
    CHECK (opens < closes)
) STRICT;
INSERT INTO calling_rule (jurisdiction, weekdays, opens, closes, source_note, reviewed_on) VALUES
    ('US', '1234567', '08:00', '21:00', '47 CFR 64.1200(c)(1)', '2026-11-21'),
    ('FL', '1234567', '08:00', '20:00', 'Florida Telephone Solicitation Act', '2026-11-21'),
    ('OK', '1234567', '08:00', '20:00', 'Oklahoma Telephone Solicitation Act', '2026-11-21');

-- Where a number may be, by its first digits; a number in several zones has several rows.
CREATE TABLE area_zone (
    prefix TEXT NOT NULL,
    tz     TEXT NOT NULL,
    state  TEXT NOT NULL,
    PRIMARY KEY (prefix, tz)
) STRICT;
INSERT INTO area_zone (prefix, tz, state) VALUES
    ('+1212', 'America/New_York', 'NY'), ('+1312', 'America/Chicago', 'IL'),
    ('+1405', 'America/Chicago', 'OK'), ('+1423', 'America/New_York', 'TN'),
    ('+1423', 'America/Chicago', 'TN'), ('+1602', 'America/Phoenix', 'AZ'),
    ('+1619', 'America/Los_Angeles', 'CA'), ('+1630', 'America/Chicago', 'IL'),
    ('+1808', 'Pacific/Honolulu', 'HI'), ('+1813', 'America/New_York', 'FL'),
    ('+1850', 'America/New_York', 'FL'), ('+1850', 'America/Chicago', 'FL'),
    ('+1907', 'America/Anchorage', 'AK');

-- A planned contact. Nobody is contacted twice for the same reason: the key says what for.
CREATE TABLE contact_attempt (
    id         TEXT    PRIMARY KEY,
    phone_e164 TEXT    NOT NULL,
    channel    TEXT    NOT NULL CHECK (channel IN ('voice_ai', 'sms', 'whatsapp', 'email')),
    dedupe_key TEXT    NOT NULL UNIQUE,
    state      TEXT    NOT NULL
               CHECK (state IN ('planned', 'placed', 'completed', 'cancelled', 'skipped')),
    reason     TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
CREATE INDEX contact_attempt_phone ON contact_attempt (phone_e164, state);

CREATE TABLE tracking_number (
    phone_e164 TEXT    PRIMARY KEY,
    state      TEXT    NOT NULL DEFAULT 'free' CHECK (state IN ('free', 'assigned', 'quarantine')),
    lead_id    TEXT    REFERENCES lead (id),
    broker_id  TEXT    REFERENCES broker (id),
    changed_at INTEGER NOT NULL,
    CHECK ((state = 'assigned') = (lead_id IS NOT NULL AND broker_id IS NOT NULL))
) STRICT;
CREATE UNIQUE INDEX tracking_lead ON tracking_number (lead_id) WHERE state = 'assigned';

-- What a broker owes for an appointment, once.
CREATE TABLE billing_event (
    id             TEXT    PRIMARY KEY,
    appointment_id TEXT    NOT NULL REFERENCES appointment (id),
    broker_id      TEXT    NOT NULL REFERENCES broker (id),
    kind           TEXT    NOT NULL CHECK (kind IN ('appointment', 'reversal')),
    amount_cents   INTEGER NOT NULL,
    created_at     INTEGER NOT NULL,
    UNIQUE (appointment_id, kind)
) STRICT;

-- A code that was texted, as a keyed hash.
CREATE TABLE verification_code (
    id             TEXT    PRIMARY KEY,
    appointment_id TEXT    NOT NULL REFERENCES appointment (id),
    phone_e164     TEXT    NOT NULL,
    code_hash      TEXT    NOT NULL,
    state          TEXT    NOT NULL DEFAULT 'sent' CHECK (state IN ('sent', 'verified', 'locked')),
    attempts       INTEGER NOT NULL DEFAULT 0 CHECK (attempts BETWEEN 0 AND 3),
    created_at     INTEGER NOT NULL,
    expires_at     INTEGER NOT NULL
) STRICT;
CREATE INDEX verification_code_appointment ON verification_code (appointment_id, created_at);

-- What was written to somebody.
CREATE TABLE message (
    id         TEXT    PRIMARY KEY,
    channel    TEXT    NOT NULL CHECK (channel IN ('sms', 'whatsapp', 'email')),
    to_addr    TEXT    NOT NULL,
    template   TEXT    NOT NULL,
    status     TEXT    NOT NULL CHECK (status IN ('sent', 'failed')),
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX message_to ON message (to_addr, created_at);

CREATE TABLE payment_link (
    id             TEXT    PRIMARY KEY,
    appointment_id TEXT    NOT NULL REFERENCES appointment (id),
    amount_cents   INTEGER NOT NULL CHECK (amount_cents > 0),
    purpose        TEXT    NOT NULL CHECK (purpose IN ('deposit', 'invoice')),
    created_at     INTEGER NOT NULL
) STRICT;

-- One row per call: what it asked for that outlives it.
CREATE TABLE call_record (
    call       TEXT    PRIMARY KEY,
    locale     TEXT    NOT NULL DEFAULT 'en-US',
    recording  TEXT    NOT NULL DEFAULT 'not_asked'
               CHECK (recording IN ('not_asked', 'granted', 'refused')),
    updated_at INTEGER NOT NULL
) STRICT;

-- How a call went; one row per call.
CREATE TABLE interaction (
    id          TEXT    PRIMARY KEY,
    call        TEXT    NOT NULL UNIQUE,
    phone_e164  TEXT,
    disposition TEXT    NOT NULL,
    summary     TEXT    NOT NULL,
    topics      TEXT    NOT NULL,
    commitments TEXT    NOT NULL,
    sentiment   TEXT,
    follow_up   TEXT,
    created_at  INTEGER NOT NULL
) STRICT;
CREATE INDEX interaction_phone ON interaction (phone_e164, created_at);

CREATE TABLE escalation (
    id         TEXT    PRIMARY KEY,
    call       TEXT    NOT NULL,
    reason     TEXT    NOT NULL,
    department TEXT    NOT NULL,
    mode       TEXT    NOT NULL,
    state      TEXT    NOT NULL CHECK (state IN ('transferring', 'failed')),
    summary    TEXT    NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE callback (
    id         TEXT    PRIMARY KEY,
    call       TEXT    NOT NULL,
    phone_e164 TEXT    NOT NULL,
    department TEXT    NOT NULL,
    when_at    INTEGER,
    reason     TEXT    NOT NULL,
    state      TEXT    NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'done', 'cancelled')),
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE knowledge_document (
    id         TEXT    PRIMARY KEY,
    title      TEXT    NOT NULL,
    category   TEXT    NOT NULL CHECK (category IN ('hours', 'services', 'pricing', 'financing',
                                                    'policies', 'vehicles', 'programs')),
    body       TEXT    NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

-- What maintenance is due when; no make means every one.
CREATE TABLE upkeep (
    type_code    TEXT    NOT NULL REFERENCES appointment_type (code),
    make         TEXT    NOT NULL DEFAULT '',
    every_miles  INTEGER NOT NULL CHECK (every_miles > 0),
    every_months INTEGER NOT NULL CHECK (every_months > 0),
    source_doc   TEXT    NOT NULL,
    PRIMARY KEY (type_code, make)
) STRICT;
