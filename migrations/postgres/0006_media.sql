-- Files under media/ in the data folder: what was received, and what was uploaded to be sent.
CREATE TABLE media_files (
    session       TEXT   NOT NULL,
    name          TEXT   NOT NULL,
    mime          TEXT   NOT NULL,
    file_name     TEXT,
    bytes         BIGINT NOT NULL,
    sha256        TEXT   NOT NULL,
    created_at_ms BIGINT NOT NULL,
    PRIMARY KEY (session, name)
);
CREATE INDEX media_files_by_age ON media_files (created_at_ms);

-- Which messages need which file. A hold is committed before its message is accepted, so it may be of a message that never came.
CREATE TABLE media_holds (
    message_id TEXT   NOT NULL,
    session    TEXT   NOT NULL,
    name       TEXT   NOT NULL,
    held_at_ms BIGINT NOT NULL,
    PRIMARY KEY (session, name, message_id)
);
