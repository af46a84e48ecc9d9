-- Fills the lines of keys that were created before the previous migration. It is no event: no verdict depends on it.
--
-- A migration of its own: the one before locks the table against reads. Here reads go on, and changes of keys wait.

UPDATE api_key k SET line_id = CASE WHEN p.parent_id IS NULL THEN a.id ELSE p.id END
FROM account a LEFT JOIN account p ON p.id = a.parent_id
WHERE a.id = k.account_id AND k.line_id IS NULL;
