-- What was done to the read models, by whom, and what came of it.

CREATE TABLE desk.operations (
    id       uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
    kind     text        COLLATE "C" NOT NULL CONSTRAINT kind_is_known CHECK (kind IN ('rebuild', 'verify', 'drop-old')),
    models   text[]      NOT NULL,
    by       text        NOT NULL,
    here     boolean     NOT NULL,
    asked_at timestamptz NOT NULL DEFAULT now(),
    began_at timestamptz,
    ended_at timestamptz,
    step     text        COLLATE "C",
    done     bigint,
    of       bigint,
    position bigint,
    differed jsonb       NOT NULL DEFAULT '{}',
    failure  text
);
CREATE INDEX operations_by_time ON desk.operations (asked_at DESC);
CREATE INDEX operations_to_do ON desk.operations (asked_at) WHERE ended_at IS NULL AND NOT here;
COMMENT ON TABLE desk.operations IS
    'Rebuilds and verifications, asked for over HTTP and done by the projections, or done at a command line. No event: they change '
    'nothing that happened.';
COMMENT ON COLUMN desk.operations.here IS 'It is done by the command that recorded it, and by nobody else.';

CREATE TABLE desk.differences (
    operation uuid   NOT NULL REFERENCES desk.operations ON DELETE CASCADE,
    number    bigint NOT NULL,
    model     text   COLLATE "C" NOT NULL,
    key       text   NOT NULL,
    col       text   COLLATE "C" NOT NULL,
    live      jsonb,
    replayed  jsonb,
    PRIMARY KEY (operation, number)
);
COMMENT ON TABLE desk.differences IS 'What a verification found. Never words that people wrote, or their names: those could not be erased here.';

GRANT SELECT, INSERT, UPDATE ON desk.operations TO casebook_service;
GRANT SELECT, INSERT, DELETE ON desk.differences TO casebook_service;
