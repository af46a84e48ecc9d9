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
