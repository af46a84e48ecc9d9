-- The issuer of tokens where no public_url is given: the address of the first start, so that later ones on another port
-- agree. In a table of its own: the row of `installation` stays as it was made.

CREATE TABLE issuer (
    id         integer PRIMARY KEY DEFAULT 1 CONSTRAINT issuer_one_row CHECK (id = 1),
    url        text NOT NULL,
    stamped_at integer NOT NULL
) STRICT;
