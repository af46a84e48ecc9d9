-- Which account is within whose reach, written once: an account is visible from itself and from each account above it.
-- A statement compares `root_id` with the root of its caller's reach; for the operator, who has no root, with `id`,
-- because each account is visible from itself.
--
-- The left joins come first and are by unique columns, so a statement that uses no column of one does not execute it.

CREATE VIEW visible_account AS
SELECT r.id AS root_id, a.id, a.mid, a.role, a.status,
    p.id AS parent_id, p.mid AS parent_mid, p.role AS parent_role, p.status AS parent_status,
    g.id AS grandparent_id, g.mid AS grandparent_mid, g.role AS grandparent_role, g.status AS grandparent_status
FROM account a
LEFT JOIN account p ON p.id = a.parent_id
LEFT JOIN account g ON g.id = p.parent_id
JOIN account r ON r.id IN (a.id, p.id, p.parent_id);
