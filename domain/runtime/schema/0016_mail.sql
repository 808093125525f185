-- What the mailer keeps beside deliveries and attempts: addresses that refuse mail.

CREATE TABLE desk.suppressed (
    digest bytea       PRIMARY KEY,
    why    text        NOT NULL,
    since  timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE desk.suppressed IS
    'Addresses whose server refused mail for good: none is sent there until somebody lifts it. No event: it is what another machine said.';
COMMENT ON COLUMN desk.suppressed.digest IS 'HMAC of the address under a key of the desk''s: nothing here names somebody who was erased.';

-- How many mails somebody had in the last hour.
CREATE INDEX deliveries_mailed ON desk.deliveries (recipient, done_at) WHERE channel = 'email' AND state = 'sent';
GRANT SELECT, INSERT, DELETE ON desk.suppressed TO casebook_service;
