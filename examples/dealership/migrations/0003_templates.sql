-- How the agent behaves, as versions that are never changed. A slug is what a kind of call asks for.
CREATE TABLE template (
    slug       TEXT    NOT NULL,
    version    INTEGER NOT NULL CHECK (version > 0),
    config     TEXT    NOT NULL,
    note       TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (slug, version)
) STRICT;

CREATE TRIGGER template_is_not_changed BEFORE UPDATE ON template
BEGIN
    SELECT RAISE(ABORT, 'a version of a template is not changed');
END;
CREATE TRIGGER template_is_not_deleted BEFORE DELETE ON template
BEGIN
    SELECT RAISE(ABORT, 'a version of a template is not deleted');
END;

-- Which versions answer, with which weights; the latest row of a slug counts. It follows the one that
-- counted before; a row that goes back to another one names it.
CREATE TABLE template_activation (
    id           INTEGER PRIMARY KEY,
    slug         TEXT    NOT NULL,
    arms         TEXT    NOT NULL,
    follows      INTEGER REFERENCES template_activation (id),
    restores     INTEGER REFERENCES template_activation (id),
    activated_at INTEGER NOT NULL
) STRICT;
CREATE INDEX template_activation_slug ON template_activation (slug, id);
