/** Rewriting, routes, order, health and failover as tables: no socket, and the clock is an argument. */
import t from 'tap';
import { orderServers } from '../sip/index.js';
import { explainRoute } from './explain-route.js';
import { mayMend, tryInTurn } from './failover.js';
import { HopBoard, type HopChange } from './hop-board.js';
import { openHopChecks } from './hop-checks.js';
import { readHops, type NextHop } from './next-hops.js';
import { backToBackInvite, proxiedInvite } from './outgoing-invite.js';
import { readRewriter, rewriteAddresses, rewriteUri } from './rewrite-number.js';
import { readRouting } from './routes.js';
import { readTrunks } from './trunks.js';
import { checkTrunks, routes as routeList, trunkSettings, type Rewriting } from './trunk-settings.js';
import type { SipSettings } from '../sip/index.js';

const rule = (of: Rewriting['of'], match: string, strip = 0, prepend?: string): Rewriting => ({ of, match, strip, ...(prepend === undefined ? {} : { prepend }) });

t.test('a number is written as the first rule that fits has it, and all else of its URI stays as it is', (t) => {
  const rules = [rule('callee', '00!', 2, '+'), rule('callee', '0!', 1, '+49'), rule('callee', '71..', 0, '+493012345'), rule('callee', '+49!', 3, '0'), rule('callee', 'alice', 5, 'bob'), rule('callee', '9', 1), rule('caller', '1!', 0, '+')];
  const table: [string, string][] = [
    ['sip:0044201234@h', 'sip:+44201234@h'],
    ['sip:030123@h:5060;user=phone', 'sip:+4930123@h:5060;user=phone'],
    ['sips:0(30) 1'.replace(' ', '') + '-23@H.example', 'sips:+4930123@H.example'],
    ['sip:7100@h', 'sip:+4930123457100@h'],
    ['sip:71000@h', 'sip:71000@h'],
    ['sip:+4930;rn=+4940;npdi@h;a=b?X=y', 'sip:030;rn=+4940;npdi@h;a=b?X=y'],
    ['sip:00:secret@h', 'sip:+:secret@h'],
    ['tel:0044;phone-context=x', 'tel:+44;phone-context=x'],
    ['sip:alice@h', 'sip:bob@h'],
    ['sip:9@h', 'sip:9@h'],
    ['sip:h', 'sip:h'],
    ['sip:123@h', 'sip:123@h'],
    ['', ''],
    ['no uri <at all', 'no uri <at all'],
  ];
  for (const [from, to] of table) t.equal(rewriteUri(from, 'callee', readRewriter(rules)), to, from);
  t.throws(() => readRewriter([rule('callee', '!!')]), TypeError);
  t.end();
});

t.test('addresses of a header are rewritten, its display names and parameters are not', (t) => {
  const rules = readRewriter([rule('caller', '49!', 0, '+')]);
  const table: [string, string][] = [
    ['<sip:4930@h>;tag=4930', '<sip:+4930@h>;tag=4930'],
    ['"4930 <sip:4930@h>" <sip:4930@h>', '"4930 <sip:4930@h>" <sip:+4930@h>'],
    ['sip:4930@h;tag=x', 'sip:+4930@h;tag=x'],
    ['Ann <sip:4930@h>, <tel:4930>', 'Ann <sip:+4930@h>, <tel:+4930>'],
    ['"a \\" b" <sip:4930@h>', '"a \\" b" <sip:+4930@h>'],
    ['', ''],
    ['"open <sip:4930@h', '"open <sip:4930@h'],
  ];
  for (const [from, to] of table) t.equal(rewriteAddresses(from, 'caller', rules), to, from);
  t.end();
});

const trunks = ['carrier', 'pbx-a', 'pbx-b', 'own'].map((name) => trunkSettings.parse({
  name, sources: ['10.0.0.1'], ...(name === 'own' ? { nextHop: 'sip:own.example' } : { gateways: [{ uri: `sip:${name}.example` }] }),
}));

t.test('the first route that fits a call by trunk, callee and caller decides; else its trunk; else there is no way', (t) => {
  const routing = readRouting(trunks, routeList.parse([
    { from: ['carrier'], callee: ['+4930!'], to: 'pbx-a' },
    { from: ['carrier'], caller: ['anonymous'], nextHops: [{ uri: 'sip:voicemail.example' }] },
    { from: ['pbx-a', 'pbx-b'], to: 'carrier' },
    { callee: ['112'], to: 'carrier' },
  ]));
  const table: [string, string, string, string | undefined][] = [
    ['carrier', '+44', '+493012', 'route 1, to trunk pbx-a'],
    ['carrier', 'anonymous', '+493012', 'route 1, to trunk pbx-a'],
    ['carrier', 'anonymous', '+4940', 'route 2'],
    ['carrier', '+44', '+4940', undefined],
    ['pbx-b', '7100', '+493012', 'route 3, to trunk carrier'],
    ['own', '1', '112', 'route 4, to trunk carrier'],
    ['own', '1', '113', 'the next hops of trunk own'],
    ['nobody', '1', '2', undefined],
  ];
  for (const [trunk, caller, callee, by] of table) {
    t.equal(routing.of({ trunk, caller: { user: caller, host: 'h' }, callee: { user: callee, host: 'h' } })?.by, by, `${caller} to ${callee} by ${trunk}`);
  }
  t.strictSame(routing.lists.map(({ owner }) => owner), ['own', 'carrier', 'pbx-a', 'pbx-b', 'route 2']);
  t.end();
});

t.test('explain says which next hops a call would go to, and what they would be asked for', (t) => {
  const settings = {
    trunks: [
      trunkSettings.parse({ name: 'in', sources: ['10.0.0.1'], rewrite: [rule('callee', '00!', 2, '+')] }),
      trunkSettings.parse({ name: 'out', sources: ['10.0.0.2'], nextHop: 'sip:x', gateways: [{ uri: 'sip:b', priority: 2 }, { uri: 'sip:a', rewrite: [rule('callee', '+49!', 3, '0')] }] }),
    ],
    routes: routeList.parse([{ from: ['in'], callee: ['0049!'], to: 'out' }]),
  };
  const call = (callee: string) => explainRoute(settings, { trunk: 'in', caller: { user: '1', host: '' }, callee: { user: callee, host: '' } }, `sip:${callee}@us`);
  t.match(call('004930'), { by: 'route 1, to trunk out', hops: [{ hop: 'sip:a', priority: 1, requestUri: 'sip:030@a' }, { hop: 'sip:b', priority: 2, requestUri: 'sip:+4930@b' }] });
  t.equal(call('7100'), undefined);
  t.end();
});

const hopsOf = (...list: readonly [uri: string, priority: number, weight: number][]): readonly NextHop[] => readHops(list.map(([uri, priority, weight]) => ({ uri, priority, weight })));
const names = (hops: readonly NextHop[]): string[] => hops.map(({ text }) => text.replace('sip:', ''));

t.test('next hops are ordered by priority, and by the share of their weight within one', (t) => {
  const hops = hopsOf(['sip:c', 2, 1], ['sip:a', 1, 30], ['sip:b', 1, 10]);
  let seed = 1;
  const draw = (): number => (seed = (seed * 16_807) % 2_147_483_647) / 2_147_483_647;
  const firsts: Record<string, number> = {};
  for (let n = 0; n < 4_000; n += 1) {
    const order = names(orderServers(hops, draw));
    firsts[order.slice(2).join()] = 1;
    firsts[order[0] ?? ''] = (firsts[order[0] ?? ''] ?? 0) + 1;
  }
  t.equal(firsts['c'], 1, 'always the last');
  t.ok(Math.abs((firsts['a'] ?? 0) - 3_000) < 150, `three of four: ${firsts['a'] ?? 0}`);
  t.strictSame(readHops([{ uri: 'sip:user:secret@a.example;transport=tcp?X=y', priority: 1, weight: 1 }])[0]?.label, 'sip:a.example;transport=tcp', 'a label tells no password');
  t.end();
});

t.test('a next hop goes down after so many failures in a row, is tried last, and comes up after so many answers', (t) => {
  const hops = hopsOf(['sip:a', 1, 1], ['sip:b', 2, 1]);
  const [a] = hops as [NextHop, NextHop];
  const changes: HopChange[] = [];
  const board = new HopBoard({ lists: [{ owner: 'one', hops }, { owner: 'two', hops }], settings: { failures: 2, successes: 2 }, draw: () => 0, onChange: (change) => changes.push(change) });
  t.equal(board.all.length, 2, 'one that is in two lists is one');
  const steps: [boolean, boolean][] = [[false, true], [true, true], [false, true], [false, false], [true, false], [false, false], [true, false], [true, true]];
  for (const [alive, up] of steps) {
    board.checked(a, alive, 'so');
    t.equal(board.isUp(a), up);
    t.strictSame(names(board.order(hops)), up ? ['a', 'b'] : ['b', 'a']);
  }
  t.match(changes, [{ owner: 'one', up: false, reason: 'so' }, { owner: 'one', up: true }]);
  board.close();
  t.end();
});

t.test('Retry-After takes a next hop out for its time, also from its checks, and a new one begins anew', async (t) => {
  const hops = hopsOf(['sip:a', 1, 1]);
  const [a] = hops as [NextHop];
  const changes: HopChange[] = [];
  let tell: () => void = () => undefined;
  const again = new Promise<void>((resolve) => (tell = resolve));
  const board = new HopBoard({
    lists: [{ owner: 'one', hops }], settings: { failures: 1, successes: 1 }, draw: () => 0,
    onChange: (change) => {
      changes.push(change);
      if (change.up) tell();
    },
  });
  board.hold(a, 0);
  t.ok(board.isUp(a), 'for no time at all');
  const heldAt = performance.now();
  board.hold(a, 600);
  board.hold(a, 0.05);
  board.checked(a, true, 'alive');
  t.notOk(board.isUp(a), 'it answers OPTIONS, and wants no calls');
  // The board lets a process end while it waits; here somebody has to stay.
  const stay = setInterval(() => undefined, 1_000);
  await again;
  clearInterval(stay);
  t.ok(performance.now() - heldAt >= 45);
  t.match(changes, [{ up: false, reason: /Retry-After 600 s/ }, { up: true, reason: /is over/ }]);
  board.hold(a, 600);
  board.close();
});

t.test('checks: only silence, 408, 503 and 504 say that nobody is there; one at a time, and none after the end', async (t) => {
  const hops = readHops([{ uri: 'sip:a', priority: 1, weight: 1 }, { uri: 'sip:b', priority: 1, weight: 1, health: false }]);
  const statuses = [200, 404, undefined, 408, 503, 504, 500, 501];
  const said: (readonly [string, boolean])[] = [];
  let asked = 0;
  let atOnce = 0;
  const stay = setInterval(() => undefined, 1_000);
  await new Promise<void>((resolve) => {
    const end = openHopChecks({
      board: { all: hops.map((hop) => ({ owner: 'one', hop })), checked: (hop, alive) => {
        said.push([hop.text, alive]);
        if (said.length < statuses.length) return;
        end();
        resolve();
      } },
      settings: { intervalMs: 1, timeoutMs: 5 },
      ask: async () => {
        t.equal((atOnce += 1), 1);
        await Promise.resolve();
        atOnce -= 1;
        const n = asked;
        asked += 1;
        if (n === 2) throw new Error('no edge');
        return statuses[n];
      },
      draw: () => 0,
    });
  });
  clearInterval(stay);
  t.strictSame(said, [true, true, false, false, false, false, true, true].map((alive) => ['sip:a', alive]));
  t.strictSame(readHops([{ uri: 'sip:a', priority: 1, weight: 1 }]).map(({ health }) => health), [false], 'the only one is not asked');
});

t.test('failover: 503, 408 and what could not be sent are for another hop, any other answer is the last', async (t) => {
  for (const [status, mends] of [[503, true], [408, true], [undefined, true], [486, false], [404, false], [500, false], [603, false], [302, false], [487, false]] as const) {
    t.equal(mayMend(status === undefined ? new Error('unsent') : { status }), mends, String(status));
  }
  const search = (changes: object = {}) => ({ hops: ['a', 'b', 'c'], withinMs: 100, now: () => 0, over: () => false, onFailed: () => undefined, ...changes });
  const failing = (fails: Readonly<Record<string, number>>, tried: string[]) => (hop: string): Promise<string> => {
    tried.push(hop);
    const status = fails[hop];
    return status === undefined ? Promise.resolve(hop) : Promise.reject(Object.assign(new Error(hop), { status }));
  };
  const table: [string, Readonly<Record<string, number>>, object, string[], string][] = [
    ['the first answers', {}, {}, ['a'], 'a'],
    ['the second answers', { a: 503 }, {}, ['a', 'b'], 'b'],
    ['all fail: the last is told', { a: 503, b: 408, c: 503 }, {}, ['a', 'b', 'c'], 'failed c'],
    ['a refusal', { a: 503, b: 486 }, {}, ['a', 'b'], 'failed b'],
    ['the caller has heard something', { a: 503 }, { over: () => true }, ['a'], 'failed a'],
  ];
  for (const [name, fails, changes, order, outcome] of table) {
    const tried: string[] = [];
    t.equal(await tryInTurn(search(changes), failing(fails, tried)).catch((error: unknown) => `failed ${(error as Error).message}`), outcome, name);
    t.strictSame(tried, order, name);
  }
  const tried: string[] = [];
  let now = 0;
  await t.rejects(tryInTurn(search({ now: () => (now += 60) }), failing({ a: 503, b: 503 }, tried)), /b/);
  t.strictSame(tried, ['a', 'b'], 'the time is over');
});

t.test('a proxied INVITE changes its Request-URI and headers only; a back-to-back one its parties too', (t) => {
  const [trunk] = readTrunks([{ name: 'one', sources: ['10.0.0.1'], rewrite: [rule('callee', '+!', 1, '00'), rule('caller', '1!', 0, '+')], headers: { add: { 'X-A': '1', 'X-B': '1' }, strip: ['X-C'] } }]);
  const [hop] = readHops([{ uri: 'sip:h:5070', priority: 1, weight: 1, rewrite: [rule('callee', '00!', 0, '9')], headers: { add: { 'x-b': '2' }, strip: ['X-A'] } }]);
  if (trunk === undefined || hop === undefined) throw new Error('no trunk');
  const headers: Record<string, string> = { from: '<sip:10@c>;tag=1', to: '<sip:+44@p>' };
  const request = { uri: 'sip:+44@p', get: (name: string) => headers[name] ?? '', has: (name: string) => name in headers };
  const proxied = proxiedInvite(request, trunk, hop);
  t.strictSame({ ...proxied }, { target: 'sip:90044@h:5070', headers: { 'x-b': '2' }, strip: ['x-twintrack-tls-identity', 'x-c', 'x-a', 'x-b'] });
  t.strictSame(backToBackInvite(request, trunk, hop), {
    target: proxied.target, headers: { From: '<sip:+10@c>;tag=1', To: '<sip:90044@p>', 'x-b': '2' }, strip: [...proxied.strip, 'from', 'to'],
  });
  t.end();
});

t.test('the media of a next hop is reached by its own network, else by that of its trunk', (t) => {
  const { lists } = readRouting(
    [
      { name: 'one', network: 'inside', nextHops: [{ uri: 'sip:a', priority: 1, weight: 1 }, { uri: 'sip:b', priority: 2, weight: 1, network: 'outside' }], gateways: [{ uri: 'sip:c', priority: 1, weight: 1 }] },
      { name: 'two', nextHop: 'sip:d' },
    ],
    [{ from: ['nobody'], nextHops: [{ uri: 'sip:e', priority: 1, weight: 1 }] }],
  );
  t.strictSame(lists.flatMap(({ hops }) => hops).map(({ text, network }) => [text, network]), [['sip:a', 'inside'], ['sip:b', 'outside'], ['sip:d', undefined], ['sip:c', 'inside'], ['sip:e', undefined]]);
  t.end();
});

t.test('what does not fit together is told at its key', (t) => {
  const sip = { listen: [{ transport: 'udp', host: '192.0.2.1', port: 5_060 }] } as unknown as SipSettings;
  const withTls = { ...sip, listen: [{ transport: 'tls', host: '192.0.2.1', port: 5_061 }], tls: { certFile: 'c', keyFile: 'k', clientCertificate: 'request', verifyPeer: 'name' } } as unknown as SipSettings;
  const relay = { address: '192.0.2.1', ports: [20_000, 29_999] as [number, number], accelerator: 'auto' as const };
  const told = (edge: SipSettings, trunk: object, routes: readonly object[] = []): string[] => {
    const found: string[] = [];
    const all = [trunkSettings.parse({ name: 'one', sources: ['10.0.0.1'], ...trunk }), trunkSettings.parse({ name: 'two', sources: ['10.0.0.2'], nextHop: 'sip:h', gateways: [{ uri: 'sip:g' }] })];
    const anchor = { relay: { ...relay, networks: [{ ...relay, name: 'inside' }] } };
    checkTrunks({ sip: edge, anchor, trunks: all, routes: routeList.parse(routes) }, (path, message) => found.push(`${path.join('.')}: ${message}`));
    return found;
  };
  const goes = { nextHop: 'sip:h' };
  t.strictSame(told(sip, goes), []);
  t.strictSame(told(sip, { ...goes, network: 'inside' }), []);
  t.strictSame(told(sip, {}, [{ to: 'two' }]), [], 'a route for everybody is a way');
  t.strictSame(told(withTls, { ...goes, tlsIdentities: ['a.example'], transports: ['tls'], localPorts: [5_061] }), []);
  const table: [SipSettings, object, readonly object[], RegExp][] = [
    [sip, {}, [], /^trunks\.0\.nextHop: say where its calls go/],
    [sip, {}, [{ from: ['two'], to: 'two' }], /^trunks\.0\.nextHop: say where its calls go/],
    [sip, goes, [{ from: ['two', 'three'], to: 'two' }], /^routes\.0\.from\.1: there is no trunk "three"/],
    [sip, goes, [{ to: 'three' }], /^routes\.0\.to: there is no trunk "three"/],
    [sip, goes, [{ to: 'one' }], /^routes\.0\.to: the trunk "one" has no gateways/],
    [sip, { ...goes, network: 'outside' }, [], /^trunks\.0\.network: there is no "outside" among anchor\.relay\.networks/],
    [sip, { nextHops: [{ uri: 'sip:a' }, { uri: 'sip:b', network: 'x' }] }, [], /^trunks\.0\.nextHops\.1\.network: there is no "x"/],
    [sip, { ...goes, gateways: [{ uri: 'sip:a', network: 'x' }] }, [], /^trunks\.0\.gateways\.0\.network/],
    [sip, goes, [{ nextHops: [{ uri: 'sip:a', network: 'x' }] }], /^routes\.0\.nextHops\.0\.network/],
    [sip, { ...goes, transports: ['tcp'] }, [], /^trunks\.0\.transports: no address of sip\.listen fits/],
    [sip, { ...goes, localPorts: [5_062] }, [], /^trunks\.0\.localPorts: no address of sip\.listen fits/],
    [sip, { ...goes, tlsIdentities: ['a.example'] }, [], /^trunks\.0\.tlsIdentities: nobody is asked for a certificate/],
    [withTls, { ...goes, tlsIdentities: ['a.example'], transports: ['udp'] }, [], /^trunks\.0\.transports: a certificate comes by tls only/],
    [{ listen: [], drachtio: { host: 'h', port: 1 } }, { ...goes, tlsIdentities: ['a.example'] }, [], /^trunks\.0\.tlsIdentities: a drachtio-server does not tell/],
  ];
  for (const [edge, trunk, routes, complaint] of table) t.match(told(edge, trunk, routes)[0], complaint);
  for (const [changes, complaint] of [
    [{ nextHop: 'sip:h', nextHops: [{ uri: 'sip:a' }] }, /not both/],
    [{ nextHop: 'tel:123' }, /a number leads nowhere/],
    [{ nextHops: [{ uri: 'sip:a' }, { uri: 'sip:a', priority: 2 }] }, /two next hops are the same/],
    [{ rewrite: [{ of: 'callee', match: '1!' }] }, /say strip or prepend/],
    [{ rewrite: [{ of: 'callee', match: '1!', prepend: 'a b' }] }, /write digits/],
    [{ headers: { add: { via: 'x' } } }, /belongs to the dialog/],
    [{ headers: { strip: ['Session-ID'] } }, /belongs to the dialog/],
    [{ headers: { strip: ['f'] } }, /in its long form/],
    [{ headers: { add: { 'X-A': 'b\r\nVia: c' } } }, /no line ends/],
    [{ headers: { add: { 'X-Twintrack-Retarget': 'x' } } }, /belongs to the dialog/],
  ] as const) {
    const parsed = trunkSettings.safeParse({ name: 'one', sources: ['10.0.0.1'], ...('nextHops' in changes ? {} : { nextHop: 'sip:h' }), ...changes });
    t.match(parsed.error?.message ?? '', complaint, JSON.stringify(changes));
  }
  for (const wrong of [{ from: ['one'] }, { to: 'one', nextHops: [{ uri: 'sip:a' }] }]) t.match(routeList.safeParse([wrong]).error?.message, /one of them/);
  t.end();
});
