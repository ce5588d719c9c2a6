-- Times are Unix milliseconds; JSON is TEXT; a boolean is 0 or 1. The SQLite twin has the same columns.

CREATE TABLE sessions (
    name          TEXT   NOT NULL PRIMARY KEY,
    desired       TEXT   NOT NULL,
    state         TEXT   NOT NULL,
    reason        TEXT,
    me            TEXT,
    config        TEXT   NOT NULL,
    created_at_ms BIGINT NOT NULL
);

-- One row a chat that was ever written to. Updating it first makes the acceptances of a chat serial and their times strictly
-- rising, which is the chat's order.
CREATE TABLE chats (
    session          TEXT   NOT NULL,
    chat             TEXT   NOT NULL,
    last_accepted_ms BIGINT NOT NULL,
    PRIMARY KEY (session, chat)
);

CREATE TABLE messages (
    position        BIGINT  NOT NULL GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id              TEXT    NOT NULL UNIQUE,
    session         TEXT    NOT NULL,
    chat            TEXT    NOT NULL,
    content         TEXT    NOT NULL,
    priority        TEXT    NOT NULL,
    send_at_ms      BIGINT,
    expires_at_ms   BIGINT,
    state           TEXT    NOT NULL,
    ack             BIGINT  NOT NULL,
    message_key     TEXT,
    error_code      TEXT,
    error_detail    TEXT,
    accepted_by     TEXT    NOT NULL,
    idempotency_key TEXT,
    fingerprint     TEXT    NOT NULL,
    created_at_ms   BIGINT  NOT NULL
);

CREATE UNIQUE INDEX messages_by_idempotency_key ON messages (session, idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX messages_by_chat ON messages (session, chat, created_at_ms);
CREATE INDEX messages_by_state ON messages (session, state);
CREATE INDEX messages_undispatched ON messages (session, position)
    WHERE state IN ('accepted', 'queued', 'claimed', 'sending');
CREATE INDEX messages_expiring ON messages (expires_at_ms)
    WHERE expires_at_ms IS NOT NULL AND state IN ('accepted', 'queued');
CREATE INDEX messages_dead ON messages (position) WHERE state = 'dead';

CREATE TABLE attempts (
    message_id  TEXT   NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
    number      BIGINT NOT NULL,
    at_ms       BIGINT NOT NULL,
    message_key TEXT   NOT NULL,
    outcome     TEXT,
    detail      TEXT,
    PRIMARY KEY (message_id, number)
);

CREATE TABLE events (
    seq     BIGINT NOT NULL PRIMARY KEY,
    at_ms   BIGINT NOT NULL,
    kind    TEXT   NOT NULL,
    session TEXT   NOT NULL,
    payload TEXT   NOT NULL
);

-- The one row whose update makes events become visible in the order of their numbers.
CREATE TABLE event_counter (
    id  BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    seq BIGINT NOT NULL
);
INSERT INTO event_counter (id, seq) VALUES (1, 0);

CREATE TABLE api_keys (
    id            TEXT   NOT NULL PRIMARY KEY,
    hash          TEXT   NOT NULL UNIQUE,
    is_admin      BIGINT NOT NULL,
    session       TEXT,
    actions       TEXT   NOT NULL,
    is_active     BIGINT NOT NULL,
    created_at_ms BIGINT NOT NULL
);
