-- Who changed what, when, and how it ended. Never a secret, never a text.
CREATE TABLE audit (
    id         INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    at_ms      BIGINT NOT NULL,
    key_id     TEXT   NOT NULL,
    address    TEXT   NOT NULL,
    action     TEXT   NOT NULL,
    target     TEXT   NOT NULL,
    status     BIGINT NOT NULL,
    code       TEXT,
    request_id TEXT   NOT NULL
);

CREATE INDEX audit_by_age ON audit (at_ms);
