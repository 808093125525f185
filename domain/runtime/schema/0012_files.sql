-- Files on their way into a case. What belongs to a case stands in its events, and its bytes where CASEBOOK_FILES says.

CREATE TABLE desk.uploads (
    id         uuid        PRIMARY KEY,
    owner      text        NOT NULL,
    name       text        NOT NULL,
    most       bigint      NOT NULL,
    wrapped    bytea       NOT NULL,
    made_at    timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    streams    uuid[]      NOT NULL DEFAULT '{}',
    size       bigint,
    media_type text,
    digest     text,
    scanned    boolean,
    CONSTRAINT complete_or_not CHECK (num_nulls(size, media_type, digest, scanned) IN (0, 4))
);
CREATE INDEX uploads_of_owner ON desk.uploads (owner);
CREATE INDEX uploads_by_expiry ON desk.uploads (expires_at);
COMMENT ON TABLE desk.uploads IS
    'Files that somebody is uploading or has uploaded, until a command attaches them. No event: nothing happened yet. With the row goes '
    'the only key outside the log.';
COMMENT ON COLUMN desk.uploads.wrapped IS 'The key of its bytes, under the master key.';
COMMENT ON COLUMN desk.uploads.streams IS 'The cases of the commands that named it: whether it is attached is asked there.';

CREATE TABLE desk.upload_parts (
    upload uuid    NOT NULL REFERENCES desk.uploads ON DELETE CASCADE,
    number integer NOT NULL,
    object text    NOT NULL,
    size   bigint  NOT NULL,
    PRIMARY KEY (upload, number)
);
COMMENT ON TABLE desk.upload_parts IS 'The parts that have arrived, each an object of its own. No event: see uploads.';

CREATE TABLE desk.swept (
    one      boolean PRIMARY KEY DEFAULT true CONSTRAINT one_row CHECK (one),
    position bigint  NOT NULL DEFAULT 0
);
INSERT INTO desk.swept DEFAULT VALUES;
COMMENT ON TABLE desk.swept IS 'Up to which position the bytes of files were removed whose keys an event destroyed. No event: a cursor.';

GRANT SELECT, INSERT, UPDATE, DELETE ON desk.uploads, desk.upload_parts TO casebook_service;
GRANT SELECT, UPDATE ON desk.swept TO casebook_service;
