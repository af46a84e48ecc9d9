-- Policies of accounts (contract, section 16). Verification judges them from the chain of a key's account, so a change
-- of one is an event, and callers are waited for.

SET LOCAL lock_timeout = '2s';

ALTER TABLE account
    -- A JSON object with those members that restrict something; none stands for a policy that restricts nothing.
    ADD COLUMN policy text,
    -- Grows by one with each change of the policy.
    ADD COLUMN policy_version bigint NOT NULL DEFAULT 1;

CREATE OR REPLACE VIEW visible_account WITH (security_invoker = true) AS
SELECT r.id AS root_id, a.id, a.mid, a.role, a.status,
    p.id AS parent_id, p.mid AS parent_mid, p.role AS parent_role, p.status AS parent_status,
    g.id AS grandparent_id, g.mid AS grandparent_mid, g.role AS grandparent_role, g.status AS grandparent_status,
    a.policy, p.policy AS parent_policy, g.policy AS grandparent_policy
FROM account a
LEFT JOIN account p ON p.id = a.parent_id
LEFT JOIN account g ON g.id = p.parent_id
JOIN account r ON r.id IN (a.id, p.id, p.parent_id);

CREATE OR REPLACE FUNCTION record_revocation_event() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    number bigint;
    named  uuid;
    change text := 'deleted';
BEGIN
    UPDATE revocation_head SET seq = seq + 1, nonce = gen_random_uuid() WHERE id
    RETURNING seq, nonce INTO STRICT number, named;
    IF TG_OP = 'UPDATE' AND TG_TABLE_NAME = 'api_key' THEN
        change := CASE WHEN OLD.state IS DISTINCT FROM NEW.state THEN NEW.state ELSE 'changed' END;
        UPDATE api_key SET change_seq = number, enforced_at = NULL WHERE id = NEW.id;
    ELSIF TG_OP = 'UPDATE' THEN
        change := CASE
            WHEN OLD.status IS DISTINCT FROM NEW.status THEN NEW.status
            WHEN OLD.parent_id IS DISTINCT FROM NEW.parent_id THEN 'moved'
            ELSE 'policy'
        END;
        UPDATE account SET change_seq = number, enforced_at = NULL WHERE id = NEW.id;
    END IF;
    INSERT INTO revocation_event (seq, scope, subject, change, at, nonce)
    VALUES (number, TG_ARGV[0], OLD.id, change, clock_timestamp(), named);
    -- Until the end of the transaction.
    PERFORM set_config('keyward.event', number::text, true);
    PERFORM set_config('keyward.event_nonce', named::text, true);
    RETURN NULL;
END;
$$;
-- A replaced function loses the settings that it had.
DO $$
BEGIN
    EXECUTE format(
        'ALTER FUNCTION record_revocation_event() SET search_path = pg_catalog, %I, pg_temp', current_schema()
    );
END;
$$;

DROP TRIGGER account_changed ON account;
CREATE CONSTRAINT TRIGGER account_changed AFTER UPDATE OF status, parent_id, policy ON account
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN ((OLD.status, OLD.parent_id, OLD.policy) IS DISTINCT FROM (NEW.status, NEW.parent_id, NEW.policy))
    EXECUTE FUNCTION record_revocation_event('account');

DROP TRIGGER account_callers ON account;
CREATE CONSTRAINT TRIGGER account_callers AFTER UPDATE OF status, parent_id, policy ON account
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN ((OLD.status, OLD.parent_id, OLD.policy) IS DISTINCT FROM (NEW.status, NEW.parent_id, NEW.policy))
    EXECUTE FUNCTION wait_for_callers();
