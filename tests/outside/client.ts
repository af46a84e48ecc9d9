// The calls of a first day, with the types that openapi-typescript generated: `node client.js BASE KEY MID`.
import createClient from 'openapi-fetch';
import type { paths } from './schema.js';

const [base, credential, mid] = process.argv.slice(2) as [string, string, string];
const anybody = createClient<paths>({ baseUrl: base });
const client = createClient<paths>({ baseUrl: base, headers: { Authorization: `Bearer ${credential}` } });

function check(holds: boolean, what: unknown): asserts holds {
  if (!holds) throw new Error(`unexpected: ${JSON.stringify(what)}`);
}

function given<T>(answer: { data?: T; error?: unknown; response: Response }): T {
  if (answer.data === undefined) throw new Error(`${answer.response.status}: ${JSON.stringify(answer.error)}`);
  return answer.data;
}

const keys = given(await anybody.GET('/.well-known/jwks.json'));
check(keys.keys.length > 0, keys);

const key = given(
  await client.POST('/v1/api-keys', {
    body: { mid, name: 'Checkout server', type: 'secret', scopes: ['charges:read'] },
  }),
);
const value: string = key.value;
check(key.scopes[0] === 'charges:read' && key.expires_at === null, key);

const page = given(await client.GET('/v1/merchants/{mid}/api-keys', { params: { path: { mid }, query: { limit: 1000 } } }));
check(page.keys.some((listed) => listed.id === key.id), page);
const one = given(await client.GET('/v1/api-keys/{id}', { params: { path: { id: key.id } } }));
check('state' in one && one.state === 'active', one);

const good = given(await client.POST('/v1/verify', { body: { key: value, scopes: ['charges:read'] } }));
check(good.valid && good.code === 'VALID' && good.mid === mid, good);

const pair = given(
  await client.POST('/v1/merchants/{mid}/api-keys', { params: { path: { mid } }, body: { name: 'Web shop' } }),
);
const tokens = given(
  await anybody.POST('/v1/oauth2/token', { body: { AppKey: pair.appKey, AppSecret: pair.appSecret } }),
);
const byToken = createClient<paths>({ baseUrl: base, headers: { Authorization: `Bearer ${tokens.accessToken}` } });
const refused = await byToken.GET('/v1/api-keys/{id}', { params: { path: { id: mid } } });
check(refused.response.status === 403 && refused.error?.code === 'insufficient_scope', refused.error);

const revoked = await client.DELETE('/v1/api-keys/{id}', {
  params: { path: { id: key.id }, query: { reason: 'superseded' } },
});
check(revoked.response.status === 204, revoked.error);
const enforcement = given(await client.GET('/v1/api-keys/{id}/enforcement', { params: { path: { id: key.id } } }));
check(enforcement.enforced, enforcement);
const dead = given(await client.POST('/v1/verify', { body: { key: value } }));
check(!dead.valid && dead.code === 'REVOKED', dead);
console.log('done');
