-- How well the lines of calls have carried sound, where they could tell (SIP). Times are in
-- microseconds.
CREATE TABLE line_quality (
    call            TEXT    PRIMARY KEY,
    received        INTEGER NOT NULL,
    lost            INTEGER NOT NULL,
    jitter_us       INTEGER NOT NULL,
    -- The share of our packets that the other side has lost of late, of a million.
    peer_loss_ppm   INTEGER,
    peer_jitter_us  INTEGER,
    round_trip_us   INTEGER,
    -- How good a listener would find it by a model, from 100 to 450.
    estimated_mos   INTEGER
) STRICT;
