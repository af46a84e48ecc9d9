-- How high whoever suspended an account stands: it is resumed from there or from above.
--
-- NULL where an account is not suspended, and where it was before this step, when that was not recorded: such a
-- suspension is lifted as it was until now, and counts once the account is suspended again from higher up.

ALTER TABLE account ADD COLUMN suspended_by text
    CONSTRAINT account_suspended_by CHECK (suspended_by IN ('partner', 'platform', 'operator'));
