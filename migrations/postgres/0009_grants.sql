-- What a node does to the rows of other nodes, as functions of the owner of the tables: so the role of the service needs no
-- right to delete leases.
--
-- A role that the README's grants make can read, add and renew leases. It cannot empty the table: a revocation would wait for
-- no node then.

SET LOCAL lock_timeout = '2s';

-- A node gives back its own lease, by the name that it drew for itself. Returns how many rows that was.
CREATE FUNCTION leave_node_lease(leaving uuid) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    gone bigint;
BEGIN
    DELETE FROM node_lease WHERE node = leaving;
    GET DIAGNOSTICS gone = ROW_COUNT;
    RETURN gone;
END;
$$;

-- Takes away the row of a node that stands still (R10). The caller has watched the row for the lease and the guard on its own
-- clock; here the database's clock must agree that the lease is over. A row that was renewed in the future says that this
-- clock was set back: then the caller's clock decides alone. Returns how many rows were taken away.
CREATE FUNCTION reap_node_lease(still uuid, at_counter bigint) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    gone bigint;
BEGIN
    DELETE FROM node_lease WHERE node = still AND counter = at_counter
    AND clock_timestamp() NOT BETWEEN renewed_at AND renewed_at + ttl_ms * interval '1 millisecond';
    GET DIAGNOSTICS gone = ROW_COUNT;
    RETURN gone;
END;
$$;

-- They find their table whatever the search path of the session, and no temporary table in its place.
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
REVOKE ALL ON FUNCTION leave_node_lease(uuid), reap_node_lease(uuid, bigint) FROM PUBLIC;
