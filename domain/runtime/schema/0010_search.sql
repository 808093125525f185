-- Finding a case by words. Texts stand in tables of their own, so that what changes a status touches none of their indexes.

CREATE TABLE read.search (
    case_id uuid     PRIMARY KEY,
    words   tsvector NOT NULL
);
CREATE INDEX search_by_word ON read.search USING gin (words) WITH (gin_pending_list_limit = 1024);
COMMENT ON TABLE read.search IS
    'The words of a case, cut and folded by projections/words.py. A sign stands before what is no word that everybody may ask for: '
    '~ internal words, # the number, @ who may see the case.';
COMMENT ON COLUMN read.search.words IS 'A: subject, reference, external ids; B: description, tags; C: entries and names of files.';

CREATE TABLE read.search_open (
    case_id uuid     PRIMARY KEY,
    words   tsvector NOT NULL
);
CREATE INDEX search_open_by_word ON read.search_open USING gin (words) WITH (gin_pending_list_limit = 1024);
COMMENT ON TABLE read.search_open IS
    'The same of open cases alone: what most people ask for most of the time is a small part of all. Closing a case deletes its row.';

CREATE TABLE read.search_texts (
    case_id  uuid    NOT NULL,
    entry    uuid    NOT NULL,
    number   integer NOT NULL,
    kind     text    COLLATE "C" NOT NULL,
    internal boolean NOT NULL,
    text     text    NOT NULL,
    PRIMARY KEY (case_id, entry)
);
COMMENT ON TABLE read.search_texts IS 'What the words of a conversation were cut from: entries and names of files, in their order.';

CREATE TABLE read.search_words (
    word  text   COLLATE "C" PRIMARY KEY,
    short text[] COLLATE "C" NOT NULL
);
CREATE INDEX search_words_by_short ON read.search_words USING gin (short);
COMMENT ON TABLE read.search_words IS 'Each word of letters that occurs in any case, and no other: where typing errors find what was meant.';
COMMENT ON COLUMN read.search_words.short IS 'The word, and what it is with one letter left out.';

GRANT SELECT, INSERT, UPDATE, DELETE ON read.search, read.search_open, read.search_texts, read.search_words TO casebook_service;
SELECT shape.copy(tab, 'read', 'shape'), shape.index(tab, 'read', 'shape') FROM unnest(ARRAY['search', 'search_open', 'search_texts', 'search_words']) tab;
REVOKE INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA shape FROM casebook_service;
