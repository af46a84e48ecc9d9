-- A change is committed only in the history in which its caller was judged (R18, R19).
--
-- `confirm_callers` compares numbers of events. A database that went back gives them a second time, so a caller that
-- was judged up to number 15 of the history that is lost would pass where number 15 of this one has come, whatever it
-- was as of the copy: a change of its rights that is lost counted on.

SET LOCAL lock_timeout = '2s';

-- Refuses to go on (KW019) unless the database is of each of these histories. To be called in the message that commits.
CREATE PROCEDURE confirm_history(tokens text[]) LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM unnest(tokens) AS j (token) CROSS JOIN history_token h WHERE j.token <> h.token) THEN
        RAISE EXCEPTION 'the caller was judged in another history' USING ERRCODE = 'KW019';
    END IF;
END;
$$;
