-- Who signs in: the directory of accounts and people, sessions, passwords, links to set one.

CREATE TABLE read.directory (
    id       uuid    PRIMARY KEY,
    kind     text    COLLATE "C" NOT NULL,
    key      text    COLLATE "C",
    name     text    NOT NULL,
    email    text,
    role     text    COLLATE "C",
    account  uuid,
    teams    text[]  NOT NULL,
    active   boolean NOT NULL,
    version  integer NOT NULL,
    position bigint  NOT NULL
);
CREATE INDEX directory_by_name ON read.directory (kind, lower(name) COLLATE "C", id);
CREATE INDEX directory_by_email ON read.directory (email) WHERE email IS NOT NULL;
COMMENT ON TABLE read.directory IS 'Accounts, people and calendars as they are now: found by name, address, account.';
GRANT SELECT, INSERT, UPDATE, DELETE ON read.directory TO casebook_service;

ALTER TABLE desk.tokens
    ADD COLUMN kind     text COLLATE "C" NOT NULL DEFAULT 'token' CONSTRAINT kind_is_known CHECK (kind IN ('token', 'session')),
    ADD COLUMN replaces uuid REFERENCES desk.tokens (id);
CREATE UNIQUE INDEX tokens_replaced_once ON desk.tokens (replaces) WHERE replaces IS NOT NULL AND revoked_at IS NULL;
COMMENT ON COLUMN desk.tokens.replaces IS 'The token that this one was made to take over from; both are good until the older one expires.';

CREATE TABLE desk.passwords (
    person uuid        PRIMARY KEY,
    hash   text        NOT NULL,
    set_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE desk.passwords IS 'Argon2id, in PHC form. No event: a secret has no place in a history that is kept for ever.';

CREATE TABLE desk.invitations (
    digest     bytea       PRIMARY KEY,
    person     uuid        NOT NULL,
    made_at    timestamptz NOT NULL DEFAULT now(),
    made_by    text        NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at    timestamptz
);
COMMENT ON TABLE desk.invitations IS 'Links to set a password, by their SHA-256; each is good once. No event: they are secrets.';

CREATE TABLE desk.sign_ins (
    address  bytea       PRIMARY KEY,
    failures integer     NOT NULL,
    until    timestamptz NOT NULL
);
COMMENT ON TABLE desk.sign_ins IS
    'Failed attempts by address (SHA-256), whether or not somebody has it: until when the next one is refused. '
    'No event: it is forgotten with the next success.';

GRANT SELECT, INSERT, UPDATE, DELETE ON desk.passwords, desk.invitations, desk.sign_ins TO casebook_service;
