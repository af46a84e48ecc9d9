-- How high whoever suspended an account stands: it is resumed from there or from above.
--
-- NULL where an account is not suspended, and where it was before this step, when that was not recorded: such a
-- suspension is lifted as it was until now, and counts once the account is suspended again from higher up.

SET LOCAL lock_timeout = '2s';

ALTER TABLE account ADD COLUMN suspended_by text;
-- Not checked against the rows that are there: all of them hold NULL.
ALTER TABLE account ADD CONSTRAINT account_suspended_by CHECK (suspended_by IN ('partner', 'platform', 'operator')) NOT VALID;
