import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import t from 'tap';
import { Failure } from '../errors/index.js';
import { defaultConfigFile } from './default-file.js';
import { loadConfig, parseConfig } from './load.js';
import { configJsonSchema } from './schema.js';

const shipped = readFileSync(defaultConfigFile, 'utf8');

/** The complaints about a text, a line each. */
function faults(text: string): string[] {
  try {
    parseConfig(text, 'my.yaml');
  } catch (error) {
    if (error instanceof Failure && error.code === 'CONFIG_INVALID') return error.message.split('\n');
    throw error;
  }
  return [];
}
/** The shipped file with one change; its line, from 1, is that of `to`. */
function changed(from: string | RegExp, to: string): { text: string; line: number } {
  const text = shipped.replace(from, to);
  if (text === shipped) throw new Error(`${String(from)} is not in the file`);
  const at = text.indexOf(to);
  return { text, line: text.slice(0, at + to.length - to.trimStart().length).split('\n').length };
}

t.test('the shipped configuration is valid', async (t) => {
  const config = await loadConfig(defaultConfigFile);
  t.match(config, { dataDir: 'data', log: { level: 'info' }, http: { host: '127.0.0.1', port: 8060 }, strangers: 'refuse', recorder: { flushMs: 100 } });
  t.match(config.sip.listen, [{ transport: 'udp', host: '127.0.0.1', port: 5060 }, { transport: 'tcp' }]);
});

t.test('addresses without a port have the default one, and TLS its certificate and what is safe', (t) => {
  const tls = 'sip:\n  tls: {certFile: cert.pem, keyFile: key.pem}\n  listen:\n    - tls:127.0.0.1\n    - tcp:[::1]';
  const config = parseConfig(shipped.replace('sip:\n  listen:', tls), 'x');
  t.match(config.sip.listen, [{ transport: 'tls', host: '127.0.0.1', port: 5061 }, { transport: 'tcp', host: '::1', port: 5060 }, { transport: 'udp' }]);
  t.strictSame({ ...config.sip.tls }, { certFile: 'cert.pem', keyFile: 'key.pem', clientCertificate: 'none', verifyPeer: 'name' });
  t.end();
});

t.test('the result is frozen to its depths', (t) => {
  const frozen = (value: unknown): boolean => typeof value !== 'object' || value === null || (Object.isFrozen(value) && Object.values(value).every(frozen));
  t.ok(frozen(parseConfig(shipped, 'x')));
  t.end();
});

t.test('a fault is told by file, line and key', (t) => {
  const table: [string | RegExp, string, RegExp][] = [
    ['strangers: refuse', 'strangerz: refuse', /^strangerz: there is no such key$/],
    ['  port: 8060', '  port: 8060\n  prot: 1', /^http\.prot: there is no such key$/],
    ['nextHop: sip:127.0.0.1:5070', 'nexthop: sip:127.0.0.1:5070', /^trunks\[0\]\.nexthop: there is no such key$/],
    ['port: 8060', 'port: eight', /^http\.port: .*expected number/],
    ['port: 8060', 'port: 80600', /^http\.port: .*65535/],
    ['strangers: refuse', 'strangers: welcome', /^strangers: .*refuse/],
    ['    - udp:127.0.0.1:5060', '    - 127.0.0.1:5060', /^sip\.listen\[0\]: write it as udp:ADDRESS:PORT/],
    ['    - udp:127.0.0.1:5060', '    - udp:localhost:5060', /^sip\.listen\[0\]: write it as/],
    ['    - udp:127.0.0.1:5060', '    - udp:127.0.0.1:99999', /^sip\.listen\[0\]: write it as/],
    ['    - udp:127.0.0.1:5060', '    - tls:127.0.0.1:5061', /^sip\.listen\[0\]: a tls address needs a certificate/],
    ['ports: [20000, 24999]', 'ports: [24999, 20000]', /^anchor\.relay\.ports: the range must hold at least two pairs/],
    ['ports: [20000, 24999]', 'ports: [20000, 20002]', /^anchor\.relay\.ports: the range must hold at least two pairs/],
    ['ports: [20000, 24999]', 'ports: [80, 24999]', /^anchor\.relay\.ports\[0\]: .*1024/],
    ['ports: [20000, 24999]', 'ports: [20000]', /^anchor\.relay\.ports/],
    [/address: 127\.0\.0\.1\n {4}ports: \[20000/, 'address: localhost\n    ports: [20000', /^anchor\.relay\.address: .*address/],
    ['sources: [127.0.0.0/8]\n    nextHop', 'sources: [127.0.0.0/33]\n    nextHop', /^trunks\[0\]\.sources\[0\]: write an address or a network/],
    ['nextHop: sip:127.0.0.1:5070', 'nextHop: 127.0.0.1:5070', /^trunks\[0\]\.nextHop: write a SIP URI/],
  ];
  for (const [from, to, complaint] of table) {
    const { text, line } = changed(from, to);
    const found = faults(text);
    const wanted = found.find((fault) => complaint.test(fault.replace(/^my\.yaml:\d+: /, '')));
    t.ok(wanted, `${to} -> ${found.join(' | ')}`);
    t.equal(Number(wanted?.split(':')[1]), to.includes('prot') ? line + 1 : line, to);
  }
  t.end();
});

t.test('a missing key is told at the line of the one above it', (t) => {
  t.match(faults(shipped.replace(/ {4}nextHop:.*\n/, '')), [/^my\.yaml:\d+: trunks\[0\]\.nextHop: say where its calls go: nextHop, nextHops, or a route from it$/]);
  const withoutRecorder = shipped.slice(0, shipped.indexOf('\nrecorder:'));
  t.strictSame(faults(withoutRecorder), ['my.yaml:1: recorder: this key is missing']);
  const line = Number(faults(shipped.replace(/ {4}ports: \[30000.*\n/, ''))[0]?.split(':')[1]);
  t.match(shipped.split('\n')[line - 1], 'media:');
  t.end();
});

t.test('two trunks of one name are refused', (t) => {
  const { text } = changed('  - name: loopback', '  - {name: loopback, sources: [10.0.0.1], nextHop: sip:10.0.0.2}\n  - name: loopback');
  t.match(faults(text), [/^my\.yaml:\d+: trunks: two trunks have the same name$/]);
  t.end();
});

t.test('rules name groups of recorders and classes of retention that there are, and there is a group for those that name none', (t) => {
  const recording = 'recording:\n  recorder: sip:recorder@127.0.0.1:5080;transport=tcp';
  const withRecorders = (text: string, more = ''): string => `${changed(recording, `recording: ${text}`).text}\n${more}`;
  const north = "{uris: ['sip:n@192.0.2.1', 'sip:m@192.0.2.2;transport=tls']}";
  const rule = (what: string): string => `policy: {rules: [{name: a, record: always, ${what}}]}`;
  t.strictSame(faults(withRecorders(`{recorder: 'sip:r@127.0.0.1', recorders: {north: ${north}}}`, `retention: {long: {days: 3650}}\n${rule('recorders: {group: north, redundancy: single}, retention: long')}`)), []);
  t.strictSame(faults(withRecorders(`{recorders: {default: ${north}}}`)), []);
  for (const [text, complaint] of [
    [withRecorders('{}'), /recording\.recorder: say which recorder is asked where a rule names none/],
    [withRecorders(`{recorders: {north: ${north}}}`), /recording\.recorder: say which recorder is asked/],
    [withRecorders(`{recorder: 'sip:r@127.0.0.1', recorders: {default: ${north}}}`), /recording\.recorder: say recorder or recorders\.default, not both/],
    [withRecorders("{recorder: 'sip:r@127.0.0.1', recorders: {north: {uris: []}}}"), /recording\.recorders\.north\.uris: /],
    [withRecorders("{recorder: 'sip:r@127.0.0.1', recorders: {'no rth': {uris: ['sip:a@b']}}}"), /recording\.recorders.*/],
    [`${shipped}\n${rule('recorders: {group: north}')}`, /policy\.rules\[0\]\.recorders\.group: there is no group "north"/],
    [`${shipped}\n${rule('retention: long')}`, /policy\.rules\[0\]\.retention: there is no class "long" in retention/],
    [`${shipped}\npolicy: {otherwise: {retention: constructor}}`, /policy\.otherwise\.retention: there is no class "constructor"/],
    [`${shipped}\nretention: {long: {days: 0}}`, /retention\.long\.days: /],
  ] as const) {
    const found = faults(text);
    t.match(found[0], complaint);
    t.equal(found.length, 1, found.join(' | '));
  }
  t.end();
});

t.test('rules name announcements that there are, and ask for nothing that the anchor has no means for', (t) => {
  const consent = "announcements: {consent: consent.wav}, rules: [{name: a, record: always, announcement: {name: consent}, beep: {}}]";
  t.strictSame(faults(`${shipped}\npolicy: {${consent}}`), []);
  const byRtpengine = shipped.replace(/^ +relay:\n(?: {4,}.*\n)+/mu, '  rtpengine: {nodes: [{host: 192.0.2.1}]}\n');
  const byFreeswitch = shipped.replace(/^ +relay:\n(?: {4,}.*\n)+/mu, '  freeswitch: {nodes: [{host: 192.0.2.1, secret: known}]}\n');
  for (const [text, complaints] of [
    [`${shipped}\npolicy: {announcements: {one: one.wav}, rules: [{name: a, record: always, announcement: {name: two}}]}`, [/policy\.rules\[0\]\.announcement\.name: there is no "two" in policy\.announcements/]],
    [`${shipped}\npolicy: {otherwise: {announcement: {name: toString}}}`, [/policy\.otherwise\.announcement\.name: there is no "toString"/]],
    [`${byRtpengine}\npolicy: {${consent}}`, [/policy\.rules\[0\]\.announcement: it is played by the built-in relay, or by FreeSWITCH/, /policy\.rules\[0\]\.beep: it is played by the built-in relay/]],
    [`${byFreeswitch}\npolicy: {${consent}}`, [/policy\.rules\[0\]\.announcement: .*say anchor\.relay, or anchor\.freeswitch\.sounds/, /policy\.rules\[0\]\.beep: /]],
  ] as const) {
    t.match(faults(text), complaints);
    t.equal(faults(text).length, complaints.length);
  }
  t.strictSame(faults(byRtpengine), []);
  t.strictSame(faults(`${byFreeswitch.replace('}]}', "}], sounds: {dir: /var/lib/twintrack/sounds}}")}\npolicy: {${consent}}`), []);
  t.end();
});

t.test('where the switch forks by itself, rules ask for nothing that it is not told, and nobody need name a recorder', (t) => {
  const bySwitch = shipped.replace(/^ +relay:\n(?: {4,}.*\n)+/mu, '  none: {header: {name: X-Record}}\n').replace(/^recording:\n(?: +.*\n)+/mu, '');
  t.strictSame(faults(bySwitch), []);
  const outcome = 'record: on-demand, pausable: true, mandatory: true, dtmfMasked: true, retention: long, recorders: {group: north}, beep: {}';
  const found = faults(`${bySwitch}\nretention: {long: {}}\nrecording: {recorders: {north: {uris: ['sip:n@192.0.2.1']}}}\npolicy: {otherwise: {${outcome}}}`);
  for (const key of ['record', 'pausable', 'mandatory', 'dtmfMasked', 'retention', 'recorders']) t.ok(found.some((fault) => fault.includes(`policy.otherwise.${key}: the switch forks by itself`)), key);
  t.equal(found.length, 7, found.join(' | '));
  t.match(faults(shipped.replace('  relay:', '  none: {}\n  relay:'))[0], /anchor: say `relay`, `rtpengine`, `freeswitch` or `none`, one of them/);
  t.match(faults(bySwitch.replace('X-Record', 'X Record'))[0], /anchor\.none\.header\.name: write the name of a header/);
  t.end();
});

t.test('a rule says how the switch is told, where there is such a way; Cisco gateways copy to recording sessions of ours', (t) => {
  const xmf = "xmf: {gateways: [{url: 'http://192.0.2.1:8090/cisco_xmf'}], listen: {port: 8095}}";
  const withNone = (none: string): string => shipped.replace(/^ +relay:\n(?: {4,}.*\n)+/mu, `  none: {${none}}\n`);
  const rule = (what: string): string => `\npolicy: {rules: [{name: a, record: always, ${what}}]}`;
  t.strictSame(faults(withNone(xmf) + rule('mandatory: true, pausable: true')), []);
  t.strictSame(faults(withNone(`header: {name: X-Record}, ${xmf}`) + rule('tell: header')), []);
  for (const [text, complaint] of [
    [withNone('header: {name: X-Record}') + rule('tell: xmf'), /policy\.rules\[0\]\.tell: there is no anchor\.none\.xmf/],
    [shipped + rule('tell: header'), /policy\.rules\[0\]\.tell: nobody is told/],
    [withNone(`header: {name: X-Record}, ${xmf}`) + rule('tell: header, mandatory: true'), /policy\.rules\[0\]\.mandatory: the switch forks by itself/],
    [withNone(xmf) + rule('dtmfMasked: true'), /policy\.rules\[0\]\.dtmfMasked: pressed keys cannot be kept out/],
    [withNone(xmf) + rule('beep: {}'), /policy\.rules\[0\]\.beep: it is played by/],
    [withNone(xmf.replace('192.0.2.1', 'gateway.example')), /anchor\.none\.xmf\.gateways\[0\]\.sources: say from which addresses it comes/],
    [withNone(xmf.replace('http:', 'ftp:')), /anchor\.none\.xmf\.gateways\[0\]\.url: write a URL/],
    [withNone(xmf).replace(/^recording:\n(?: +.*\n)+/mu, ''), /recording\.recorder: say which recorder is asked/],
  ] as const) {
    const found = faults(text);
    t.match(found[0], complaint);
    t.equal(found.length, 1, found.join(' | '));
  }
  t.end();
});

t.test('rules say whether copies are decrypted where rtpengine makes them; without keys in the offer all have to be', (t) => {
  const byRtpengine = (decrypt: boolean): string => shipped.replace(/^ +relay:\n(?: {4,}.*\n)+/mu, `  rtpengine: {nodes: [{host: 192.0.2.1}], decrypt: ${decrypt}}\n`);
  const keyless = (text: string): string => text.replace('recording:\n', 'recording:\n  keys: none\n');
  const rule = (decrypt: boolean): string => `\npolicy: {rules: [{name: a, record: always, decrypt: ${decrypt}}]}`;
  for (const [text, complaint] of [
    [byRtpengine(false) + rule(true), undefined],
    [keyless(byRtpengine(true)), undefined],
    [keyless(byRtpengine(true)) + rule(false), /recording\.keys: rtpengine sends no SRTP without a key/],
    [keyless(byRtpengine(false)) + rule(true), /recording\.keys: rtpengine sends no SRTP/],
    [shipped + rule(true), /policy\.rules\[0\]\.decrypt: only rtpengine decrypts copies/],
  ] as const) {
    const found = faults(text);
    if (complaint !== undefined) t.match(found[0], complaint);
    t.equal(found.length, complaint === undefined ? 0 : 1, found.join(' | '));
  }
  t.end();
});

t.test('several faults are all told at once', (t) => {
  const text = shipped.replace('port: 8060', 'port: x').replace('strangers: refuse', 'strangers: x\nunknown: 1').replace('ports: [20000, 24999]', 'ports: [1, 2]');
  const found = faults(text);
  for (const key of ['http.port', 'strangers', 'unknown', 'anchor.relay.ports']) t.ok(found.some((fault) => fault.includes(` ${key}`)), key);
  t.end();
});

t.test('what is no YAML is told by line', (t) => {
  t.match(faults('http:\n  port: [1,\nsip: x\n'), [/^my\.yaml:[23]: /]);
  t.match(faults('http:\n  port: 1\n  port: 2\n').join('\n'), /my\.yaml:3: .*unique/);
  t.match(faults('a: 1\n---\nb: 2\n').join('\n'), /my\.yaml:\d+: /);
  for (const text of ['', '# nothing\n', 'just text\n', '- a\n- b\n', '42\n']) t.match(faults(text), [/^my\.yaml:1: the file: /], JSON.stringify(text));
  t.end();
});

t.test('aliases are refused, however few, and a billion laughs cost nothing', (t) => {
  t.match(faults(shipped.replace('dataDir: data', 'dataDir: &d data\nnode: *d')), [/^my\.yaml:\d+: .*alias/i]);
  const laughs = ['a: &a [x,x,x,x,x,x,x,x,x]', ...Array.from({ length: 25 }, (_, n) => `${String.fromCharCode(98 + n)}: &${String.fromCharCode(98 + n)} [${`*${String.fromCharCode(97 + n)},`.repeat(9)}]`)].join('\n');
  const startedMs = process.cpuUsage().user / 1_000;
  t.match(faults(laughs), [/alias/i]);
  t.ok(process.cpuUsage().user / 1_000 - startedMs < 1_000);
  t.end();
});

t.test('a file that is too large, or nested without end, is refused and not suffered', (t) => {
  t.strictSame(faults(`# ${'x'.repeat(1024 * 1024)}`), ['my.yaml:1: the file is larger than 1 MiB']);
  t.match(faults('['.repeat(100_000)), [/^my\.yaml:1: /]);
  t.end();
});

t.test('a file that cannot be read is a failure that names it', async (t) => {
  await t.rejects(loadConfig(join(t.testdir(), 'none.yaml')), { code: 'CONFIG_UNREADABLE', message: /none\.yaml cannot be read/ });
});

t.test('no text gives anything but a configuration or complaints', (t) => {
  const spoiled = fc.tuple(fc.nat({ max: shipped.length }), fc.nat({ max: 40 }), fc.string({ maxLength: 8 })).map(([at, cut, put]) => shipped.slice(0, at) + put + shipped.slice(at + cut));
  fc.assert(fc.property(fc.oneof(fc.string(), spoiled), (text) => faults(text).every((fault) => /^my\.yaml:\d+: ./.test(fault))), { numRuns: 300 });
  t.end();
});

t.test('config/schema.json is the schema of this version, and takes the shipped file\'s keys', (t) => {
  const file: unknown = JSON.parse(readFileSync(new URL('../../../config/schema.json', import.meta.url), 'utf8'));
  t.ok(isDeepStrictEqual(file, JSON.parse(JSON.stringify(configJsonSchema()))), 'write it anew from configJsonSchema()');
  t.end();
});

t.test('a FreeSWITCH has one password, and nothing in its settings can end an argument of a command', (t) => {
  const by = (settings: string): string => shipped.replace(/^ +relay:\n(?: {4,}.*\n)+/mu, `  freeswitch: ${settings}\n`);
  t.strictSame(faults(by('{nodes: [{host: 192.0.2.1, secret: known}, {host: 192.0.2.2, port: 8022, secretFile: /run/secrets/freeswitch}]}')), []);
  for (const [settings, complaint] of [
    ['{nodes: []}', /anchor\.freeswitch\.nodes: /],
    ['{nodes: [{host: 192.0.2.1}]}', /anchor\.freeswitch\.nodes\[0\]\.secret: give secret or secretFile, one of them/],
    ['{nodes: [{host: 192.0.2.1, secret: a, secretFile: b}]}', /give secret or secretFile, one of them/],
    ['{nodes: [{host: 192.0.2.1, secret: "a b"}]}', /anchor\.freeswitch\.nodes\[0\]\.secret: a password has no spaces/],
    ['{nodes: [{host: "::1", secret: a}]}', /anchor\.freeswitch\.nodes\[0\]\.host: write an IPv4 address/],
    ['{nodes: [{host: 192.0.2.1, secret: a, profile: "a b"}]}', /anchor\.freeswitch\.nodes\[0\]\.profile: write the name of a SIP profile/],
    ['{nodes: [{host: 192.0.2.1, secret: a}], sounds: {dir: "/a b"}}', /anchor\.freeswitch\.sounds\.dir: write an absolute path/],
    ['{nodes: [{host: 192.0.2.1, secret: a}], sounds: {dir: /a, seenAs: sounds}}', /anchor\.freeswitch\.sounds\.seenAs: write an absolute path/],
  ] as const) {
    t.match(faults(by(settings))[0], complaint, settings);
  }
  t.end();
});
