-- Policies of accounts (contract, section 16). Verification judges them from the chain of a key's account, so a change
-- of one is an event.

-- A JSON object with those members that restrict something; none stands for a policy that restricts nothing.
ALTER TABLE account ADD COLUMN policy text;
-- Grows by one with each change of the policy.
ALTER TABLE account ADD COLUMN policy_version integer NOT NULL DEFAULT 1;

DROP VIEW visible_account;
CREATE VIEW visible_account AS
SELECT r.id AS root_id, a.id, a.mid, a.role, a.status,
    p.id AS parent_id, p.mid AS parent_mid, p.role AS parent_role, p.status AS parent_status,
    g.id AS grandparent_id, g.mid AS grandparent_mid, g.role AS grandparent_role, g.status AS grandparent_status,
    a.policy, p.policy AS parent_policy, g.policy AS grandparent_policy
FROM account a
LEFT JOIN account p ON p.id = a.parent_id
LEFT JOIN account g ON g.id = p.parent_id
JOIN account r ON r.id IN (a.id, p.id, p.parent_id);

DROP TRIGGER account_changed;
CREATE TRIGGER account_changed AFTER UPDATE OF status, parent_id, policy ON account
WHEN OLD.status IS NOT NEW.status OR OLD.parent_id IS NOT NEW.parent_id OR OLD.policy IS NOT NEW.policy
BEGIN
    UPDATE revocation_head SET seq = seq + 1;
    INSERT INTO revocation_event (seq, scope, subject, change)
    SELECT h.seq, 'account', OLD.id, CASE
        WHEN OLD.status IS NOT NEW.status THEN NEW.status
        WHEN OLD.parent_id IS NOT NEW.parent_id THEN 'moved'
        ELSE 'policy'
    END FROM revocation_head h;
    UPDATE account SET change_seq = (SELECT h.seq FROM revocation_head h), enforced_at = NULL WHERE id = NEW.id;
END;
