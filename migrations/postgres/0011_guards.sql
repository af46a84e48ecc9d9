-- What an operator's own statement, one wrong row or a node that stood still could still break.

SET LOCAL lock_timeout = '2s';

-- A caller's right may end by itself (R19). A node judges that by its own clock, and may stand still before its last
-- message is read. So that message ends with this, and the commit follows. `ends_at` is in microseconds since the Unix epoch.
CREATE PROCEDURE confirm_in_time(ends_at bigint) LANGUAGE plpgsql AS $$
BEGIN
    IF ends_at <= extract(epoch FROM clock_timestamp()) * 1000000 THEN
        RAISE EXCEPTION 'the right of the caller has ended since it was judged' USING ERRCODE = 'KW019';
    END IF;
END;
$$;

-- Longer than any profile's lease. Every process waits for the longest lease that it ever saw, so one wrong row would hold
-- up each revocation of every node until all of them were started anew. There is one row a node: this locks the table for
-- an instant.
ALTER TABLE node_lease ADD CONSTRAINT node_lease_ttl_at_most CHECK (ttl_ms <= 60000);

-- A lease goes only by the functions that give it back or reap it (R10). Deleted by hand, a revocation is answered while
-- the node of that row still answers from memory. The mark names the row, and lasts as long as the function does.
CREATE FUNCTION keep_node_lease() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('keyward.gives_back_lease', true) IS DISTINCT FROM OLD.node::text THEN
        RAISE EXCEPTION 'DELETE of table node_lease is refused: a revocation would not wait for node %', OLD.node
        USING HINT = 'The row of a node that has ended is taken away by another node, once its lease is over. '
            'If no node runs, start one, or stop all and run: SELECT leave_node_lease(node) FROM node_lease';
    END IF;
    RETURN OLD;
END;
$$;
CREATE TRIGGER node_lease_kept BEFORE DELETE ON node_lease FOR EACH ROW EXECUTE FUNCTION keep_node_lease();

CREATE OR REPLACE FUNCTION leave_node_lease(leaving uuid) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    gone bigint;
BEGIN
    PERFORM set_config('keyward.gives_back_lease', leaving::text, true);
    DELETE FROM node_lease WHERE node = leaving;
    GET DIAGNOSTICS gone = ROW_COUNT;
    PERFORM set_config('keyward.gives_back_lease', '', true);
    RETURN gone;
END;
$$;

CREATE OR REPLACE FUNCTION reap_node_lease(still uuid, at_counter bigint) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    gone bigint;
BEGIN
    PERFORM set_config('keyward.gives_back_lease', still::text, true);
    DELETE FROM node_lease WHERE node = still AND counter = at_counter
    AND clock_timestamp() NOT BETWEEN renewed_at AND renewed_at + ttl_ms * interval '1 millisecond';
    GET DIAGNOSTICS gone = ROW_COUNT;
    PERFORM set_config('keyward.gives_back_lease', '', true);
    RETURN gone;
END;
$$;

-- A replaced function loses the settings that it had.
DO $$
DECLARE
    signature text;
BEGIN
    FOREACH signature IN ARRAY ARRAY['leave_node_lease(uuid)', 'reap_node_lease(uuid, bigint)'] LOOP
        EXECUTE format(
            'ALTER FUNCTION %s SET search_path = pg_catalog, %I, pg_temp', signature, current_schema()
        );
    END LOOP;
END;
$$;

-- Emptied, it would make every node that is behind start anew, and take what the history is compared by.
CREATE TRIGGER revocation_event_stays BEFORE TRUNCATE ON revocation_event
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_statement();
