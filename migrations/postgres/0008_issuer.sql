-- The issuer of tokens where the nodes are given no public_url: the address of the first one, so that all nodes and all
-- restarts agree. In a table of its own: the row of `installation` stays as it was made.

CREATE TABLE issuer (
    id         boolean PRIMARY KEY DEFAULT true CONSTRAINT issuer_one_row CHECK (id),
    url        text NOT NULL,
    stamped_at timestamptz NOT NULL
);
