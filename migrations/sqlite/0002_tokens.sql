-- What tokens are signed with, and the refresh tokens that were redeemed.
-- Times are microseconds since the Unix epoch, identifiers are 16 bytes.

CREATE TABLE signing_key (
    generation   integer PRIMARY KEY NOT NULL CONSTRAINT signing_key_generation CHECK (generation >= 1),
    kid          text NOT NULL CONSTRAINT signing_key_kid UNIQUE,
    public       blob NOT NULL CONSTRAINT signing_key_public CHECK (length(public) = 32),
    sealed       blob NOT NULL,
    published_at integer NOT NULL,
    signs_from   integer NOT NULL
) STRICT;

CREATE TABLE redeemed_refresh (
    id             blob PRIMARY KEY NOT NULL,
    family         blob NOT NULL,
    redeemed_at    integer NOT NULL,
    family_ends_at integer NOT NULL,
    -- When it was presented a second time, which ended the family.
    reused_at      integer
) STRICT, WITHOUT ROWID;
CREATE INDEX redeemed_refresh_ended ON redeemed_refresh (family) WHERE reused_at IS NOT NULL;
CREATE INDEX redeemed_refresh_due ON redeemed_refresh (family_ends_at);
