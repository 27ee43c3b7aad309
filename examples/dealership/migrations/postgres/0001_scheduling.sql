
-- No double booking: two active claims of one number never overlap, whoever writes them. A range of
-- one number in place of the number needs no extension.
ALTER TABLE claim ADD CONSTRAINT claim_overlap EXCLUDE USING gist (
    int8range(claimable_no, claimable_no, '[]') WITH &&,
    int8range(starts_at, ends_at) WITH &&
) WHERE (active = 1);
