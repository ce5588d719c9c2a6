-- What is too old is removed from this end.
CREATE INDEX messages_by_age ON messages (created_at_ms);
