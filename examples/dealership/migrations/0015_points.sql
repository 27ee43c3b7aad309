-- Where documents lie by a model of embeddings, so that they are not asked about anew in each program.
CREATE TABLE knowledge_point (
    document TEXT NOT NULL REFERENCES knowledge_document (id) ON DELETE CASCADE,
    -- The model: points of two cannot be compared.
    space    TEXT NOT NULL,
    -- Of the text that it was made of.
    digest   TEXT NOT NULL,
    -- Numbers of 32 bits, the lowest byte first, in base64.
    point    TEXT NOT NULL,
    PRIMARY KEY (document, space)
) STRICT;
