-- The record of a call: who said what, and what was heard of it. Of the agent these are the words
-- that were heard. How long the parts of the answer to a turn took stands with the caller's turn.
CREATE TABLE call_turn (
    call              TEXT    NOT NULL,
    no                INTEGER NOT NULL CHECK (no > 0),
    speaker           TEXT    NOT NULL CHECK (speaker IN ('agent', 'caller')),
    -- Milliseconds from the beginning of the call.
    from_ms           INTEGER NOT NULL,
    to_ms             INTEGER NOT NULL,
    words             TEXT    NOT NULL,
    interrupted       INTEGER NOT NULL DEFAULT 0 CHECK (interrupted IN (0, 1)),
    -- From the caller's last sound to the decision that the turn is over, and to the last transcript.
    end_of_turn_ms    INTEGER,
    transcription_ms  INTEGER,
    -- From the request to the model's first token and to the first text for the voice.
    first_token_ms    INTEGER,
    first_sentence_ms INTEGER,
    -- From that text to the voice's first audio.
    first_audio_ms    INTEGER,
    -- From the caller's last sound to the agent's first, and from that until it was heard.
    response_ms       INTEGER,
    playout_ms        INTEGER,
    PRIMARY KEY (call, no)
) STRICT;

-- By which all lines of a call are found in the logs of every program.
ALTER TABLE call_record ADD COLUMN trace_id TEXT;
ALTER TABLE call_record ADD COLUMN end_reason TEXT;
-- From the beginning of the call to the agent's first sound.
ALTER TABLE call_record ADD COLUMN first_response_ms INTEGER;
CREATE INDEX call_record_started ON call_record (started_at);
CREATE INDEX call_record_phone ON call_record (phone_e164, started_at);

ALTER TABLE tool_call ADD COLUMN took_ms INTEGER;
