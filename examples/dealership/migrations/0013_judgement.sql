-- What is made of a call afterwards: by rules, as JSON, and by people, one label of each.
ALTER TABLE call_record ADD COLUMN analysis TEXT;
CREATE INDEX call_record_not_analysed ON call_record (ended_at)
    WHERE analysis IS NULL AND status <> 'live';

CREATE TABLE call_label (
    call        TEXT    NOT NULL,
    labeller    TEXT    NOT NULL,
    outcome     TEXT    NOT NULL,
    -- Whether who called is worth a consultation; nobody may know.
    qualified   INTEGER CHECK (qualified IN (0, 1)),
    labelled_at INTEGER NOT NULL,
    PRIMARY KEY (call, labeller)
) STRICT;
