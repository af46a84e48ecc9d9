-- What the history is compared by stays: the last event is never deleted.
CREATE TRIGGER revocation_event_kept BEFORE DELETE ON revocation_event
WHEN OLD.seq >= (SELECT seq FROM revocation_head WHERE id = 1)
BEGIN
    SELECT RAISE(ABORT, 'DELETE of table revocation_event is refused: this is the last event');
END;
