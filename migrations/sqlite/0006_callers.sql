-- Nothing to do: no two units of work are under way at once, so a caller that is looked at in its own unit of work,
-- before anything else, is what it was until that is committed (R19).
SELECT 1;
