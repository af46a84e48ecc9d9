"""An additional check for schemathesis: the known reasons to refuse a request that the document allows."""

import re

import schemathesis

# Rules that no schema can express, or none that every generator of clients understands.
REASONS = [
    r"cursor must be the next_cursor of an earlier page of this list",
    r"(state|type|created_by|scope|q|expires_before|unused_since|secret_older_than) must not be given with a key id",
    r"expires_at must be in the future",
    r"not_before must be before expires_at",
    r"expires_at must be after not_before",
    r"parent_mid must be a platform or partner account",
    r"default_life_seconds must be at most max_life_seconds",
    r"expires_at must be at most \d+ seconds after the key's creation, as the account's policy demands",
    r"idle_action must not be given without idle_seconds",
    r"(\S+\.)?scopes must not have more than 2048 characters together",
    r"scopes\[\d+\] must not be \S+, which only secret keys may hold",
    r"(name|description) must not contain U\+[0-9A-F]+, which is invisible or changes how other characters are read",
    r"(name|description) must have zero-width joiners \(U\+200D, U\+200C\) between visible characters only",
    r"(name|description) must contain a visible character",
    r"metadata must not contain control characters or invisible ones",
    r"metadata must have at most 50 members",
    r"and \d+ more",
]


@schemathesis.check
def good_requests_are_refused_for_known_reasons(ctx, response, case):
    """The status alone does not distinguish a correct refusal from a wrong one."""
    if case.meta is None or not case.meta.generation.mode.is_positive or response.status_code != 400:
        return
    errors = response.json()["errors"]
    others = [error for error in errors if not any(re.fullmatch(reason, error) for reason in REASONS)]
    assert not others, f"The document allows the request, and the service refuses it: {others}"
