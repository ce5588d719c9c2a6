-- What came in, each once. `position` is the order in which it was told.
CREATE TABLE inbound (
    position       INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    session        TEXT    NOT NULL,
    id             TEXT    NOT NULL,
    from_me        BIGINT  NOT NULL,
    message_key    TEXT    NOT NULL,
    chat           TEXT    NOT NULL,
    sender         TEXT    NOT NULL,
    kind           TEXT    NOT NULL,
    body           TEXT    NOT NULL,
    sent_at_s      BIGINT  NOT NULL,
    received_at_ms BIGINT  NOT NULL,
    payload        TEXT    NOT NULL
);

CREATE UNIQUE INDEX inbound_by_id ON inbound (session, id, from_me);
CREATE INDEX inbound_by_chat ON inbound (session, chat, sent_at_s);
CREATE INDEX inbound_by_age ON inbound (received_at_ms);

-- Up to when the messages of a session's account are known to have come in.
CREATE TABLE inbound_cursors (
    session   TEXT   NOT NULL PRIMARY KEY,
    account   TEXT   NOT NULL,
    seen_to_s BIGINT NOT NULL
) WITHOUT ROWID;
