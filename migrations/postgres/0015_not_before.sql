-- When a key begins to be valid, if not with its creation (contract, section 16). It decides verdicts, so its changes are
-- events, and callers are waited for. No index: it is judged by the time of each request.

SET LOCAL lock_timeout = '2s';

ALTER TABLE api_key ADD COLUMN not_before timestamptz;
-- Not validated: every row that exists has none.
ALTER TABLE api_key ADD CONSTRAINT api_key_begins_before_it_ends CHECK (not_before < expires_at) NOT VALID;

DROP TRIGGER api_key_changed ON api_key;
CREATE CONSTRAINT TRIGGER api_key_changed
    AFTER UPDATE OF state, scopes, not_before, expires_at, type, account_id ON api_key
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN ((OLD.state, OLD.scopes, OLD.not_before, OLD.expires_at, OLD.type, OLD.account_id)
        IS DISTINCT FROM (NEW.state, NEW.scopes, NEW.not_before, NEW.expires_at, NEW.type, NEW.account_id))
    EXECUTE FUNCTION record_revocation_event('key');

DROP TRIGGER api_key_callers ON api_key;
CREATE CONSTRAINT TRIGGER api_key_callers
    AFTER UPDATE OF state, scopes, not_before, expires_at, type, account_id ON api_key
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN ((OLD.state, OLD.scopes, OLD.not_before, OLD.expires_at, OLD.type, OLD.account_id)
        IS DISTINCT FROM (NEW.state, NEW.scopes, NEW.not_before, NEW.expires_at, NEW.type, NEW.account_id))
    EXECUTE FUNCTION wait_for_callers();
