-- How many attempts a dead letter had when it was last taken back: they are history and do not count any more.
ALTER TABLE messages ADD COLUMN attempts_forgiven BIGINT NOT NULL DEFAULT 0;

-- What WhatsApp answered when it was asked for a number; good for a while, then asked again.
CREATE TABLE numbers (
    phone         TEXT   NOT NULL PRIMARY KEY,
    chat          TEXT,
    checked_at_ms BIGINT NOT NULL
);
CREATE INDEX numbers_by_age ON numbers (checked_at_ms);
