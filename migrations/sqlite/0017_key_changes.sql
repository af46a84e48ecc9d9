-- How a key changes while it lives (contract, section 14): its version, its metadata, and whether it is suspended.
-- Times are microseconds since the Unix epoch, identifiers are 16 bytes.
--
-- A suspension decides verdicts and the name is shown by verification, so changes of both are events. The name of a
-- revoked key is shown by no verdict: its change is no event, and leaves the enforcement of the revocation as it is.

-- Grows by one with each change made to the key.
ALTER TABLE api_key ADD COLUMN version integer NOT NULL DEFAULT 1;
-- A JSON object of strings; none stands for an empty one.
ALTER TABLE api_key ADD COLUMN metadata text;
ALTER TABLE api_key ADD COLUMN suspended_at integer;
ALTER TABLE api_key ADD COLUMN suspended_by blob; -- an actor, as in created_by
-- Level of whoever suspended the key, which may resume it; none stands for every level.
ALTER TABLE api_key ADD COLUMN suspended_level text
    CONSTRAINT api_key_suspended_level CHECK (suspended_level IN ('partner', 'platform', 'operator'))
    CONSTRAINT api_key_suspended_whole
        CHECK (suspended_at IS NOT NULL OR (suspended_by IS NULL AND suspended_level IS NULL));
ALTER TABLE api_key ADD COLUMN resumed_at integer;
-- The name by which an overwrite finds a key of a pair; none until the key is changed: its name then.
ALTER TABLE api_key ADD COLUMN pair_name text;

DROP TRIGGER api_key_changed;
CREATE TRIGGER api_key_changed
AFTER UPDATE OF state, name, scopes, not_before, expires_at, type, account_id, suspended_at ON api_key
WHEN OLD.state IS NOT NEW.state OR OLD.scopes IS NOT NEW.scopes OR OLD.not_before IS NOT NEW.not_before
    OR OLD.expires_at IS NOT NEW.expires_at OR OLD.type IS NOT NEW.type OR OLD.account_id IS NOT NEW.account_id
    OR (OLD.suspended_at IS NULL) <> (NEW.suspended_at IS NULL)
    OR (NEW.state = 'active' AND OLD.name IS NOT NEW.name)
BEGIN
    UPDATE revocation_head SET seq = seq + 1;
    INSERT INTO revocation_event (seq, scope, subject, change)
    SELECT h.seq, 'key', OLD.id, iif(OLD.state IS NOT NEW.state, NEW.state, 'changed') FROM revocation_head h;
    UPDATE api_key SET change_seq = (SELECT h.seq FROM revocation_head h), enforced_at = NULL WHERE id = NEW.id;
END;
