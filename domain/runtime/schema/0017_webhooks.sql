-- Webhooks: how far each subscription is, what it signs with, which cases it could not be sent, and what was answered.

CREATE TABLE desk.subscriptions (
    id            uuid        PRIMARY KEY,
    position      bigint      NOT NULL,
    ahead         bigint[]    NOT NULL DEFAULT '{}',
    run           bigint      NOT NULL DEFAULT 1,
    state         text        NOT NULL DEFAULT 'active',
    why           text,
    failures      integer     NOT NULL DEFAULT 0,
    failing_since timestamptz,
    next_try      timestamptz,
    made_at       timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT known_state CHECK (state IN ('active', 'stopped', 'gone'))
);
COMMENT ON TABLE desk.subscriptions IS 'How far a webhook is in the log. No event: it follows from what a receiver answered. What it is to be sent is a document.';
COMMENT ON COLUMN desk.subscriptions.position IS 'All that the owner sees up to here was acknowledged, or its case is set aside.';
COMMENT ON COLUMN desk.subscriptions.ahead IS 'Positions behind it that were acknowledged before their turn: cases do not wait for each other.';
COMMENT ON COLUMN desk.subscriptions.run IS 'Raised whenever somebody else moves or takes over: what was on its way until then moves nothing.';
COMMENT ON COLUMN desk.subscriptions.why IS 'Why it was stopped; for one that is active the last failure.';

CREATE TABLE desk.subscription_secrets (
    subscription uuid        NOT NULL REFERENCES desk.subscriptions,
    number       integer     NOT NULL,
    wrapped      bytea       NOT NULL,
    made_at      timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz,
    PRIMARY KEY (subscription, number)
);
COMMENT ON TABLE desk.subscription_secrets IS 'What webhooks are signed with, wrapped by the master key. No event: a secret is never in the log.';

CREATE TABLE desk.subscription_cases (
    subscription uuid        NOT NULL REFERENCES desk.subscriptions,
    stream       uuid        NOT NULL,
    position     bigint      NOT NULL,
    attempts     integer     NOT NULL,
    next_try     timestamptz,
    why          text        NOT NULL,
    since        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (subscription, stream)
);
COMMENT ON TABLE desk.subscription_cases IS 'Cases that a receiver refuses: they are sent no further while the others are. No event: it follows from its answers.';
COMMENT ON COLUMN desk.subscription_cases.position IS 'The first event of the case that was not acknowledged.';
COMMENT ON COLUMN desk.subscription_cases.next_try IS 'Null: parked until somebody retries or skips it.';

CREATE TABLE desk.subscription_attempts (
    id           bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    subscription uuid        NOT NULL REFERENCES desk.subscriptions,
    delivery     uuid        NOT NULL,
    type         text        NOT NULL,
    position     bigint,
    stream       uuid,
    version      integer,
    at           timestamptz NOT NULL DEFAULT now(),
    took_ms      integer     NOT NULL,
    status       integer,
    answer       text        NOT NULL
);
CREATE INDEX attempts_of_subscription ON desk.subscription_attempts (subscription, id DESC);
CREATE INDEX attempts_by_age ON desk.subscription_attempts (at);
COMMENT ON TABLE desk.subscription_attempts IS 'What came of each try to send a webhook, for 30 days. No event: what another machine answered.';
COMMENT ON COLUMN desk.subscription_attempts.position IS 'Null, as are stream and version, of a test event: it stands in no log.';
COMMENT ON COLUMN desk.subscription_attempts.answer IS 'The first 1,024 bytes of it; without a status why there was none.';

CREATE TABLE desk.subscription_tests (
    id           uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
    subscription uuid        NOT NULL REFERENCES desk.subscriptions,
    asked_at     timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE desk.subscription_tests IS 'Test events that wait to be sent, once. No event: nothing happened.';

GRANT SELECT, INSERT, UPDATE ON desk.subscriptions TO casebook_service;
GRANT SELECT, INSERT, UPDATE, DELETE ON desk.subscription_secrets, desk.subscription_cases TO casebook_service;
GRANT SELECT, INSERT, DELETE ON desk.subscription_attempts, desk.subscription_tests TO casebook_service;
