-- What was narrowed or widened, in order, and how far each change has got.
-- Times are microseconds since the Unix epoch, identifiers are 16 bytes.
--
-- Triggers write the event, so that a statement typed by hand makes one too, in the transaction of the change. There is
-- one writer at a time: numbers are consecutive, and whoever sees number n sees all before it (R1). They fire for what
-- decides a verdict, and only where it became something else: never on INSERT (a key that nobody knows is not
-- remembered), and not for digest, name, usage or their own columns. REPLACE alone slips through: SQLite deletes then
-- without firing. By hand, write UPDATE.

-- The number of the last event.
CREATE TABLE revocation_head (
    id  integer PRIMARY KEY DEFAULT 1 CONSTRAINT revocation_head_one_row CHECK (id = 1),
    seq integer NOT NULL
) STRICT;
INSERT INTO revocation_head (id, seq) VALUES (1, 0);
CREATE TRIGGER revocation_head_stays BEFORE DELETE ON revocation_head BEGIN
    SELECT RAISE(ABORT, 'without its row no change could be numbered');
END;

CREATE TABLE revocation_event (
    seq     integer PRIMARY KEY NOT NULL,
    scope   text NOT NULL CONSTRAINT revocation_event_scope CHECK (scope IN ('key', 'account')),
    subject blob NOT NULL,
    change  text NOT NULL,
    -- By the database's own clock, which a statement typed by hand has too: whole milliseconds, for that is what SQLite
    -- tells. It says when history may be dropped, and no rule of the protocol looks at it. Older engines, such as a
    -- shell that an operator has at hand, know julianday, but not the fractions of unixepoch.
    at      integer NOT NULL DEFAULT (CAST(round((julianday('now') - 2440587.5) * 86400000) AS integer) * 1000)
) STRICT;

-- The event that last changed the row, and when that was in force everywhere.
ALTER TABLE api_key ADD COLUMN change_seq integer;
ALTER TABLE api_key ADD COLUMN enforced_at integer;
ALTER TABLE account ADD COLUMN change_seq integer;
ALTER TABLE account ADD COLUMN enforced_at integer;

-- What is no longer active by now was in force at once: nothing was remembered before.
UPDATE api_key SET change_seq = 0, enforced_at = revoked_at WHERE state <> 'active';
UPDATE account SET change_seq = 0,
    enforced_at = CAST(round((julianday('now') - 2440587.5) * 86400000) AS integer) * 1000
WHERE status <> 'active';

CREATE TRIGGER api_key_changed AFTER UPDATE OF state, scopes, expires_at, type, account_id ON api_key
WHEN OLD.state IS NOT NEW.state OR OLD.scopes IS NOT NEW.scopes OR OLD.expires_at IS NOT NEW.expires_at
    OR OLD.type IS NOT NEW.type OR OLD.account_id IS NOT NEW.account_id
BEGIN
    UPDATE revocation_head SET seq = seq + 1;
    INSERT INTO revocation_event (seq, scope, subject, change)
    SELECT h.seq, 'key', OLD.id, iif(OLD.state IS NOT NEW.state, NEW.state, 'changed') FROM revocation_head h;
    UPDATE api_key SET change_seq = (SELECT h.seq FROM revocation_head h), enforced_at = NULL WHERE id = NEW.id;
END;

CREATE TRIGGER api_key_deleted AFTER DELETE ON api_key BEGIN
    UPDATE revocation_head SET seq = seq + 1;
    INSERT INTO revocation_event (seq, scope, subject, change)
    SELECT h.seq, 'key', OLD.id, 'deleted' FROM revocation_head h;
END;

CREATE TRIGGER account_changed AFTER UPDATE OF status, parent_id ON account
WHEN OLD.status IS NOT NEW.status OR OLD.parent_id IS NOT NEW.parent_id
BEGIN
    UPDATE revocation_head SET seq = seq + 1;
    INSERT INTO revocation_event (seq, scope, subject, change)
    SELECT h.seq, 'account', OLD.id, iif(OLD.status IS NOT NEW.status, NEW.status, 'moved') FROM revocation_head h;
    UPDATE account SET change_seq = (SELECT h.seq FROM revocation_head h), enforced_at = NULL WHERE id = NEW.id;
END;

CREATE TRIGGER account_deleted AFTER DELETE ON account BEGIN
    UPDATE revocation_head SET seq = seq + 1;
    INSERT INTO revocation_event (seq, scope, subject, change)
    SELECT h.seq, 'account', OLD.id, 'deleted' FROM revocation_head h;
END;
