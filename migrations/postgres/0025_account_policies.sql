-- Whether an account of a line has a policy of its own.

SET LOCAL lock_timeout = '2s';

CREATE INDEX account_policies ON account (parent_id) WHERE policy IS NOT NULL;
