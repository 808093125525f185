-- What happened in each case, in its place: who sees it now, and under which post it stands. No words: those stay in the log.

CREATE TABLE read.activity (
    position bigint  PRIMARY KEY,
    case_id  uuid    NOT NULL,
    account  uuid    NOT NULL,
    name     text    COLLATE "C" NOT NULL,
    kind     text    COLLATE "C" NOT NULL,
    entry    uuid,
    thread   uuid,
    internal boolean NOT NULL
);
CREATE INDEX activity_of_case ON read.activity (case_id, position);
CREATE INDEX activity_of_thread ON read.activity (thread, position) WHERE thread IS NOT NULL;
CREATE INDEX activity_of_account ON read.activity (account, position);
COMMENT ON TABLE read.activity IS 'One row for each event of a case: whether customers may know of it now, and to which post it belongs.';
COMMENT ON COLUMN read.activity.kind IS 'post, comment, change of an entry, file, or step in the life of the case.';
COMMENT ON COLUMN read.activity.thread IS 'The post below which it is shown; null for a step.';
GRANT SELECT, INSERT, UPDATE, DELETE ON read.activity TO casebook_service;
