-- Read models: derived from the log, and made again from it at any time.

CREATE TABLE read.models (
    name       text        PRIMARY KEY,
    position   bigint      NOT NULL DEFAULT 0,
    failed_at  timestamptz,
    failure    text
);
COMMENT ON TABLE read.models IS
    'Up to which position each read model shows the log; one that failed stands there and says why.';

CREATE TABLE read.cases (
    id                 uuid        PRIMARY KEY,
    number             text        COLLATE "C" NOT NULL UNIQUE,
    account            uuid        NOT NULL,
    contact            uuid        NOT NULL,
    submitter          uuid        NOT NULL,
    phone              text,
    subject            text        NOT NULL,
    description        text        NOT NULL,
    tech_profile       jsonb,
    application        text        COLLATE "C" NOT NULL,
    application_name   text        NOT NULL,
    product_version    jsonb,
    component          jsonb,
    type               jsonb       NOT NULL,
    category           jsonb,
    severity           text        COLLATE "C" NOT NULL,
    severity_name      text        NOT NULL,
    severity_rank      smallint    NOT NULL,
    team               jsonb,
    assignee           uuid,
    assigned_at        timestamptz,
    status             text        COLLATE "C" NOT NULL,
    badges             text[]      NOT NULL,
    escalated_at       timestamptz,
    escalated_by       text,
    awaiting_until     timestamptz,
    closes_at          timestamptz,
    resolution         jsonb,
    closed_at          timestamptz,
    closed_on          text,
    customers_word     boolean,
    reopen_until       timestamptz,
    merged_into        text,
    rating             smallint,
    customer_reference text,
    external_ids       jsonb       NOT NULL,
    tags               text[]      NOT NULL,
    recipients         text[]      NOT NULL,
    pending            text[]      NOT NULL,
    erased             boolean     NOT NULL,
    created_at         timestamptz NOT NULL,
    version            integer     NOT NULL,
    modified_at        timestamptz NOT NULL,
    public_version     integer     NOT NULL,
    public_modified_at timestamptz NOT NULL
);
CREATE INDEX cases_open_by_change ON read.cases (modified_at DESC, id) WHERE status <> 'Closed';
CREATE INDEX cases_by_change ON read.cases (modified_at DESC, id);
CREATE INDEX cases_of_account_by_change ON read.cases (account, public_modified_at DESC, id);
COMMENT ON TABLE read.cases IS 'One row a case: what the list and the head of a case show.';

CREATE TABLE read.access (
    account uuid NOT NULL,
    person  uuid NOT NULL,
    case_id uuid NOT NULL,
    PRIMARY KEY (account, person, case_id)
);
CREATE INDEX access_of_case ON read.access (case_id);
COMMENT ON TABLE read.access IS
    'Which people of an account a case exists for: its contact and its submitter. Account-wide sight '
    'is every row of the account.';

GRANT SELECT, INSERT, UPDATE, DELETE ON read.models, read.cases, read.access TO casebook_service;
