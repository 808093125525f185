-- Who was told of what, by which channel, and what came of it. No events: they follow from the log and from what mail servers answered.

CREATE TABLE desk.deliveries (
    id        uuid        PRIMARY KEY,
    stream    uuid        NOT NULL,
    version   integer     NOT NULL,
    position  bigint      NOT NULL,
    recipient text        NOT NULL COLLATE "C",
    relation  text        NOT NULL,
    channel   text        NOT NULL,
    kind      text        NOT NULL,
    state     text        NOT NULL,
    why       text,
    due_at    timestamptz NOT NULL DEFAULT now(),
    made_at   timestamptz NOT NULL DEFAULT now(),
    done_at   timestamptz,
    read_at   timestamptz,
    CONSTRAINT known_channel CHECK (channel IN ('email', 'in_app')),
    CONSTRAINT known_state   CHECK (state IN ('waiting', 'digest', 'sent', 'given up', 'suppressed', 'withheld'))
);
CREATE INDEX deliveries_of_case ON desk.deliveries (stream, position);
CREATE INDEX deliveries_due ON desk.deliveries (due_at) WHERE state IN ('waiting', 'digest');
CREATE INDEX deliveries_of_recipient ON desk.deliveries (recipient, position DESC) WHERE channel = 'in_app';
CREATE INDEX deliveries_unread ON desk.deliveries (recipient) WHERE channel = 'in_app' AND read_at IS NULL;
COMMENT ON TABLE desk.deliveries IS 'One row an event, recipient and channel; kept for ever.';
COMMENT ON COLUMN desk.deliveries.id IS 'UUIDv5 of event, recipient and channel: whoever makes it again makes the same.';
COMMENT ON COLUMN desk.deliveries.recipient IS 'The id of a person, or the address of somebody in copy; empty once it was erased.';
COMMENT ON COLUMN desk.deliveries.relation IS 'As what they are told: contact, submitter, watcher, cc, assignee, team, admin, mentioned, owner.';
COMMENT ON COLUMN desk.deliveries.why IS 'Why it was suppressed, withheld or given up.';

CREATE TABLE desk.attempts (
    delivery uuid        NOT NULL REFERENCES desk.deliveries,
    number   integer     NOT NULL,
    at       timestamptz NOT NULL DEFAULT now(),
    answer   text        NOT NULL,
    PRIMARY KEY (delivery, number)
);
COMMENT ON TABLE desk.attempts IS 'What came of each try to send a delivery: what the mail server said, or why there was no answer.';

GRANT SELECT, INSERT, UPDATE ON desk.deliveries TO casebook_service;
GRANT SELECT, INSERT ON desk.attempts TO casebook_service;
