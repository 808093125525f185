-- What people want to be told of, and whose mail of a case has ended.

CREATE TABLE desk.preferences (
    person uuid        PRIMARY KEY,
    chosen jsonb       NOT NULL,
    set_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE desk.preferences IS
    'What somebody wants to be told, by which channel, as what; who is not here is told everything. No event: it is about a person''s '
    'own letter box, and nothing that happened depends on it.';

CREATE TABLE desk.unsubscribed (
    stream    uuid        NOT NULL,
    recipient text        NOT NULL COLLATE "C",
    at        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (stream, recipient)
);
COMMENT ON TABLE desk.unsubscribed IS
    'Who has ended the mail of a case: a person, or an address in copy. No event: whoever follows a link in a mail is nobody whom '
    'Casebook knows, and the case stays as it is.';

GRANT SELECT, INSERT, UPDATE, DELETE ON desk.preferences, desk.unsubscribed TO casebook_service;
