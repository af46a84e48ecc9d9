-- What tokens are signed with, and the refresh tokens that were redeemed.

CREATE TABLE signing_key (
    generation   integer PRIMARY KEY CONSTRAINT signing_key_generation CHECK (generation >= 1),
    kid          text NOT NULL CONSTRAINT signing_key_kid UNIQUE,
    public       bytea NOT NULL CONSTRAINT signing_key_public CHECK (length(public) = 32),
    sealed       bytea NOT NULL,
    published_at timestamptz NOT NULL,
    signs_from   timestamptz NOT NULL
);

CREATE TABLE redeemed_refresh (
    id             uuid PRIMARY KEY,
    family         uuid NOT NULL,
    redeemed_at    timestamptz NOT NULL,
    family_ends_at timestamptz NOT NULL,
    -- When it was presented a second time, which ended the family.
    reused_at      timestamptz
);
CREATE INDEX redeemed_refresh_ended ON redeemed_refresh (family) WHERE reused_at IS NOT NULL;
CREATE INDEX redeemed_refresh_due ON redeemed_refresh (family_ends_at);
