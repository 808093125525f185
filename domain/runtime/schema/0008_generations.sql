-- A read model is made anew beside the one that is read, and takes its place in one step.
--
-- `shape` has each table as it is to be, empty: a migration changes it there, at once and without touching a row. `next` has those
-- that are being built, `read` those that are read, `old` those that were. Their owner makes and moves them, in the functions below;
-- the service fills them.

CREATE SCHEMA shape;
CREATE SCHEMA next;
CREATE SCHEMA old;
COMMENT ON SCHEMA shape IS 'The tables of the read models as this release wants them, without rows.';
COMMENT ON SCHEMA next  IS 'Read models that are being built, or replayed to be compared.';
COMMENT ON SCHEMA old   IS 'Read models whose place another generation took, until somebody drops them.';
GRANT USAGE ON SCHEMA shape, next, old TO casebook_service;

-- An empty table like another one, with its keys; its indexes wait until it is filled.
CREATE FUNCTION shape.copy(tab text, from_schema text, to_schema text) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
    source regclass := format('%I.%I', from_schema, tab);
    part record;
BEGIN
    EXECUTE format('DROP TABLE IF EXISTS %I.%I', to_schema, tab);
    EXECUTE format('CREATE TABLE %I.%I (LIKE %s INCLUDING DEFAULTS INCLUDING GENERATED INCLUDING STORAGE INCLUDING COMMENTS)',
                   to_schema, tab, source);
    EXECUTE format('COMMENT ON TABLE %I.%I IS %L', to_schema, tab, obj_description(source, 'pg_class'));
    FOR part IN
        SELECT conname, pg_get_constraintdef(oid) AS definition FROM pg_constraint
         WHERE conrelid = source AND contype IN ('p', 'u', 'c') ORDER BY contype, conname
    LOOP
        EXECUTE format('ALTER TABLE %I.%I ADD CONSTRAINT %I %s', to_schema, tab, part.conname, part.definition);
    END LOOP;
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I.%I TO casebook_service', to_schema, tab);
END $$;

CREATE FUNCTION shape.index(tab text, from_schema text, to_schema text) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
    definition text;
BEGIN
    FOR definition IN
        SELECT replace(pg_get_indexdef(indexrelid), format(' ON %I.%I ', from_schema, tab), format(' ON %I.%I ', to_schema, tab))
          FROM pg_index i
         WHERE indrelid = format('%I.%I', from_schema, tab)::regclass
           AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conindid = i.indexrelid)
         ORDER BY indexrelid
    LOOP
        EXECUTE definition;
    END LOOP;
END $$;

-- What tells two tables apart: columns, keys and indexes, in words that do not name the schema.
CREATE FUNCTION shape.of(tab text, in_schema text) RETURNS text
    LANGUAGE sql STABLE SET search_path = pg_catalog AS $$
    SELECT concat_ws(E'\n',
        (SELECT string_agg(concat_ws(' ', attname, format_type(atttypid, atttypmod), attcollation::regcollation, attnotnull,
                                     pg_get_expr(adbin, adrelid)), E'\n' ORDER BY attname)
           FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
          WHERE attrelid = t.oid AND attnum > 0 AND NOT attisdropped),
        (SELECT string_agg(concat_ws(' ', conname, pg_get_constraintdef(oid)), E'\n' ORDER BY conname)
           FROM pg_constraint WHERE conrelid = t.oid AND contype IN ('p', 'u', 'c')),
        (SELECT string_agg(replace(pg_get_indexdef(indexrelid), format(' ON %I.%I ', in_schema, tab), ' ON '), E'\n' ORDER BY indexrelid::regclass::text)
           FROM pg_index WHERE indrelid = t.oid))
      FROM pg_class t WHERE t.oid = to_regclass(format('%I.%I', in_schema, tab))
$$;

CREATE FUNCTION read.is_outdated(tab text) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
    SELECT shape.of(tab, 'shape') IS DISTINCT FROM shape.of(tab, 'read')
$$;
COMMENT ON FUNCTION read.is_outdated IS 'Whether a migration changed the shape of this table since it was built.';

-- Nobody but the owner names a table here that is no read model's.
CREATE FUNCTION shape.known(tables text[]) RETURNS void
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog AS $$
DECLARE
    tab text;
BEGIN
    FOREACH tab IN ARRAY tables LOOP
        IF to_regclass(format('shape.%I', tab)) IS NULL THEN
            RAISE EXCEPTION 'there is no read model with a table %', tab USING ERRCODE = 'undefined_table';
        END IF;
    END LOOP;
END $$;

CREATE FUNCTION read.begin_generation(models text[], tables text[]) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
    PERFORM read.drop_generation('next'), shape.known(tables);
    CREATE TABLE next.models (LIKE read.models INCLUDING ALL);
    GRANT SELECT, INSERT, UPDATE, DELETE ON next.models TO casebook_service;
    INSERT INTO next.models (name) SELECT unnest(models);
    PERFORM shape.copy(tab, 'shape', 'next') FROM unnest(tables) tab;
END $$;

CREATE FUNCTION read.index_generation(tables text[]) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    tab text;
BEGIN
    PERFORM shape.known(tables);
    FOREACH tab IN ARRAY tables LOOP
        PERFORM shape.index(tab, 'shape', 'next');
        EXECUTE format('ANALYZE next.%I', tab);
    END LOOP;
END $$;

CREATE FUNCTION read.switch_generation(tables text[]) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    tab text;
BEGIN
    PERFORM shape.known(tables);
    FOREACH tab IN ARRAY tables LOOP
        EXECUTE format('DROP TABLE IF EXISTS old.%I', tab);
        EXECUTE format('ALTER TABLE read.%I SET SCHEMA old', tab);
        EXECUTE format('ALTER TABLE next.%I SET SCHEMA read', tab);
    END LOOP;
    UPDATE read.models m SET position = n.position, failed_at = NULL, failure = NULL FROM next.models n WHERE n.name = m.name;
    DROP TABLE next.models;
END $$;

CREATE FUNCTION read.drop_generation(which text) RETURNS text[]
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    tab text;
    dropped text[] := '{}';
BEGIN
    IF which NOT IN ('next', 'old') THEN
        RAISE EXCEPTION 'only next and old can be dropped' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    FOR tab IN SELECT tablename FROM pg_tables WHERE schemaname = which ORDER BY tablename LOOP
        EXECUTE format('DROP TABLE %I.%I', which, tab);
        dropped := dropped || tab;
    END LOOP;
    RETURN dropped;
END $$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA shape, read FROM public;
GRANT EXECUTE ON FUNCTION read.is_outdated, read.begin_generation, read.index_generation, read.switch_generation,
                          read.drop_generation TO casebook_service;

SELECT shape.copy(tab, 'read', 'shape'), shape.index(tab, 'read', 'shape') FROM unnest(ARRAY['access', 'activity', 'cases', 'directory']) tab;
REVOKE INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA shape FROM casebook_service;
