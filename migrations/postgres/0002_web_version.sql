-- The WhatsApp Web version that the session's page had last.
ALTER TABLE sessions ADD COLUMN web_version TEXT;
