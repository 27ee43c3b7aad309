-- Instants are UTC milliseconds. Wall-clock meaning stands beside them (tz, local_start), so that
-- a change of the time zone database can be replayed for appointments in the future.

CREATE TABLE location (
    id               TEXT    PRIMARY KEY,
    name             TEXT    NOT NULL,
    tz               TEXT    NOT NULL,
    phone_e164       TEXT    NOT NULL UNIQUE,
    step_minutes     INTEGER NOT NULL DEFAULT 30 CHECK (step_minutes > 0),
    lead_minutes     INTEGER NOT NULL DEFAULT 60 CHECK (lead_minutes >= 0),
    horizon_days     INTEGER NOT NULL DEFAULT 60 CHECK (horizon_days > 0)
) STRICT;

-- weekday: 1 = Monday to 7 = Sunday (ISO 8601). Times are local, HH:MM.
CREATE TABLE business_hours (
    location_id TEXT    NOT NULL REFERENCES location (id),
    weekday     INTEGER NOT NULL CHECK (weekday BETWEEN 1 AND 7),
    opens       TEXT    NOT NULL CHECK (opens GLOB '[0-2][0-9]:[0-5][0-9]'),
    closes      TEXT    NOT NULL CHECK (closes GLOB '[0-2][0-9]:[0-5][0-9]'),
    PRIMARY KEY (location_id, weekday, opens),
    CHECK (opens < closes)
) STRICT;

-- A closed date; with opens and closes, a date of special hours.
CREATE TABLE closure (
    location_id TEXT NOT NULL REFERENCES location (id),
    local_date  TEXT NOT NULL,
    reason      TEXT NOT NULL,
    opens       TEXT,
    closes      TEXT,
    PRIMARY KEY (location_id, local_date),
    CHECK ((opens IS NULL) = (closes IS NULL) AND (opens IS NULL OR opens < closes))
) STRICT;

-- One number space for everything that can be in one place only: resources and vehicles. A number
-- rather than a name, because PostgreSQL excludes overlaps on an int8range without an extension.
CREATE TABLE claimable (
    no INTEGER PRIMARY KEY
) STRICT;

CREATE TABLE resource (
    id          TEXT    PRIMARY KEY,
    no          INTEGER NOT NULL UNIQUE REFERENCES claimable (no),
    location_id TEXT    NOT NULL REFERENCES location (id),
    kind        TEXT    NOT NULL CHECK (kind IN ('bay', 'advisor')),
    name        TEXT    NOT NULL,
    active      INTEGER NOT NULL DEFAULT 1 CHECK (active IN (0, 1))
) STRICT;

CREATE TABLE appointment_type (
    code          TEXT    PRIMARY KEY,
    kind          TEXT    NOT NULL CHECK (kind IN ('service', 'test_drive', 'sales_consult')),
    name          TEXT    NOT NULL,
    minutes       INTEGER NOT NULL CHECK (minutes > 0),
    needs_vehicle INTEGER NOT NULL DEFAULT 0 CHECK (needs_vehicle IN (0, 1))
) STRICT;

-- What an appointment occupies, from its start for so many minutes.
CREATE TABLE appointment_need (
    type_code     TEXT    NOT NULL REFERENCES appointment_type (code),
    resource_kind TEXT    NOT NULL,
    minutes       INTEGER NOT NULL CHECK (minutes > 0),
    PRIMARY KEY (type_code, resource_kind)
) STRICT;

CREATE TABLE customer (
    id          TEXT    PRIMARY KEY,
    first_name  TEXT    NOT NULL,
    last_name   TEXT    NOT NULL,
    email       TEXT,
    postal_code TEXT,
    language    TEXT    NOT NULL DEFAULT 'en-US',
    source_call TEXT,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL
) STRICT;

-- Many to many: households share a phone.
CREATE TABLE customer_phone (
    phone_e164  TEXT NOT NULL,
    customer_id TEXT NOT NULL REFERENCES customer (id),
    PRIMARY KEY (phone_e164, customer_id)
) STRICT;

CREATE TABLE vehicle (
    id          TEXT    PRIMARY KEY,
    no          INTEGER NOT NULL UNIQUE REFERENCES claimable (no),
    customer_id TEXT    NOT NULL REFERENCES customer (id),
    vin         TEXT    CHECK (vin IS NULL OR length(vin) = 17),
    year        INTEGER,
    make        TEXT,
    model       TEXT,
    active      INTEGER NOT NULL DEFAULT 1 CHECK (active IN (0, 1))
) STRICT;

CREATE INDEX vehicle_owner ON vehicle (customer_id);

CREATE TABLE appointment (
    id                TEXT    PRIMARY KEY,
    location_id       TEXT    NOT NULL REFERENCES location (id),
    type_code         TEXT    NOT NULL REFERENCES appointment_type (code),
    customer_id       TEXT    NOT NULL REFERENCES customer (id),
    vehicle_id        TEXT    REFERENCES vehicle (id),
    starts_at         INTEGER NOT NULL,
    ends_at           INTEGER NOT NULL,
    tz                TEXT    NOT NULL,
    local_start       TEXT    NOT NULL,
    status            TEXT    NOT NULL DEFAULT 'booked' CHECK (status IN ('booked', 'cancelled')),
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
    CHECK (starts_at < ends_at)
) STRICT;

CREATE INDEX appointment_customer ON appointment (customer_id, starts_at);

-- No double booking: two active claims of one number never overlap, whoever writes them.
CREATE TABLE claim (
    id             INTEGER PRIMARY KEY,
    appointment_id TEXT    NOT NULL REFERENCES appointment (id) ON DELETE CASCADE,
    claimable_no   INTEGER NOT NULL REFERENCES claimable (no),
    starts_at      INTEGER NOT NULL,
    ends_at        INTEGER NOT NULL,
    active         INTEGER NOT NULL DEFAULT 1 CHECK (active IN (0, 1)),
    CHECK (starts_at < ends_at)
) STRICT;

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

CREATE TABLE vin_cache (
    vin        TEXT    PRIMARY KEY CHECK (length(vin) = 17),
    decoded    TEXT    NOT NULL,
    fetched_at INTEGER NOT NULL
) STRICT;

CREATE VIEW appointment_detail AS
SELECT appointment.*, appointment_type.kind, appointment_type.name AS type_name,
       location.name AS location_name, vehicle.year, vehicle.make, vehicle.model
FROM appointment
JOIN appointment_type ON appointment_type.code = appointment.type_code
JOIN location ON location.id = appointment.location_id
LEFT JOIN vehicle ON vehicle.id = appointment.vehicle_id;
