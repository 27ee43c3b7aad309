-- Whether somebody came to their appointment; nobody may have said.
ALTER TABLE appointment ADD COLUMN came INTEGER CHECK (came IN (0, 1));
