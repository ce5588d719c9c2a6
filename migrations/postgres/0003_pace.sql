-- When each account was first linked to this drover; a young one may send less a day.
CREATE TABLE accounts (
    id                 TEXT   NOT NULL PRIMARY KEY,
    first_linked_at_ms BIGINT NOT NULL
);
INSERT INTO accounts (id, first_linked_at_ms)
SELECT me::json ->> 'id', MIN(created_at_ms) FROM sessions WHERE me IS NOT NULL GROUP BY 1;

-- The queues that are paused, by session; `*` for all of them. Redis has copies.
CREATE TABLE pauses (
    session TEXT   NOT NULL PRIMARY KEY,
    cause   TEXT   NOT NULL,
    at_ms   BIGINT NOT NULL
);

-- What a session tried lately says how much of its limits it has used, and whether its circuit is open.
ALTER TABLE attempts ADD COLUMN session TEXT NOT NULL DEFAULT '';
UPDATE attempts SET session = COALESCE((SELECT session FROM messages WHERE id = message_id), '');
CREATE INDEX attempts_by_session ON attempts (session, at_ms);
