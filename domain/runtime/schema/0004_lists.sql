-- The list of cases: the columns that it is sorted and filtered by. The rows are made again from the log.

TRUNCATE read.cases;
UPDATE read.models SET position = 0, failed_at = NULL, failure = NULL WHERE name = 'cases';

ALTER TABLE read.cases
    ADD COLUMN account_name    text,
    ADD COLUMN contact_name    text,
    ADD COLUMN assignee_name   text,
    ADD COLUMN status_rank     smallint NOT NULL,
    ADD COLUMN awaiting        text     COLLATE "C",
    ADD COLUMN links           jsonb    NOT NULL,
    ADD COLUMN watchers        uuid[]   NOT NULL,
    ADD COLUMN position        bigint   NOT NULL,
    ADD COLUMN public_position bigint;
COMMENT ON COLUMN read.cases.account_name IS 'As the account is called now, and so with the two other names.';
COMMENT ON COLUMN read.cases.position IS 'Of the last event of the case: what changed since a position is what lies behind it.';
COMMENT ON COLUMN read.cases.public_position IS 'The same of the last event that customers may know of.';

-- Both columns in one direction, so that a page goes on where the one before ended, forwards and backwards.
DROP INDEX read.cases_open_by_change, read.cases_by_change, read.cases_of_account_by_change;
CREATE INDEX cases_open_by_change ON read.cases (modified_at, id) WHERE status <> 'Closed';
CREATE INDEX cases_by_change ON read.cases (modified_at, id);
CREATE INDEX cases_by_creation ON read.cases (created_at, id);
CREATE INDEX cases_of_account ON read.cases (account, public_modified_at, id);
CREATE INDEX cases_of_assignee ON read.cases (assignee, modified_at, id) WHERE status <> 'Closed';
CREATE INDEX cases_of_contact ON read.cases (contact);
-- Answers how many open cases there are of an application and so on without a look at the rows.
CREATE INDEX cases_open_counted ON read.cases (application, severity, status) WHERE status <> 'Closed';
CREATE INDEX cases_counted ON read.cases (application, severity, status);
CREATE INDEX cases_by_reference ON read.cases (customer_reference) WHERE customer_reference IS NOT NULL;
CREATE INDEX cases_by_external_id ON read.cases USING gin (external_ids jsonb_path_ops);
CREATE INDEX cases_by_tag ON read.cases USING gin (tags);
CREATE INDEX cases_by_position ON read.cases (position);
CREATE INDEX cases_by_public_position ON read.cases (public_position);
