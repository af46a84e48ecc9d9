-- Finding keys among all keys of a partner (contract, section 15). A key's line is the account directly below the
-- platform that holds the key or is above its account; for a key of the platform, the platform.

ALTER TABLE api_key ADD COLUMN line_id blob;

UPDATE api_key SET line_id = (
    SELECT iif(p.parent_id IS NULL, a.id, p.id)
    FROM account a LEFT JOIN account p ON p.id = a.parent_id WHERE a.id = api_key.account_id
);

-- This service writes the line with the key; statements by hand do not.
CREATE TRIGGER api_key_line AFTER INSERT ON api_key WHEN NEW.line_id IS NULL
BEGIN
    UPDATE api_key SET line_id = (
        SELECT iif(p.parent_id IS NULL, a.id, p.id)
        FROM account a LEFT JOIN account p ON p.id = a.parent_id WHERE a.id = NEW.account_id
    ) WHERE id = NEW.id;
END;
CREATE TRIGGER api_key_line_moved AFTER UPDATE OF account_id ON api_key WHEN OLD.account_id IS NOT NEW.account_id
BEGIN
    UPDATE api_key SET line_id = (
        SELECT iif(p.parent_id IS NULL, a.id, p.id)
        FROM account a LEFT JOIN account p ON p.id = a.parent_id WHERE a.id = NEW.account_id
    ) WHERE id = NEW.id;
END;
CREATE TRIGGER account_moved AFTER UPDATE OF parent_id ON account WHEN OLD.parent_id IS NOT NEW.parent_id
BEGIN
    UPDATE api_key SET line_id = (
        SELECT iif(p.parent_id IS NULL, a.id, p.id)
        FROM account a LEFT JOIN account p ON p.id = a.parent_id WHERE a.id = api_key.account_id
    ) WHERE account_id = NEW.id OR account_id IN (SELECT a.id FROM account a WHERE a.parent_id = NEW.id);
END;

-- The windows over a line's keys: those of a state, and those of a creator, where an empty id stands for the operator.
CREATE INDEX api_key_line_window ON api_key (line_id, state, id);
CREATE INDEX api_key_line_creators ON api_key (line_id, coalesce(created_by, x''), id);
-- Keys that end by their own end.
CREATE INDEX api_key_line_ends ON api_key (line_id, expires_at) WHERE expires_at IS NOT NULL AND state = 'active';
-- Accounts with a policy of their own.
CREATE INDEX account_policies ON account (parent_id) WHERE policy IS NOT NULL;
