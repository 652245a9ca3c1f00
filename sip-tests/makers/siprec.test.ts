/** SIPREC (RFC 7865, RFC 7866) as each maker speaks it: from its INVITE over real audio to the recording. */
import { randomBytes } from 'node:crypto';
import t from 'tap';
import { encodeCryptoLine, parseCryptoLine } from '../../src/media/index.js';
import { isRecorded, openBed, openPair, openSpeaker, packets, portsOf, talk, type Bed } from './bed.js';
import { bye, invite, startFlow, update, wait, type Said } from './flow.js';
import { audioCodes, avaya, avayaUpdate, broadWorks, broadWorksDirection, ciscoCube, jambonz, metaswitch, openSips, oracle, ribbon, sems } from './offers.js';
import { tune } from '../../src/testcall/index.js';

t.jobs = 6;
const bed: Promise<Bed> = openBed();

const unique = (): string => randomBytes(9).toString('base64url');
const uuid = (): string => randomBytes(16).toString('hex');

interface Plain {
  readonly maker: string;
  readonly payloadType: 0 | 8;
  readonly offer: (ports: readonly [number, number]) => Said;
  readonly sessionId: string;
  /** Party and label of what the first and the second line bring. */
  readonly lines: readonly [readonly [string, string], readonly [string, string]];
  /** The second line is the caller's. */
  readonly crossed?: boolean;
}

const [ribbonGroup, openSipsSession, semsSession] = [unique(), unique(), unique()];

/** Makers whose calls differ in what they say, and not in what they do. */
const plain: readonly Plain[] = [
  { maker: 'Oracle', payloadType: 0, offer: oracle, sessionId: '00FA080001002A5DCAAC41', lines: [['sip:9000@192.0.2.102', '16777227'], ['sip:1002@192.0.2.10', '16777228']], crossed: true },
  { maker: 'Ribbon', payloadType: 0, offer: (ports) => ribbon(ports, ribbonGroup), sessionId: ribbonGroup, lines: [['sip:8012@192.0.2.72', '1'], ['sip:8500@192.0.2.55', '2']], crossed: true },
  { maker: 'OpenSIPS', payloadType: 8, offer: (ports) => openSips(ports, openSipsSession), sessionId: openSipsSession, lines: [['sip:0771121212@192.0.2.239', '1'], ['sip:0760516936@cust1.example', '2']] },
  { maker: 'jambonz', payloadType: 0, offer: (ports) => jambonz(ports, 'sid-1'), sessionId: 'amFtYg==', lines: [['sip:15083084809@jambonz.example', '1'], ['sip:16173333456@jambonz.example', '2']] },
  { maker: 'SEMS', payloadType: 8, offer: (ports) => sems(ports, semsSession), sessionId: semsSession, lines: [['sip:016190200@192.0.2.116', 'a_leg'], ['sip:Extension-016190619@speech.example', 'b_leg']] },
];

for (const { maker, payloadType, offer, sessionId, lines, crossed = false } of plain) {
  t.test(`${maker}: both parties whole, each under its name, ${crossed ? 'who called left, though on the second line' : 'in the order of the lines'}`, async (t) => {
    const speakers = await openPair(t, payloadType);
    const flow = await startFlow((await bed).workspace, maker.toLowerCase(), [invite(offer(portsOf(speakers))), wait, bye]);
    const { media } = await flow.answer(1);
    t.strictSame(media.map(({ direction }) => direction), ['recvonly', 'recvonly']);
    const spoken = await talk(speakers, media);
    await flow.go();
    await flow.done;
    const sides = lines.map(([party, label], n) => ({ party, label, spoken: [spoken[n] ?? { samples: new Int16Array() }] }));
    const [one, other] = sides;
    if (one === undefined || other === undefined) throw new Error('two lines');
    await isRecorded(t, await bed, sessionId, crossed ? [other, one] : [one, other]);
  });
}

t.test('Cisco CUBE: begins inactive, goes on by re-INVITE; the session ID is that of both halves, whichever comes first', async (t) => {
  const [one, other] = [uuid(), uuid()].sort() as [string, string];
  const speakers = await openPair(t, 0);
  const steps = [invite(ciscoCube(portsOf(speakers), `${other};remote=${one}`, 'inactive')), wait, invite(ciscoCube(portsOf(speakers), `${other};remote=${one}`, 'sendonly')), wait, bye];
  const flow = await startFlow((await bed).workspace, 'cube', steps);
  const first = await flow.answer(1);
  t.strictSame(first.media.map(({ direction }) => direction), ['inactive', 'inactive']);
  await flow.go();
  const { media } = await flow.answer(2);
  t.strictSame(media.map(({ port, direction }) => [port, direction]), first.media.map(({ port }) => [port, 'recvonly']), 'on the same ports');
  const [left, right] = await talk(speakers, media);
  await flow.go();
  await flow.done;
  await isRecorded(t, await bed, one, [{ party: 'sip:7301@192.0.2.8', label: '1', spoken: [left] }, { party: 'sip:7300@192.0.2.9', label: '2', spoken: [right] }]);
});

t.test('AudioCodes: SRTP with keys of its own in each direction, a hold and its end, paired by X-AUDC-CALL-ID', async (t) => {
  const key = (tag: number): string => encodeCryptoLine({ tag, suite: 'AES_CM_128_HMAC_SHA1_80', keySalt: randomBytes(30), sessionParameters: [] });
  const keys = [key(1), key(1)] as const;
  const speakers = await openPair(t, 8, keys);
  const callId = `ac-${unique()}`;
  const offer = (direction: 'sendonly' | 'inactive'): Said => audioCodes(portsOf(speakers), callId, keys, direction);
  const flow = await startFlow((await bed).workspace, 'audiocodes', [invite(offer('sendonly')), wait, invite(offer('inactive')), wait, invite(offer('sendonly')), wait, bye]);
  const { media } = await flow.answer(1);
  t.match(media.map(({ protocol, crypto }) => [protocol, parseCryptoLine(crypto[0] ?? '')]), [['RTP/SAVP', { tag: 1, suite: 'AES_CM_128_HMAC_SHA1_80' }], ['RTP/SAVP', { tag: 1 }]]);
  t.ok(media.every(({ crypto }) => !keys.includes(crypto[0] ?? '')), 'the keys of the answer are ours');
  const before = await talk(speakers, media);
  await flow.go();
  const held = await flow.answer(2);
  t.strictSame(held.media.map(({ direction, crypto }) => [direction, crypto]), media.map(({ crypto }) => ['inactive', crypto]), 'our keys stay');
  await flow.go();
  const after = await talk(speakers, (await flow.answer(3)).media, 1);
  await flow.go();
  await flow.done;
  const report = await isRecorded(t, await bed, callId, [{ party: 'sip:1001@audio.example', spoken: [before[0], after[0]] }, { party: 'sip:2002@audio.example', spoken: [before[1], after[1]] }]);
  t.match(report.channels, [{ encrypted: true, authFailures: 0 }, { encrypted: true, authFailures: 0 }]);
});

t.test('Avaya SBCE: the placeholder gets its name by an UPDATE of metadata alone; the session ID is the UCID', async (t) => {
  const ucid = '00FA0800705D4C5DCAAC41';
  const speakers = await openPair(t, 8);
  const flow = await startFlow((await bed).workspace, 'avaya', [invite(avaya(portsOf(speakers), ucid)), wait, update(avayaUpdate(ucid)), wait, bye]);
  const { media } = await flow.answer(1);
  const before = await talk(speakers, media);
  await flow.go();
  const after = await talk(speakers, media, 1);
  await flow.go();
  await flow.done;
  await isRecorded(t, await bed, ucid, [{ party: 'sip:9878942259@192.0.2.145', label: '10', spoken: [before[0], after[0]] }, { party: 'sip:4455@192.0.2.20', label: '20', spoken: [before[1], after[1]] }]);
});

t.test('Metaswitch: one mixed line without a direction is taken', async (t) => {
  const speaker = await openSpeaker(t, 0);
  const session = unique();
  const flow = await startFlow((await bed).workspace, 'metaswitch', [invite(metaswitch(speaker.port, session)), wait, bye]);
  const { media } = await flow.answer(1);
  t.strictSame(media.map(({ direction }) => direction), ['recvonly']);
  const spoken = await speaker.say(media[0]?.port ?? 0, packets, tune('caller'));
  await flow.go();
  await flow.done;
  await isRecorded(t, await bed, session, [{ party: 'sip:5551001@meta.example', label: '1', spoken: [spoken] }, { party: '', spoken: [] }]);
});

t.test('BroadWorks, Webex Calling: paused and resumed by an SDP alone; what can be decoded is answered', async (t) => {
  const speaker = await openSpeaker(t, 8);
  const session = uuid();
  const steps = [invite(broadWorks(speaker.port, session)), wait, invite(broadWorksDirection(speaker.port, 'inactive', 2)), wait, invite(broadWorksDirection(speaker.port, 'sendonly', 3)), wait, bye];
  const flow = await startFlow((await bed).workspace, 'broadworks', steps);
  const { media } = await flow.answer(1);
  t.strictSame(media[0]?.codecs.map(({ name }) => name), ['PCMA', 'opus', 'telephone-event', 'PCMU', 'G722', 'G729']);
  const to = media[0]?.port ?? 0;
  const before = await speaker.say(to, packets, tune('caller'));
  await flow.go();
  t.strictSame((await flow.answer(2)).media.map(({ port, direction }) => [port, direction]), [[to, 'inactive']]);
  await flow.go();
  t.strictSame((await flow.answer(3)).media.map(({ port, direction }) => [port, direction]), [[to, 'recvonly']]);
  const after = await speaker.say(to, packets, tune('callee'));
  await flow.go();
  await flow.done;
  await isRecorded(t, await bed, session, [{ party: 'sip:alice@broad.example', label: '1', spoken: [before, after] }, { party: '', spoken: [] }]);
});
