-- A generation is filled without keys: each row's place in an index of random ids costs more than the row, and sorting them all
-- at the end a part of it. What several processes write at once, and must not write twice, has its key from the beginning.

-- An empty table like another one, without keys and indexes.
CREATE FUNCTION shape.bare(tab text, from_schema text, to_schema text) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
    source regclass := format('%I.%I', from_schema, tab);
BEGIN
    EXECUTE format('DROP TABLE IF EXISTS %I.%I', to_schema, tab);
    EXECUTE format('CREATE TABLE %I.%I (LIKE %s INCLUDING DEFAULTS INCLUDING GENERATED INCLUDING STORAGE INCLUDING COMMENTS)',
                   to_schema, tab, source);
    EXECUTE format('COMMENT ON TABLE %I.%I IS %L', to_schema, tab, obj_description(source, 'pg_class'));
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I.%I TO casebook_service', to_schema, tab);
END $$;

-- Its keys, and whatever must hold in each row; those that it does not have yet.
CREATE FUNCTION shape.key(tab text, from_schema text, to_schema text) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
    part record;
BEGIN
    FOR part IN
        SELECT conname, pg_get_constraintdef(oid) AS definition FROM pg_constraint c
         WHERE conrelid = format('%I.%I', from_schema, tab)::regclass AND contype IN ('p', 'u', 'c')
           AND NOT EXISTS (SELECT FROM pg_constraint h
                            WHERE h.conrelid = format('%I.%I', to_schema, tab)::regclass AND h.conname = c.conname)
         ORDER BY contype, conname
    LOOP
        EXECUTE format('ALTER TABLE %I.%I ADD CONSTRAINT %I %s', to_schema, tab, part.conname, part.definition);
    END LOOP;
END $$;

CREATE OR REPLACE FUNCTION shape.copy(tab text, from_schema text, to_schema text) RETURNS void
    LANGUAGE sql SET search_path = pg_catalog AS $$
    SELECT shape.bare(tab, from_schema, to_schema), shape.key(tab, from_schema, to_schema)
$$;

-- The one without `shared` stays for the release before: it fills tables that have their keys.
CREATE FUNCTION read.begin_generation(models text[], tables text[], shared text[]) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
    PERFORM read.drop_generation('next'), shape.known(tables);
    CREATE TABLE next.models (LIKE read.models INCLUDING ALL);
    GRANT SELECT, INSERT, UPDATE, DELETE ON next.models TO casebook_service;
    INSERT INTO next.models (name) SELECT unnest(models);
    PERFORM shape.bare(tab, 'shape', 'next') FROM unnest(tables) tab;
    PERFORM shape.key(tab, 'shape', 'next') FROM unnest(tables) tab WHERE tab = ANY (shared);
END $$;

CREATE OR REPLACE FUNCTION read.index_generation(tables text[]) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    tab text;
BEGIN
    PERFORM shape.known(tables);
    FOREACH tab IN ARRAY tables LOOP
        PERFORM shape.key(tab, 'shape', 'next'), shape.index(tab, 'shape', 'next');
        EXECUTE format('ANALYZE next.%I', tab);
    END LOOP;
END $$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA shape, read FROM public;
GRANT EXECUTE ON FUNCTION read.begin_generation(text[], text[], text[]) TO casebook_service;
