/** What recording sessions do, whichever maker's: conference, transfer, park, partial metadata, refusals, and clients that are gone. */
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import t from 'tap';
import { encodeCryptoLine, parseCryptoLine, parseRtcp, readLossSummaries, SrtpReceiver, type LossSummary } from '../../src/media/index.js';
import { listed, metric, twintrack, until } from '../support/product.js';
import { listedOnce, reportOf } from '../support/recordings.js';
import { afterAPause, isRecorded, openBed, openNeighbours, openPair, openSpeaker, packets, portsOf, second, talk, type Bed } from './bed.js';
import { asked, bye, invite, refusedInvite, startFlow, update, wait } from './flow.js';
import { rfcMetadata, sdp, siprec, type SdpLine } from './offers.js';
import type { Speaker } from './voices.js';

t.jobs = 6;
const staleSeconds = 5;
const bed: Promise<Bed> = openBed({ recorder: { staleSeconds, keylessSrtp: 'refuse' } });

const unique = (): string => randomBytes(9).toString('base64url');
const line = (port: number, label: string, more: Partial<SdpLine> = {}): SdpLine => ({ port, label, formats: '0', attributes: ['rtpmap:0 PCMU/8000'], ...more });
const ann = { id: 'QW5u', aor: 'sip:ann@a.example', label: '1' };
const bob = { id: 'Qm9i', aor: 'sip:bob@b.example', label: '2' };
const carl = { id: 'Q2FybA==', aor: 'sip:carl@c.example', label: '3' };
const xml = (body: string) => ({ contentType: 'application/rs-metadata+xml', body });
const key = (): string => encodeCryptoLine({ tag: 1, suite: 'AES_CM_128_HMAC_SHA1_80', keySalt: randomBytes(30), sessionParameters: [] });

t.test('six lines, video and a refused one among them: each is answered in its place, all audio is recorded', async (t) => {
  const session = unique();
  const speakers = [await openSpeaker(t, 0), await openSpeaker(t, 0), await openSpeaker(t, 0)] as const;
  const video = (port: number): SdpLine => ({ port, kind: 'video', formats: '96', attributes: ['rtpmap:96 H264/90000'], label: `v${port}` });
  const description = sdp([line(speakers[0].port, '1'), video(40_002), line(speakers[1].port, '2'), line(0, '9'), line(speakers[2].port, '3'), line(40_010, '4', { direction: 'inactive' })]);
  const people = [ann, bob, carl, { id: 'RG9yYQ==', aor: 'sip:dora@d.example', label: '4' }];
  const flow = await startFlow((await bed).workspace, 'six', [invite(siprec(description, rfcMetadata(people, { session }))), wait, bye]);
  const { media } = await flow.answer(1);
  t.strictSame(media.map(({ kind, port, direction }) => [kind, port === 0 ? 'refused' : direction]), [['audio', 'recvonly'], ['video', 'refused'], ['audio', 'recvonly'], ['audio', 'refused'], ['audio', 'recvonly'], ['audio', 'inactive']]);
  await Promise.all(speakers.map((speaker, n) => speaker.say(media[2 * n]?.port ?? 0, packets, second(n === 0 ? 'caller' : 'callee', n))));
  await flow.go();
  await flow.done;
  await listedOnce((await bed).workspace, session, 'complete');
  const report = await reportOf((await bed).workspace, session);
  t.match(report?.channels, [{ party: ann.aor, label: '1' }, { party: bob.aor, label: '2' }, { party: carl.aor, label: '3' }, { party: 'sip:dora@d.example', label: '4' }]);
  t.strictSame(report?.channels.map(({ packetsReceived }) => packetsReceived), [packets, packets, packets, 0]);
});

t.test('a transfer: one line ends, another takes its place, and who comes in stands where who left stood', async (t) => {
  const session = unique();
  const [speakers, third] = [await openPair(t, 0), await openSpeaker(t, 0)];
  const [one, other] = portsOf(speakers);
  const flow = await startFlow((await bed).workspace, 'transfer', [
    invite(siprec(sdp([line(one, '1'), line(other, '2')]), rfcMetadata([ann, bob], { session }))), wait,
    invite(siprec(sdp([line(one, '1'), line(0, '2'), line(third.port, '3')], { version: 2 }), rfcMetadata([ann, carl], { session }))), wait, bye,
  ]);
  const first = await flow.answer(1);
  const before = await talk(speakers, first.media);
  await flow.go();
  const { media } = await flow.answer(2);
  t.strictSame(media.map(({ port }) => (port === 0 ? 0 : 1)), [1, 0, 1]);
  await afterAPause();
  const after = await Promise.all([speakers[0].say(media[0]?.port ?? 0, packets, second('caller', 1)), third.say(media[2]?.port ?? 0, packets, second('callee', 1))]);
  await flow.go();
  await flow.done;
  await isRecorded(t, await bed, session, [{ party: ann.aor, spoken: [before[0], after[0]] }, { party: carl.aor, label: '3', spoken: [before[1], after[1]] }]);
});

t.test('park: paused by metadata, taken up by another party in a partial document; a re-INVITE without SDP is made an offer', async (t) => {
  const session = unique();
  const speakers = await openPair(t, 0);
  const [one, other] = portsOf(speakers);
  const description = (version: number): string => sdp([line(one, '1'), line(other, '2')], { version });
  const association = (times: string): string => `<recording xmlns="urn:ietf:params:xml:ns:recording:1"><datamode>partial</datamode><sessionrecordingassoc session_id="${session}">${times}</sessionrecordingassoc></recording>`;
  const takenUp = rfcMetadata([{ ...carl, id: bob.id, label: '2' }], { session, mode: 'partial' }).replace('</recording>', `<sessionrecordingassoc session_id="${session}"><associate-time>2027-01-15T08:01:00Z</associate-time></sessionrecordingassoc></recording>`);
  const flow = await startFlow((await bed).workspace, 'park', [
    invite(siprec(description(1), rfcMetadata([ann, bob], { session }))), wait,
    update(xml(association('<disassociate-time>2027-01-15T08:00:00Z</disassociate-time>'))), wait,
    update(xml(takenUp)), invite({}, description(2)), wait, bye,
  ]);
  const { media } = await flow.answer(1);
  const before = await talk(speakers, media);
  await flow.go();
  await flow.go();
  const offered = await flow.answer(2);
  t.strictSame(offered.media.map(({ port, direction }) => [port, direction]), media.map(({ port }) => [port, 'recvonly']));
  const after = await talk(speakers, media, 1);
  await flow.go();
  await flow.done;
  await isRecorded(t, await bed, session, [{ party: ann.aor, spoken: [before[0], after[0]] }, { party: carl.aor, spoken: [before[1], after[1]] }]);
});

t.test('a client that says too little is asked for all metadata in an UPDATE, and what it sends then names the parties', async (t) => {
  const session = unique();
  const speakers = await openPair(t, 0);
  const [one, other] = portsOf(speakers);
  const allow = ['Require: siprec', 'Allow: INVITE, ACK, BYE, CANCEL, UPDATE', `X-AUDC-CALL-ID: ${session}`];
  const flow = await startFlow((await bed).workspace, 'snapshot', [
    invite({ headers: allow, body: sdp([line(one, '1'), line(other, '2')]) }), asked('UPDATE'), update(xml(rfcMetadata([ann, bob], { session }))), wait, bye,
  ]);
  const spoken = await talk(speakers, (await flow.answer(1)).media);
  await flow.go();
  await flow.done;
  await isRecorded(t, await bed, session, [{ party: ann.aor, spoken: [spoken[0]] }, { party: bob.aor, spoken: [spoken[1]] }]);
});

t.test('one session for each direction and nothing that names the call: neighbouring ports make it one recording, which says so', async (t) => {
  const { workspace } = await bed;
  const speakers = await openNeighbours(t, 0);
  const said = ({ port }: Speaker) => ({ headers: ['Contact: <sip:switch@[local_ip]:[local_port]>'], body: sdp([{ port, formats: '0', attributes: ['rtpmap:0 PCMU/8000'] }]) });
  // At once, as such a client does; whichever the recorder hears first is the caller's.
  const flows = await Promise.all([startFlow(workspace, 'oneway', [invite(said(speakers[0])), wait, bye]), startFlow(workspace, 'otherway', [invite(said(speakers[1])), wait, bye])]);
  const spoken = await talk(speakers, (await Promise.all(flows.map((flow) => flow.answer(1)))).flatMap(({ media }) => media));
  for (const flow of flows) await flow.go();
  await Promise.all(flows.map((flow) => flow.done));
  const known = (await listed(workspace)).map(({ sessionId }) => sessionId);
  const names = flows.map(({ callId }) => callId).filter((callId) => known.includes(callId));
  t.equal(names.length, 1, 'both are of one session');
  const [left, right] = names[0] === flows[0].callId ? spoken : [spoken[1], spoken[0]];
  const report = await isRecorded(t, await bed, names[0] ?? '', [{ party: '', spoken: [left] }, { party: '', spoken: [right] }]);
  // They began in one moment, so either may stand first.
  t.strictSame(report.captures.map(({ pairedBy }) => pairedBy ?? 'named').sort(), ['media-address', 'named'], 'the second is the one that was found by its address');
  const { stdout } = await twintrack(workspace, 'show', report.sessionId);
  const endings = stdout.split('\n').flatMap((text) => (text.startsWith('capture ') ? [/ closed.*/u.exec(text)?.[0]] : []));
  t.strictSame(endings.sort(), [' closed', ' closed, paired by media-address']);
});

t.test('what is written is reported to its sender, over SRTCP where the media is SRTP, up to the last packet', async (t) => {
  const keys = [key(), key()] as const;
  const [plain, secure] = [await openSpeaker(t, 0), await openSpeaker(t, 0, keys[1])];
  const attributes = ['rtpmap:0 PCMU/8000', 'rtcp-mux'];
  const description = sdp([line(plain.port, '1', { attributes }), line(secure.port, '2', { attributes: [...attributes, 'rtcp-xr:stat-summary=loss', `crypto:${keys[1]}`], protocol: 'RTP/SAVP' })]);
  const flow = await startFlow((await bed).workspace, 'reports', [invite(siprec(description, rfcMetadata([ann, bob], { session: unique() }))), wait, bye]);
  const { media } = await flow.answer(1);
  const ours = parseCryptoLine(media[1]?.crypto[0] ?? '');
  if (typeof ours === 'string') throw new Error(ours);
  const receiver = new SrtpReceiver(ours);
  await talk([plain, secure], media);
  let highest: readonly number[] = [];
  const packetsIn = (bytes: Buffer | string) => {
    const parsed = typeof bytes === 'string' ? bytes : parseRtcp(bytes);
    return typeof parsed === 'string' ? [] : parsed;
  };
  const heard = new Set<Buffer>();
  const latest = [0, 0];
  const summaries: [LossSummary[], LossSummary[]] = [[], []];
  await until(() => {
    for (const [n, speaker] of [plain, secure].entries()) {
      for (const bytes of speaker.heard) {
        if (heard.has(bytes)) continue;
        heard.add(bytes);
        for (const packet of packetsIn(n === 0 ? bytes : receiver.unprotectRtcp(bytes))) {
          if (packet.type === 'RR') for (const block of packet.reports) if (block.ssrc === speaker.ssrc) latest[n] = block.extendedHighest;
          if (packet.type === 'other') summaries[n]?.push(...readLossSummaries(packet));
        }
      }
    }
    highest = [...latest];
    return Promise.resolve(highest[0] === plain.extendedHighest && highest[1] === secure.extendedHighest);
  }, 'the last packet of each is reported');
  t.ok(highest.every((number) => number > 0xffff), 'across a wrap of the sequence number');
  t.strictSame(summaries[0], [], 'who does not ask for summaries gets none');
  t.strictSame(summaries[1].at(-1), { ssrc: secure.ssrc, begin: 65_500, end: (secure.extendedHighest + 1) & 0xffff, lost: 0 });
  await flow.go();
  await flow.done;
});

t.test('what cannot be recorded is refused with 488, and the Warning says what to do', async (t) => {
  const { workspace } = await bed;
  const secure = (attributes: readonly string[], protocol = 'RTP/SAVP') => sdp([line(40_000, '1', { protocol, attributes })]);
  const table = [
    ['nokeys', { body: secure([]) }, /399 twintrack "srtp-without-keys: SRTP is offered without an a=crypto/u],
    ['dtls', { body: secure(['fingerprint:sha-256 AA', 'setup:actpass'], 'UDP/TLS/RTP/SAVP') }, /dtls-srtp: .*offer SDES/u],
    ['video', { body: sdp([{ port: 40_000, kind: 'video', formats: '96', attributes: ['rtpmap:96 VP8/90000'] }]) }, /no-audio: /u],
    ['nonsense', { body: 'this is no SDP' }, /sdp-unreadable: /u],
  ] as const;
  for (const [name, said, warning] of table) {
    const flow = await startFlow(workspace, name, [refusedInvite(said, 488)]);
    await flow.done;
    t.match(await readFile(flow.log, 'utf8'), warning, name);
  }
  const names = table.map(([name]) => name);
  t.notOk((await listed(workspace)).some(({ sessionId }) => names.some((name) => sessionId.startsWith(name))), 'and nothing of it is in the ledger');
  t.ok((await metric(workspace, 'twintrack_sip_rejected_total{reason="not-acceptable"}')) >= table.length);
});

t.test('a client that is silent is asked whether the session is its own: on hold it stays, gone it is ended', async (t) => {
  const { workspace } = await bed;
  const [live, gone] = [unique(), unique()];
  const held = sdp([line(40_000, '1', { direction: 'inactive' }), line(40_002, '2', { direction: 'inactive' })]);
  const speakers = await openPair(t, 0);
  const [one, other] = portsOf(speakers);
  const alive = await startFlow(workspace, 'held', [
    invite(siprec(held, rfcMetadata([ann, bob], { session: live }))), asked('OPTIONS'), asked('OPTIONS'),
    invite(siprec(sdp([line(one, '1'), line(other, '2')], { version: 2 }), rfcMetadata([ann, bob], { session: live }))), wait, bye,
  ]);
  const dead = await startFlow(workspace, 'gone', [invite(siprec(held, rfcMetadata([ann, bob], { session: gone }))), asked('OPTIONS', 481), asked('BYE')]);
  await dead.done;
  await listedOnce(workspace, gone, 'lost');
  const spoken = await talk(speakers, (await alive.answer(2)).media);
  await alive.go();
  await alive.done;
  await isRecorded(t, await bed, live, [{ party: ann.aor, spoken: [spoken[0]] }, { party: bob.aor, spoken: [spoken[1]] }]);
});
