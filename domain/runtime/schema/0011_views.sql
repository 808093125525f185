-- Lists as people keep them. No events: nothing that happened depends on how somebody looks at it.

CREATE TABLE desk.views (
    id      uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
    owner   uuid        NOT NULL,
    shared  boolean     NOT NULL,
    account uuid,
    name    text        NOT NULL,
    query   text        NOT NULL,
    columns text[]      NOT NULL,
    set_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX views_of_owner ON desk.views (owner);
CREATE INDEX views_of_account ON desk.views (account) WHERE shared;
COMMENT ON TABLE desk.views IS 'Saved views: which cases, which columns, in which order. No event: a way of looking.';
COMMENT ON COLUMN desk.views.account IS 'Of which account the owner is; null for the desk. A shared view is shown to all of them.';

CREATE TABLE desk.list_choices (
    person      uuid   PRIMARY KEY,
    application text   COLLATE "C",
    columns     text[]
);
COMMENT ON TABLE desk.list_choices IS 'The application that somebody chose last, and the columns of their list. No event: a way of looking.';

GRANT SELECT, INSERT, UPDATE, DELETE ON desk.views, desk.list_choices TO casebook_service;
