-- Nothing to do: one process has this database, and opens it anew after a restore. So no caller was judged in another
-- history.
SELECT 1;
