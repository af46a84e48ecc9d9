"""The calls of a first day, with the client that openapi-python-client generated: `client.py BASE KEY MID`."""

import sys

from keyward_client import AuthenticatedClient, Client
from keyward_client.api.api_keys import (
    create_key,
    create_pair,
    get_enforcement,
    get_or_list_keys,
    list_keys_of_merchant,
    revoke_key,
)
from keyward_client.api.service import get_health, get_signing_keys
from keyward_client.api.tokens import obtain_tokens
from keyward_client.api.verification import verify_key
from keyward_client.models import (
    Check,
    CreatedKey,
    CreatedPair,
    Enforcement,
    JwkSet,
    KeyDetails,
    KeyPage,
    KeyType,
    NewKey,
    NewPair,
    Problem,
    TokenRequestByKeys,
    Tokens,
    Verification,
)

base, credential, mid = sys.argv[1:]
anybody = Client(base_url=base)
client = AuthenticatedClient(base_url=base, token=credential)


def expect(kind, answer):
    assert isinstance(answer, kind), f"{answer!r} is no {kind.__name__}"
    return answer


assert get_health.sync(client=anybody) == "ok\n"
assert expect(JwkSet, get_signing_keys.sync(client=anybody)).keys

new = NewKey(mid=mid, name="Checkout server", type_=KeyType.SECRET, scopes=["charges:read"])
key = expect(CreatedKey, create_key.sync(client=client, body=new))
assert key.value and key.scopes == ["charges:read"] and key.expires_at is None

page = expect(KeyPage, list_keys_of_merchant.sync(mid, client=client, limit=1000))
assert key.id in [listed.id for listed in page.keys]
assert expect(KeyPage, get_or_list_keys.sync(mid, client=client)).keys
assert expect(KeyDetails, get_or_list_keys.sync(key.id, client=client)).state == "active"

verdict = expect(Verification, verify_key.sync(client=client, body=Check(key=key.value, scopes=["charges:read"])))
assert verdict.valid and verdict.code == "VALID" and verdict.mid == mid

pair = expect(CreatedPair, create_pair.sync(mid, client=client, body=NewPair(name="Web shop")))
keys = TokenRequestByKeys(app_key=pair.app_key, app_secret=pair.app_secret)
tokens = expect(Tokens, obtain_tokens.sync(client=anybody, body=keys))
by_token = AuthenticatedClient(base_url=base, token=tokens.access_token)
refusal = expect(Problem, get_or_list_keys.sync(mid, client=by_token))
assert (refusal.status, refusal.code) == (403, "insufficient_scope"), refusal

assert revoke_key.sync_detailed(key.id, client=client).status_code == 204
assert expect(Enforcement, get_enforcement.sync(key.id, client=client)).enforced is True
verdict = expect(Verification, verify_key.sync(client=client, body=Check(key=key.value)))
assert (verdict.valid, verdict.code) == (False, "REVOKED"), verdict
print("done")
