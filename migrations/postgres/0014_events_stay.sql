-- What the history is compared by stays. Pruned are events that every member has applied, and never the last one: the
-- service never deletes others, and neither its role nor an operator's own statement does.

SET LOCAL lock_timeout = '2s';

CREATE FUNCTION keep_revocation_event() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    bound bigint;
BEGIN
    SELECT least(h.seq, (SELECT min(n.applied) FROM node_lease n)) INTO bound FROM revocation_head h;
    IF OLD.seq >= bound THEN
        RAISE EXCEPTION 'DELETE of table revocation_event is refused: event % is the last one, or not applied everywhere',
            OLD.seq;
    END IF;
    RETURN OLD;
END;
$$;
DO $$
BEGIN
    EXECUTE format(
        'ALTER FUNCTION keep_revocation_event() SET search_path = pg_catalog, %I, pg_temp', current_schema()
    );
END;
$$;
CREATE TRIGGER revocation_event_kept BEFORE DELETE ON revocation_event FOR EACH ROW
    EXECUTE FUNCTION keep_revocation_event();
