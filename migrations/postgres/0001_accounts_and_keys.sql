-- The tree of accounts, the keys that belong to them, and whose database this is.

CREATE TABLE installation (
    id          boolean PRIMARY KEY DEFAULT true CONSTRAINT installation_one_row CHECK (id),
    environment text NOT NULL CONSTRAINT installation_environment CHECK (environment IN ('sandbox', 'production')),
    claimed_at  timestamptz NOT NULL
);

CREATE TABLE master_key (
    version     integer PRIMARY KEY CONSTRAINT master_key_version CHECK (version BETWEEN 1 AND 65535),
    fingerprint text NOT NULL CONSTRAINT master_key_fingerprint CHECK (length(fingerprint) = 32),
    first_used_at timestamptz NOT NULL
);

CREATE TABLE account (
    id         uuid PRIMARY KEY,
    mid        text NOT NULL CONSTRAINT account_mid_key UNIQUE,
    role       text NOT NULL CONSTRAINT account_role CHECK (role IN ('platform', 'partner', 'merchant')),
    parent_id  uuid CONSTRAINT account_parent REFERENCES account (id),
    name       text NOT NULL,
    status     text NOT NULL CONSTRAINT account_status CHECK (status IN ('active', 'suspended', 'closed')),
    created_at timestamptz NOT NULL,
    CONSTRAINT account_root_is_platform CHECK ((role = 'platform') = (parent_id IS NULL)),
    CONSTRAINT account_mid_is_no_key_id CHECK (mid <> '' AND length(mid) <= 64 AND left(mid, 4) <> 'key_')
);
CREATE UNIQUE INDEX account_one_platform ON account (role) WHERE role = 'platform';
-- The merchants of a partner, newest last.
CREATE INDEX account_children ON account (parent_id, id);

CREATE TABLE api_key (
    id                uuid PRIMARY KEY,
    account_id        uuid NOT NULL CONSTRAINT api_key_account REFERENCES account (id),
    type              text NOT NULL CONSTRAINT api_key_type CHECK (type IN ('secret', 'public', 'tokenization')),
    name              text NOT NULL,
    description       text,
    scopes            text NOT NULL,
    -- Whether it counts as a writer for the rule that nobody locks itself out; fixed for its life.
    writes_keys       boolean NOT NULL,
    digest            text,
    value             text,
    last_four         text NOT NULL,
    created_at        timestamptz NOT NULL,
    created_by        uuid, -- a key; none is the operator
    expires_at        timestamptz,
    state             text COLLATE "C" NOT NULL CONSTRAINT api_key_state CHECK (state IN ('active', 'revoked')),
    revoked_at        timestamptz,
    revoked_by        uuid, -- a key; none in a revoked key is the operator
    revocation_reason text CONSTRAINT api_key_reason CHECK (
        revocation_reason IN ('unspecified', 'compromised', 'superseded', 'no_longer_needed')
    ),
    pair_id           uuid,
    unique_name       text,
    CONSTRAINT api_key_secrets_are_digests CHECK ((type = 'secret') = (digest IS NOT NULL)),
    CONSTRAINT api_key_others_are_readable CHECK ((type <> 'secret') = (value IS NOT NULL)),
    CONSTRAINT api_key_revoked_whole CHECK (
        (state = 'revoked') = (revoked_at IS NOT NULL) AND (state = 'revoked') = (revocation_reason IS NOT NULL)
        AND (state = 'revoked' OR revoked_by IS NULL)
    ),
    CONSTRAINT api_key_pair_whole CHECK ((pair_id IS NULL) = (unique_name IS NULL))
);
-- The windows over an account's keys, newest last: all of them, and those of one state. The statements that walk them
-- order by all columns of the one they mean. No other index has an order that begins like that, so no plan walks another
-- and passes over the keys of strangers, or sorts all keys of an account for one page.
CREATE INDEX api_key_window ON api_key (account_id, id);
CREATE INDEX api_key_state_window ON api_key (state, account_id, id);
-- The writer of an account that lives the longest.
CREATE INDEX api_key_writers ON api_key (account_id, expires_at DESC NULLS FIRST) WHERE writes_keys AND state = 'active';
-- A pair is active while either of its keys is not revoked: whichever is left keeps the name taken.
CREATE UNIQUE INDEX api_key_unique_name ON api_key (account_id, unique_name, type)
    WHERE unique_name IS NOT NULL AND state = 'active';
CREATE INDEX api_key_pair_names ON api_key (account_id, name) WHERE pair_id IS NOT NULL AND state = 'active';

CREATE TABLE key_usage (
    key_id    uuid PRIMARY KEY CONSTRAINT key_usage_key REFERENCES api_key (id),
    last_used timestamptz NOT NULL
) WITH (fillfactor = 50);
