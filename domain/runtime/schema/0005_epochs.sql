-- Which restores a log has been through.

CREATE TABLE log.epochs (
    epoch integer     PRIMARY KEY,
    after bigint      NOT NULL,
    began timestamptz NOT NULL DEFAULT now(),
    by    text        NOT NULL
);
INSERT INTO log.epochs (epoch, after, by) SELECT epoch, 0, 'system:migration' FROM log.identity;
COMMENT ON TABLE log.epochs IS
    'When each epoch of this log began. No event: an event takes a position, and which positions still hold is what it '
    'tells. Whoever has read beyond `after` in the epoch before has read what a restore took away.';

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON log.epochs
    FOR EACH STATEMENT EXECUTE FUNCTION log.refuse_change();

GRANT SELECT ON log.epochs TO casebook_service;
