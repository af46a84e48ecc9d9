-- The window over those of an account's keys that are in one state begins with the account.
--
-- Its forerunner began with the state, and bounds on its first two columns did not end a walk at the account's last key:
-- Postgres went on through the keys of that state of every account with a lower id. Here the account is an equality.
--
-- Nothing was released with the old one, so it goes at once.

SET LOCAL lock_timeout = '2s';

CREATE INDEX api_key_account_state_window ON api_key (account_id, state, id);
DROP INDEX api_key_state_window;
