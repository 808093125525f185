-- How far those are that follow the log and do something about it: notices, timers and whatever else comes.

CREATE TABLE desk.consumers (
    name     text        COLLATE "C" PRIMARY KEY,
    began    bigint      NOT NULL,
    position bigint      NOT NULL,
    gaps     bigint      NOT NULL DEFAULT 0,
    moved_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE desk.consumers IS
    'How far each consumer is: every event up to its position is handled, or its stream is parked. No event: a cursor, kept in the '
    'transaction that has the effects.';
COMMENT ON COLUMN desk.consumers.began IS 'The position after which it began: what happened before is not its business.';
COMMENT ON COLUMN desk.consumers.gaps IS 'How often an event came before the one that precedes it in its stream.';

CREATE TABLE desk.handled (
    consumer text    COLLATE "C" NOT NULL REFERENCES desk.consumers ON DELETE CASCADE,
    stream   uuid    NOT NULL,
    version  integer NOT NULL,
    PRIMARY KEY (consumer, stream)
);
COMMENT ON TABLE desk.handled IS
    'The last version of a stream that a consumer has handled. No event: it is what makes an event that comes twice be handled once.';

CREATE TABLE desk.parked (
    consumer text        COLLATE "C" NOT NULL REFERENCES desk.consumers ON DELETE CASCADE,
    stream   uuid        NOT NULL,
    version  integer     NOT NULL,
    position bigint      NOT NULL,
    reason   text        NOT NULL,
    at       timestamptz NOT NULL DEFAULT now(),
    released boolean     NOT NULL DEFAULT false,
    PRIMARY KEY (consumer, stream)
);
COMMENT ON TABLE desk.parked IS
    'Streams that a consumer could not go on with: at which event, and why. No event: what is wrong lies in the consumer, not in the case.';
COMMENT ON COLUMN desk.parked.released IS 'Somebody has asked that it be tried again.';

CREATE TABLE desk.relayed (
    topics   text        COLLATE "C" PRIMARY KEY CONSTRAINT topics_are_known CHECK (topics IN ('events', 'state')),
    position bigint      NOT NULL DEFAULT 0,
    moved_at timestamptz NOT NULL DEFAULT now(),
    failure  text
);
COMMENT ON TABLE desk.relayed IS
    'Up to which position Kafka has acknowledged events, and the state of cases. No event: a cursor. No row: nothing was ever published.';
COMMENT ON COLUMN desk.relayed.failure IS 'Why it does not go on at the moment.';

GRANT SELECT, INSERT, UPDATE ON desk.consumers, desk.relayed TO casebook_service;
GRANT SELECT, INSERT, UPDATE, DELETE ON desk.handled, desk.parked TO casebook_service;
