import t from 'tap';
import { openSessionKey, sealSessionKey } from '../vault/index.js';
import { openSite, token } from './api.fixture.js';
import { remoteLibrary } from './remote-library.js';

const site = await openSite();
t.teardown(async () => site.close());
const library = remoteLibrary({ baseUrl: site.baseUrl, token });
const crypto = '1 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj';

const post = async (sessionId: string, body: unknown, authorization = `Bearer ${token}`) => {
  const response = await fetch(`${site.baseUrl}/v1/sessions/${sessionId}/keys`, { method: 'POST', headers: { authorization, 'content-type': 'application/json' }, body: JSON.stringify(body) });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
};

t.test('a key that is sealed to the public key is kept for its session, and can be opened by the vault alone', async (t) => {
  const { keyId, sealTo } = await library.publicKey();
  t.strictSame({ keyId, sealTo }, await site.library.publicKey());
  const box = await sealSessionKey({ sessionId: 'one', for: 'caller', crypto }, { keyId, sealTo: Buffer.from(sealTo, 'base64'), verifyWith: new Uint8Array() });
  t.equal(await library.sendKeys('one', [box]), 1);
  t.equal(await library.sendKeys('one', [box]), 1, 'sent twice, kept once');
  await site.ledger.captureOpened({ captureId: 'c', sessionId: 'one', recorder: 'r', path: '/c', openedAtMs: 0 });
  await site.ledger.captureClosed('c', { state: 'closed', atMs: 1, packets: 1, bytes: 1 });
  const job = (await site.ledger.sessionsToStitch(10)).find(({ sessionId }) => sessionId === 'one');
  t.strictSame(await openSessionKey(job?.sealedKeys[0] ?? new Uint8Array(), 'one', site.keys), { sessionId: 'one', for: 'caller', crypto });
});

t.test('without the token nothing is taken, and what is no sealed key is refused without being repeated', async (t) => {
  const box = Buffer.alloc(100, 7).toString('base64');
  for (const authorization of ['', 'Bearer wrong']) t.equal((await post('two', { keys: [box] }, authorization)).status, 401);
  t.equal((await fetch(`${site.baseUrl}/v1/keys/public`)).status, 401);
  for (const body of [null, 1, {}, [], { keys: [] }, { keys: [1] }, { keys: box }, { keys: [crypto] }, { keys: ['AAAA'] }, { keys: [box], more: 1 }, { keys: [Buffer.alloc(5_000).toString('base64')] }, { keys: new Array<string>(33).fill(box) }]) {
    const answer = await post('two', body);
    t.match(answer, { status: 400, body: { code: 'BAD_REQUEST' } }, JSON.stringify(body).slice(0, 60));
    t.notMatch(JSON.stringify(answer.body), 'd0Rmdmcm');
  }
  t.equal((await post('x'.repeat(300), { keys: [box] })).status, 400);
  t.notMatch(site.logged.join(''), 'd0Rmdmcm');
  await t.rejects(library.sendKeys('two', Array.from({ length: 33 }, (_, n) => Buffer.alloc(60, n))));
  t.equal(await library.sendKeys('two', Array.from({ length: 32 }, (_, n) => Buffer.alloc(60, n))), 32);
  await t.rejects(library.sendKeys('two', [Buffer.alloc(60, 99)]), { code: 'KEYS_UNUSABLE' });
  t.match(await post('two', { keys: [Buffer.alloc(60, 99).toString('base64')] }), { status: 409, body: { code: 'KEYS_UNUSABLE' } });
});
