-- The timekeeper looks every few seconds for the few cases in which something runs, and not through all that are open.
CREATE INDEX cases_with_a_timer ON read.cases (id) WHERE status <> 'Closed' AND (closes_at IS NOT NULL OR awaiting_until IS NOT NULL);
CREATE INDEX cases_with_a_timer ON shape.cases (id) WHERE status <> 'Closed' AND (closes_at IS NOT NULL OR awaiting_until IS NOT NULL);
