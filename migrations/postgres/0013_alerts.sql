-- The problems that were told as alerts, by the session that has them (`server` for drover itself) and their code: whether they are
-- open, and how far mails told of them. What is told once is a row whose end is its beginning.
CREATE TABLE alert_problems (
    session        TEXT   NOT NULL,
    code           TEXT   NOT NULL,
    severity       TEXT   NOT NULL,
    message        TEXT   NOT NULL,
    raised_at_ms   BIGINT NOT NULL,
    resolved_at_ms BIGINT,
    mailed_at_ms   BIGINT,
    repeats        BIGINT NOT NULL DEFAULT 0,
    is_told        BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (session, code)
);

CREATE INDEX alert_problems_repeated ON alert_problems (mailed_at_ms) WHERE repeats > 0;

-- Mails that were not sent yet, one a recipient, and those that were given up. What was sent has no row.
CREATE TABLE alert_mails (
    id            TEXT   NOT NULL PRIMARY KEY,
    recipient     TEXT   NOT NULL,
    subject       TEXT   NOT NULL,
    text          TEXT   NOT NULL,
    html          TEXT   NOT NULL,
    state         TEXT   NOT NULL,
    attempts      BIGINT NOT NULL,
    due_at_ms     BIGINT NOT NULL,
    created_at_ms BIGINT NOT NULL,
    error_code    TEXT,
    error_detail  TEXT
);

CREATE INDEX alert_mails_waiting ON alert_mails (created_at_ms) WHERE state = 'waiting';

-- The one row: up to which event mails were written.
CREATE TABLE alert_cursor (
    id  BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    seq BIGINT NOT NULL
);
