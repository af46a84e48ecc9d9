-- What shows that this database is another one than it was, and what was lost with the one before.
--
-- A copy may be put in its place while no server runs (`keyward restore`), and its bytes may be written over it while one
-- does. Numbers of events alone do not show the second: both may have as many.

-- What was found missing: for people, in the log of the next server and for `keyward doctor`. No rule looks at it.
CREATE TABLE lost_history (
    id         integer PRIMARY KEY,
    -- The last event that is still there, and the last one that there was.
    kept_up_to integer NOT NULL CONSTRAINT lost_history_kept CHECK (kept_up_to >= 0),
    had_up_to  integer NOT NULL CONSTRAINT lost_history_had CHECK (had_up_to > kept_up_to),
    noticed_at integer NOT NULL,
    -- Whether a server has written it into its log.
    is_said    integer NOT NULL DEFAULT 0 CONSTRAINT lost_history_is_said CHECK (is_said IN (0, 1))
) STRICT;

-- A random number of each event, and of the last one in the head.
ALTER TABLE revocation_event ADD COLUMN nonce blob;
ALTER TABLE revocation_head ADD COLUMN nonce blob;
-- A random number of this copy of the database, for what makes no event: a server draws one when it starts, and each
-- copy gets one.
ALTER TABLE revocation_head ADD COLUMN copy blob;
UPDATE revocation_event SET nonce = randomblob(16);
UPDATE revocation_head SET copy = randomblob(16),
    nonce = (SELECT e.nonce FROM revocation_event e WHERE e.seq = revocation_head.seq);

CREATE TRIGGER revocation_event_named AFTER INSERT ON revocation_event WHEN NEW.nonce IS NULL BEGIN
    UPDATE revocation_event SET nonce = randomblob(16) WHERE seq = NEW.seq;
    UPDATE revocation_head SET nonce = (SELECT e.nonce FROM revocation_event e WHERE e.seq = NEW.seq)
    WHERE seq = NEW.seq;
END;
