-- Where a call went in the conversation graph, step by step, and why.
CREATE TABLE call_step (
    call   TEXT    NOT NULL,
    no     INTEGER NOT NULL CHECK (no > 0),
    node   TEXT    NOT NULL,
    phase  TEXT    NOT NULL,
    -- What the caller wanted in the turn that led there, if one did.
    intent TEXT,
    cause  TEXT    NOT NULL CHECK (cause IN ('facts', 'limit', 'stuck', 'words')),
    at     INTEGER NOT NULL,
    PRIMARY KEY (call, no)
) STRICT;

-- What tools were used in a call, and what came of it. What they were asked and what they said is not
-- here: it is in the tables that they changed.
CREATE TABLE tool_call (
    call TEXT    NOT NULL,
    no   INTEGER NOT NULL CHECK (no > 0),
    name TEXT    NOT NULL,
    -- `OK`, or why not.
    code TEXT    NOT NULL,
    node TEXT    NOT NULL,
    at   INTEGER NOT NULL,
    PRIMARY KEY (call, no)
) STRICT;

-- Which version of which template answered a call.
ALTER TABLE call_record ADD COLUMN template_slug TEXT;
ALTER TABLE call_record ADD COLUMN template_version INTEGER;
CREATE INDEX call_record_template ON call_record (template_slug, template_version);
