-- The log: the only truth, and the one way into it.
-- Everything here belongs to the owner; the service reads, and writes by log.append() alone.

CREATE SCHEMA log;
CREATE SCHEMA read;
CREATE SCHEMA desk;
COMMENT ON SCHEMA log IS 'History and the keys to its words. Append only; the truth.';
COMMENT ON SCHEMA read IS 'Read models. May be dropped at any time: they are made again from the log.';
COMMENT ON SCHEMA desk IS 'State that is no event: deliveries, sessions, tokens, cursors. Backed up with the log.';

-- The first five columns are those of the eventsourcing library, which reads this table as its own.
-- Its suites count versions from 0: hence no CHECK on the version.
CREATE TABLE log.events (
    notification_id    bigint      PRIMARY KEY,
    originator_id      uuid        NOT NULL,
    originator_version integer     NOT NULL,
    topic              text        NOT NULL CONSTRAINT topic_within_255_characters CHECK (length(topic) <= 255),
    state              bytea       NOT NULL CONSTRAINT state_within_256_kib CHECK (octet_length(state) <= 262144),
    recorded_at        timestamptz NOT NULL,
    command_id         uuid,
    UNIQUE (originator_id, originator_version)
);
CREATE UNIQUE INDEX events_command ON log.events (command_id) WHERE command_id IS NOT NULL;
COMMENT ON TABLE log.events IS 'What happened, in commit order. It exists because everything else is derived from it.';
COMMENT ON COLUMN log.events.notification_id IS 'The position: 1, 2, 3 … without a hole, in commit order.';
COMMENT ON COLUMN log.events.originator_id IS 'The stream: a case, a person, a document.';
COMMENT ON COLUMN log.events.originator_version IS '1, 2, 3 … in the stream, without a hole.';
COMMENT ON COLUMN log.events.topic IS 'The stored name, such as case.escalated. Never an import path.';
COMMENT ON COLUMN log.events.state IS 'The recorded event as canonical JSON: what is hashed and proved. Never changed.';
COMMENT ON COLUMN log.events.recorded_at IS 'Given under the lock: along positions it never runs backwards.';
COMMENT ON COLUMN log.events.command_id IS 'On the first event of a command, so that a repeated one finds its answer.';

-- No foreign key: an event never goes, and its key is written in the same call.
CREATE TABLE log.keys (
    stream  uuid    NOT NULL,
    version integer NOT NULL,
    slot    text    COLLATE "C" NOT NULL CONSTRAINT slot_is_known CHECK (slot IN ('text', 'personal')),
    wrapped bytea,
    destroyed_as text COLLATE "C" CONSTRAINT destruction_is_known CHECK (destroyed_as IN ('redacted', 'erased')),
    destroyed_at timestamptz,
    PRIMARY KEY (stream, version, slot),
    CONSTRAINT there_or_destroyed CHECK ((wrapped IS NULL) = (destroyed_as IS NOT NULL AND destroyed_at IS NOT NULL))
);
COMMENT ON TABLE log.keys IS
    'The keys to the encrypted fields of events, wrapped by a master key. Apart from the events because a key must be '
    'destroyed to redact or erase, and an event never is. Written only together with its event, and '
    'destroyed only together with the event that says so; what is left then says when and why.';

CREATE TABLE log.unchanged (
    command_id uuid        PRIMARY KEY,
    digest     text        NOT NULL,
    stream     uuid        NOT NULL,
    version    integer     NOT NULL,
    position   bigint      NOT NULL,
    at         timestamptz NOT NULL
);
COMMENT ON TABLE log.unchanged IS
    'Commands that changed nothing. No event tells of them, and a repeated one must still be given the answer it had.';

CREATE TABLE log.identity (
    one   boolean PRIMARY KEY DEFAULT true CONSTRAINT one_row CHECK (one),
    id    uuid    NOT NULL DEFAULT gen_random_uuid(),
    epoch integer NOT NULL DEFAULT 1
);
INSERT INTO log.identity DEFAULT VALUES;
COMMENT ON TABLE log.identity IS
    'Which log this is and which epoch. A restore raises the epoch, so that a subscriber who is ahead of it notices.';

CREATE SEQUENCE log.case_numbers MAXVALUE 99999999 NO CYCLE;
COMMENT ON SEQUENCE log.case_numbers IS 'Case numbers, 8 digits, never used twice. A refused command leaves a hole: a number is no position.';

CREATE FUNCTION log.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE insufficient_privilege USING MESSAGE = format('log.%s is append only: %s is refused', TG_TABLE_NAME, TG_OP);
END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON log.events
    FOR EACH STATEMENT EXECUTE FUNCTION log.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON log.unchanged
    FOR EACH STATEMENT EXECUTE FUNCTION log.refuse_change();

-- One call writes one flush: in commit order, without a gap.
--
-- batch: [item, …]; an item is one command: [command id, [event, …]] or [command id, [event, …], [destruction, …]]
-- event: [stream, version, topic, state, {slot: wrapped key in base64} or null]        the state is text
--        [stream, version, topic, state in base64, {…} or null, true]                  the state is any bytes
--        [stream, version, null, digest]             no event: the command changed nothing at that version
-- destruction: [stream, version, older version or null, slot or null, redacted or erased]   the event of that stream
--     and version, one of its item's, destroys keys of its stream that are older than itself; null: all of them
--
-- One row comes back per item, in the batch's order, and the position of the command's first event; its
-- events take neighbouring positions:
--   appended   its events are written, all of them, also over several streams
--   unchanged  that it changed nothing is remembered; the position is the head
--   repeated   the command is here already; the position is that of then
--   conflict   its versions do not continue their streams; nothing of it is written, and there is no position
-- A stream and a command stand once in a batch, for items do not see each other: whoever breaks this gets
-- a unique violation and nothing is written.
CREATE FUNCTION log.append(batch jsonb) RETURNS TABLE (outcome text, first_position bigint)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
-- A plan made while the table is tiny would stay with the session, and a new one each time costs more than the work.
SET enable_seqscan = off
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    head        bigint;
    stamp       timestamptz;
    destruction record;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE invalid_transaction_state USING MESSAGE = 'log.append needs READ COMMITTED: it must see what was '
            'committed while it waited for the lock';
    END IF;
    -- Held until the commit, so that positions are given in commit order. What follows reads after it was granted.
    PERFORM pg_advisory_xact_lock(4716);
    SELECT e.notification_id, greatest(clock_timestamp(), e.recorded_at) INTO head, stamp
      FROM log.events e ORDER BY e.notification_id DESC LIMIT 1;
    head := coalesce(head, 0);
    stamp := coalesce(stamp, clock_timestamp());
    RETURN QUERY
    WITH event AS (
        SELECT i.ord, e.n, (i.item->>0)::uuid AS command, (e.v->>0)::uuid AS stream, (e.v->>1)::integer AS version,
               e.v->>2 AS topic, e.v->>3 AS state, e.v->4 AS keys, e.v->5 AS any_bytes
          FROM jsonb_array_elements(batch) WITH ORDINALITY AS i(item, ord),
               jsonb_array_elements(i.item->1) WITH ORDINALITY AS e(v, n)
    ), looked_up AS (
        -- Scalar subqueries are always index probes; a join would leave the planner a choice.
        SELECT e.*,
               CASE WHEN e.n = 1 THEN coalesce(
                   (SELECT x.notification_id FROM log.events x WHERE x.command_id = e.command),
                   (SELECT u.position FROM log.unchanged u WHERE u.command_id = e.command))
               END AS known,
               coalesce(
                   lag(e.version) OVER (PARTITION BY e.ord, e.stream ORDER BY e.n),
                   (SELECT x.originator_version FROM log.events x WHERE x.originator_id = e.stream
                     ORDER BY x.originator_version DESC LIMIT 1)
               ) AS before
          FROM event e
    ), judged AS (
        SELECT l.*, max(l.known) OVER item AS repeats,
               bool_and(CASE WHEN l.topic IS NULL  THEN l.version = coalesce(l.before, 0)
                             WHEN l.before IS NULL THEN l.version < 2  -- the library's own streams begin at 0
                             ELSE l.version = l.before + 1 END) OVER item AS continues
          FROM looked_up l
        WINDOW item AS (PARTITION BY l.ord)
    ), placed AS MATERIALIZED (
        SELECT j.*, j.repeats IS NULL AND j.continues AS accepted,
               head + count(j.topic) FILTER (WHERE j.repeats IS NULL AND j.continues) OVER (ORDER BY j.ord, j.n) AS place
          FROM judged j
    ), events AS (
        INSERT INTO log.events (notification_id, originator_id, originator_version, topic, state, recorded_at, command_id)
        SELECT p.place, p.stream, p.version, p.topic,
               CASE WHEN p.any_bytes IS NULL THEN convert_to(p.state, 'UTF8') ELSE decode(p.state, 'base64') END,
               stamp, CASE WHEN p.n = 1 THEN p.command END
          FROM placed p WHERE p.accepted AND p.topic IS NOT NULL
    ), keys AS (
        INSERT INTO log.keys (stream, version, slot, wrapped)
        SELECT p.stream, p.version, k.key, decode(k.value, 'base64')
          FROM placed p, jsonb_each_text(nullif(p.keys, 'null')) k WHERE p.accepted
    ), remembered AS (
        INSERT INTO log.unchanged (command_id, digest, stream, version, position, at)
        SELECT p.command, p.state, p.stream, p.version, head, stamp
          FROM placed p WHERE p.accepted AND p.topic IS NULL
    )
    SELECT CASE WHEN p.repeats IS NOT NULL THEN 'repeated'
                WHEN NOT p.continues       THEN 'conflict'
                WHEN p.topic IS NULL       THEN 'unchanged'
                ELSE 'appended' END,
           CASE WHEN p.accepted THEN CASE WHEN p.topic IS NULL THEN head ELSE p.place END ELSE p.repeats END
      FROM placed p WHERE p.n = 1 ORDER BY p.ord;
    -- Apart from the rest, where a join with the keys would read all of them, by a plan made while they were few.
    IF jsonb_path_exists(batch, '$[*][2]') THEN
        FOR destruction IN
            SELECT (d.v->>0)::uuid AS stream, (d.v->>1)::integer AS version, (d.v->>2)::integer AS older, d.v->>3 AS slot, d.v->>4 AS reason
              FROM jsonb_array_elements(batch) AS i(item), jsonb_array_elements(i.item->2) AS d(v)
        LOOP
            UPDATE log.keys k SET wrapped = NULL, destroyed_as = destruction.reason, destroyed_at = stamp
             WHERE k.stream = destruction.stream AND k.version < destruction.version AND k.wrapped IS NOT NULL
               AND (destruction.older IS NULL OR k.version = destruction.older)
               AND (destruction.slot IS NULL OR k.slot = destruction.slot)
               AND head < (SELECT e.notification_id FROM log.events e  -- written by this very call
                            WHERE e.originator_id = destruction.stream AND e.originator_version = destruction.version);
        END LOOP;
    END IF;
    IF EXISTS (SELECT FROM log.events e WHERE e.notification_id > head) THEN
        NOTIFY events;
    END IF;
END $$;
COMMENT ON FUNCTION log.append IS 'The one way into the log, for the service and for everybody else.';

REVOKE ALL ON SCHEMA log, read, desk FROM PUBLIC;
REVOKE ALL ON FUNCTION log.append FROM PUBLIC;
GRANT USAGE ON SCHEMA log, read, desk TO casebook_service;
GRANT SELECT ON log.events, log.keys, log.unchanged, log.identity TO casebook_service;
GRANT USAGE ON SEQUENCE log.case_numbers TO casebook_service;
GRANT EXECUTE ON FUNCTION log.append TO casebook_service;
