-- A lane is one webhook's events of one session, in order. Its cursor is the number of the last event that was settled:
-- delivered, or put among the dead letters.
CREATE TABLE webhook_lanes (
    webhook    TEXT   NOT NULL,
    session    TEXT   NOT NULL,
    cursor_seq BIGINT NOT NULL,
    PRIMARY KEY (webhook, session)
) WITHOUT ROWID;

-- Deliveries that failed at least once: those that wait for their next try, and the dead letters. What is delivered at the first
-- try has no row. The event is kept with them, so that a dead letter outlives the event log.
CREATE TABLE webhook_deliveries (
    id            TEXT   NOT NULL PRIMARY KEY,
    webhook       TEXT   NOT NULL,
    session       TEXT   NOT NULL,
    seq           BIGINT NOT NULL,
    at_ms         BIGINT NOT NULL,
    kind          TEXT   NOT NULL,
    payload       TEXT   NOT NULL,
    state         TEXT   NOT NULL,
    attempts      BIGINT NOT NULL,
    due_at_ms     BIGINT NOT NULL,
    error_code    TEXT,
    error_detail  TEXT,
    updated_at_ms BIGINT NOT NULL
);

CREATE INDEX webhook_deliveries_waiting ON webhook_deliveries (webhook, session, seq) WHERE state = 'waiting';
CREATE INDEX webhook_deliveries_dead ON webhook_deliveries (updated_at_ms) WHERE state = 'dead';

-- A lane that was away reads the events of its session alone.
CREATE INDEX events_by_session ON events (session, seq);
