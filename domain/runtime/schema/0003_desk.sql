-- State that is no event. Each table says why.

CREATE TABLE desk.tokens (
    id         uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
    digest     bytea       NOT NULL UNIQUE,
    hint       text        NOT NULL,
    person     uuid        NOT NULL,
    scopes     text[]      NOT NULL,
    label      text        NOT NULL,
    made_at    timestamptz NOT NULL DEFAULT now(),
    made_by    text        NOT NULL,
    expires_at timestamptz,
    revoked_at timestamptz,
    used_at    timestamptz
);
CREATE INDEX tokens_of_person ON desk.tokens (person);
COMMENT ON TABLE desk.tokens IS
    'Bearer tokens, by their SHA-256. No event: a secret has no place in a history that is kept for ever.';

GRANT SELECT, INSERT, UPDATE ON desk.tokens TO casebook_service;
