-- How a key changes while it lives (contract, section 14): its version, its metadata, and whether it is suspended.
--
-- A suspension decides verdicts and the name is shown by verification, so changes of both are events, and callers are
-- waited for. The name of a revoked key is shown by no verdict: its change is no event, and leaves the enforcement of
-- the revocation as it is.

SET LOCAL lock_timeout = '2s';

ALTER TABLE api_key
    -- Grows by one with each change made to the key.
    ADD COLUMN version bigint NOT NULL DEFAULT 1,
    -- A JSON object of strings; none stands for an empty one.
    ADD COLUMN metadata text,
    ADD COLUMN suspended_at timestamptz,
    ADD COLUMN suspended_by uuid, -- an actor, as in created_by
    -- Level of whoever suspended the key, which may resume it; none stands for every level.
    ADD COLUMN suspended_level text,
    ADD COLUMN resumed_at timestamptz,
    -- The name by which an overwrite finds a key of a pair; none until the key is changed: its name then.
    ADD COLUMN pair_name text;
-- Not validated: every row that exists has none.
ALTER TABLE api_key ADD CONSTRAINT api_key_suspended_whole
    CHECK (suspended_at IS NOT NULL OR (suspended_by IS NULL AND suspended_level IS NULL)) NOT VALID;
ALTER TABLE api_key ADD CONSTRAINT api_key_suspended_level
    CHECK (suspended_level IN ('partner', 'platform', 'operator')) NOT VALID;

DROP TRIGGER api_key_changed ON api_key;
CREATE CONSTRAINT TRIGGER api_key_changed
    AFTER UPDATE OF state, name, scopes, not_before, expires_at, type, account_id, suspended_at ON api_key
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN ((OLD.state, OLD.scopes, OLD.not_before, OLD.expires_at, OLD.type, OLD.account_id, OLD.suspended_at IS NULL)
        IS DISTINCT FROM
            (NEW.state, NEW.scopes, NEW.not_before, NEW.expires_at, NEW.type, NEW.account_id, NEW.suspended_at IS NULL)
        OR (NEW.state = 'active' AND OLD.name IS DISTINCT FROM NEW.name))
    EXECUTE FUNCTION record_revocation_event('key');

DROP TRIGGER api_key_callers ON api_key;
CREATE CONSTRAINT TRIGGER api_key_callers
    AFTER UPDATE OF state, name, scopes, not_before, expires_at, type, account_id, suspended_at ON api_key
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN ((OLD.state, OLD.scopes, OLD.not_before, OLD.expires_at, OLD.type, OLD.account_id, OLD.suspended_at IS NULL)
        IS DISTINCT FROM
            (NEW.state, NEW.scopes, NEW.not_before, NEW.expires_at, NEW.type, NEW.account_id, NEW.suspended_at IS NULL)
        OR (NEW.state = 'active' AND OLD.name IS DISTINCT FROM NEW.name))
    EXECUTE FUNCTION wait_for_callers();
