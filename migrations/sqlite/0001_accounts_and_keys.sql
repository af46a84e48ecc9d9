-- The tree of accounts, the keys that belong to them, and whose database this is.
-- Times are microseconds since the Unix epoch, identifiers are 16 bytes. A table of short rows that are looked up by identifier is its own
-- index (WITHOUT ROWID); one of long rows is not, for its tree would be too deep.

CREATE TABLE installation (
    id          integer PRIMARY KEY DEFAULT 1 CONSTRAINT installation_one_row CHECK (id = 1),
    environment text NOT NULL CONSTRAINT installation_environment CHECK (environment IN ('sandbox', 'production')),
    claimed_at  integer NOT NULL
) STRICT;

CREATE TABLE master_key (
    version     integer PRIMARY KEY NOT NULL CONSTRAINT master_key_version CHECK (version BETWEEN 1 AND 65535),
    fingerprint text NOT NULL CONSTRAINT master_key_fingerprint CHECK (length(fingerprint) = 32),
    first_used_at integer NOT NULL
) STRICT;

CREATE TABLE account (
    id         blob PRIMARY KEY NOT NULL,
    mid        text NOT NULL CONSTRAINT account_mid_key UNIQUE,
    role       text NOT NULL CONSTRAINT account_role CHECK (role IN ('platform', 'partner', 'merchant')),
    parent_id  blob CONSTRAINT account_parent REFERENCES account (id),
    name       text NOT NULL,
    status     text NOT NULL CONSTRAINT account_status CHECK (status IN ('active', 'suspended', 'closed')),
    created_at integer NOT NULL,
    CONSTRAINT account_root_is_platform CHECK ((role = 'platform') = (parent_id IS NULL)),
    CONSTRAINT account_mid_is_no_key_id CHECK (mid <> '' AND length(mid) <= 64 AND substr(mid, 1, 4) <> 'key_')
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX account_one_platform ON account (role) WHERE role = 'platform';
-- The merchants of a partner, newest first.
CREATE INDEX account_children ON account (parent_id, id DESC);

CREATE TABLE api_key (
    id                blob PRIMARY KEY NOT NULL,
    account_id        blob NOT NULL CONSTRAINT api_key_account REFERENCES account (id),
    type              text NOT NULL CONSTRAINT api_key_type CHECK (type IN ('secret', 'public', 'tokenization')),
    name              text NOT NULL,
    description       text,
    scopes            text NOT NULL,
    -- Whether it counts as a writer for the rule that nobody locks itself out; fixed for its life.
    writes_keys       integer NOT NULL CONSTRAINT api_key_writes_keys CHECK (writes_keys IN (0, 1)),
    digest            text,
    value             text,
    last_four         text NOT NULL,
    created_at        integer NOT NULL,
    created_by        blob, -- a key; none is the operator
    expires_at        integer,
    state             text NOT NULL CONSTRAINT api_key_state CHECK (state IN ('active', 'revoked')),
    revoked_at        integer,
    revoked_by        blob, -- a key; none in a revoked key is the operator
    revocation_reason text CONSTRAINT api_key_reason CHECK (
        revocation_reason IN ('unspecified', 'compromised', 'superseded', 'no_longer_needed')
    ),
    pair_id           blob,
    unique_name       text,
    CONSTRAINT api_key_secrets_are_digests CHECK ((type = 'secret') = (digest IS NOT NULL)),
    CONSTRAINT api_key_others_are_readable CHECK ((type <> 'secret') = (value IS NOT NULL)),
    CONSTRAINT api_key_revoked_whole CHECK (
        (state = 'revoked') = (revoked_at IS NOT NULL) AND (state = 'revoked') = (revocation_reason IS NOT NULL)
        AND (state = 'revoked' OR revoked_by IS NULL)
    ),
    CONSTRAINT api_key_pair_whole CHECK ((pair_id IS NULL) = (unique_name IS NULL))
) STRICT;
-- The three windows over an account's keys, newest first.
CREATE INDEX api_key_window ON api_key (account_id, id DESC);
CREATE INDEX api_key_active_window ON api_key (account_id, id DESC) WHERE state = 'active';
CREATE INDEX api_key_revoked_window ON api_key (account_id, id DESC) WHERE state = 'revoked';
-- The writer of an account that lives the longest.
CREATE INDEX api_key_writers ON api_key (account_id, coalesce(expires_at, 9223372036854775807) DESC)
    WHERE writes_keys = 1 AND state = 'active';
-- A pair is active while either of its keys is not revoked: whichever is left keeps the name taken.
CREATE UNIQUE INDEX api_key_unique_name ON api_key (account_id, unique_name, type)
    WHERE unique_name IS NOT NULL AND state = 'active';
CREATE INDEX api_key_pair_names ON api_key (account_id, name) WHERE pair_id IS NOT NULL AND state = 'active';

CREATE TABLE key_usage (
    key_id    blob PRIMARY KEY NOT NULL CONSTRAINT key_usage_key REFERENCES api_key (id),
    last_used integer NOT NULL
) STRICT, WITHOUT ROWID;
