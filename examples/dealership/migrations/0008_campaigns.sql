-- Campaigns whose steps are data, letters, and what people answer.

-- The steps of a campaign, as JSON; without, it calls and then sends one text. Who is taken into it
-- keeps the steps that it has then.
ALTER TABLE campaign ADD COLUMN steps TEXT;
ALTER TABLE enrollment ADD COLUMN steps TEXT;
ALTER TABLE enrollment ADD COLUMN step INTEGER NOT NULL DEFAULT 0 CHECK (step >= 0);

-- A letter that is about to be sent, or was. By its token it is known in answers, in letters that
-- come back, and when somebody wants no more of them.
CREATE TABLE letter (
    token      TEXT    PRIMARY KEY,
    attempt_id TEXT    NOT NULL UNIQUE REFERENCES contact_attempt (id),
    phone_e164 TEXT    NOT NULL,
    address    TEXT    NOT NULL,
    state      TEXT    NOT NULL DEFAULT 'out'
               CHECK (state IN ('out', 'answered', 'returned', 'unsubscribed')),
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX letter_address ON letter (address);

-- What people wrote, once each; the words are not kept.
CREATE TABLE reply (
    id          TEXT    PRIMARY KEY,
    key         TEXT    NOT NULL UNIQUE,
    channel     TEXT    NOT NULL CHECK (channel IN ('sms', 'whatsapp', 'email')),
    phone_e164  TEXT,
    kind        TEXT    NOT NULL CHECK (kind IN ('answer', 'stop', 'returned')),
    received_at INTEGER NOT NULL
) STRICT;
CREATE INDEX reply_phone ON reply (phone_e164, channel, received_at);
