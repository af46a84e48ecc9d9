-- When a key begins to be valid, if not with its creation (contract, section 16). It decides verdicts, so its changes are
-- events. No index: it is judged by the time of each request.

ALTER TABLE api_key ADD COLUMN not_before integer
    CONSTRAINT api_key_begins_before_it_ends CHECK (not_before < expires_at);

DROP TRIGGER api_key_changed;
CREATE TRIGGER api_key_changed AFTER UPDATE OF state, scopes, not_before, expires_at, type, account_id ON api_key
WHEN OLD.state IS NOT NEW.state OR OLD.scopes IS NOT NEW.scopes OR OLD.not_before IS NOT NEW.not_before
    OR OLD.expires_at IS NOT NEW.expires_at OR OLD.type IS NOT NEW.type OR OLD.account_id IS NOT NEW.account_id
BEGIN
    UPDATE revocation_head SET seq = seq + 1;
    INSERT INTO revocation_event (seq, scope, subject, change)
    SELECT h.seq, 'key', OLD.id, iif(OLD.state IS NOT NEW.state, NEW.state, 'changed') FROM revocation_head h;
    UPDATE api_key SET change_seq = (SELECT h.seq FROM revocation_head h), enforced_at = NULL WHERE id = NEW.id;
END;
