/** The relay's fork against a recorder that is played: sockets and clock are the test's. */
import { randomBytes } from 'node:crypto';
import t from 'tap';
import { encodeLossSummaries, encodeRtcp, encodeRtp, encodeCryptoLine, SrtpSender } from '../../media/index.js';
import type { DatagramSocket, Endpoint } from '../../udp/index.js';
import { Fork, type ForkTarget } from './fork.js';
import { BlockShelf } from './kept-packets.js';

const recorder = { address: '127.0.0.1', port: 4_000 };
const other = { address: '127.0.0.1', port: 5_000 };
const targetOf = (endpoint: Endpoint): ForkTarget => ({ rtp: endpoint, rtcp: endpoint });
const ssrc = 7;

const rtp = (sequenceNumber: number, from = ssrc): Buffer =>
  encodeRtp({ marker: false, payloadType: 0, sequenceNumber: sequenceNumber & 0xffff, timestamp: sequenceNumber * 160, ssrc: from, csrcs: [], extension: undefined, payload: Buffer.alloc(160) });

/** @param begin where it tells from which packet on it counts */
const report = (highest: number, cumulativeLost = 0, of = ssrc, begin?: number): Buffer =>
  encodeRtcp([{ type: 'RR', ssrc: 99, reports: [{ ssrc: of, fractionLost: 0, cumulativeLost, extendedHighest: highest >>> 0, jitterTicks: 0, lastSenderReport: 0, delaySinceLastSenderReport: 0 }], profileExtension: Buffer.alloc(0) }, ...(begin === undefined ? [] : [encodeLossSummaries(99, [{ ssrc: of, begin: begin & 0xffff, end: (highest + 1) & 0xffff, lost: cumulativeLost }])])]);

class Wire implements DatagramSocket {
  readonly port = 3_000;
  readonly sent: string[] = [];
  handler: (bytes: Buffer, from: Endpoint) => void = () => undefined;
  refused: (() => void) | undefined;

  receive(handler: (bytes: Buffer, from: Endpoint) => void): void {
    this.handler = handler;
  }

  send(bytes: Buffer, to: Endpoint): void {
    this.sent.push(`${to.port} ${(bytes[1] ?? 0) >= 200 ? 'rtcp' : bytes.readUInt16BE(2)}`);
  }

  connect(_to: Endpoint, refused?: () => void): void {
    this.refused = refused;
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** What was sent since it was last asked for. */
  take(): string[] {
    return this.sent.splice(0);
  }
}

function open() {
  const wire = new Wire();
  const sockets = { address: '127.0.0.1', rtpPort: 3_000, rtcpPort: 3_001, rtp: wire, rtcp: new Wire(), close: () => Promise.resolve() };
  const [troubles, dropped]: [string[], string[]] = [[], []];
  let nowMs = 1_000_000;
  const fork = new Fork({ sockets, observer: { relayed: () => undefined, dropped: (reason) => dropped.push(reason) }, shelf: new BlockShelf(), told: (trouble) => troubles.push(trouble), now: () => nowMs });
  return {
    fork, wire, troubles, dropped,
    copy: (...numbers: number[]) => {
      for (const number of numbers) fork.copy(rtp(number), false);
    },
    reports: (bytes: Buffer, from = recorder) => wire.handler(bytes, from),
    refuse: () => wire.refused?.(),
    /** Time passes, with the looks of the thread. */
    pass: (ms: number, stoodStill = false) => {
      for (const end = nowMs + ms; nowMs < end; ) fork.look((nowMs += Math.min(250, end - nowMs)), stoodStill);
    },
  };
}

/** What a next recorder gets of what the one before has not confirmed. */
async function leftFor(bed: ReturnType<typeof open>): Promise<string[]> {
  bed.wire.take();
  bed.fork.detach();
  bed.fork.start(targetOf(other));
  await new Promise((resolve) => setTimeout(resolve, 60));
  const sent = bed.wire.take();
  bed.fork.stop();
  return sent.map((one) => one.replace('5000 ', ''));
}

t.test('RFC 3550 §6.4.1: what a report says is written is let go of, across the wrap; the next recorder gets the rest, in order, and live packets behind it', async (t) => {
  const bed = open();
  bed.fork.start(targetOf(recorder));
  bed.copy(65_533, 65_534, 65_535, 65_536, 65_537, 65_538);
  t.strictSame(bed.wire.take(), [65_533, 65_534, 65_535, 0, 1, 2].map((number) => `4000 ${number}`));
  bed.reports(report(65_534));
  bed.fork.detach();
  bed.copy(65_539);
  t.strictSame(bed.wire.take(), [], 'nothing goes to the one that has left');
  bed.reports(report(65_538));
  bed.fork.start(targetOf(other));
  bed.copy(65_540);
  t.strictSame(bed.wire.take(), [65_535, 0, 1, 2, 3, 4].map((number) => `5000 ${number}`));
  t.strictSame(await leftFor(bed), ['65535', '0', '1', '2', '3', '4'], 'the new one has confirmed nothing');
});

t.test('each source is confirmed by itself, and what a source of before left is not held for ever', async (t) => {
  const bed = open();
  bed.fork.start(targetOf(recorder));
  bed.copy(1, 2);
  bed.fork.copy(rtp(900, 8), false);
  bed.reports(report(2));
  t.strictSame(await leftFor(bed), ['900']);
  const second = open();
  second.fork.start(targetOf(recorder));
  second.copy(1, 2);
  second.fork.copy(rtp(900, 8), false);
  second.reports(report(900, 0, 8));
  t.strictSame(await leftFor(second), ['1', '2', '900']);
});

t.test('what was lost on the way is sent again before it is let go of, three times at most; what the source itself lacked is not', async (t) => {
  const bed = open();
  bed.fork.start(targetOf(recorder));
  bed.copy(1, 2, 3, 5, 6);
  bed.wire.take();
  bed.reports(report(3));
  bed.reports(report(6, 1));
  t.strictSame(bed.wire.take(), [], '4 was never there');
  bed.copy(7, 8, 9);
  bed.wire.take();
  bed.reports(report(9, 3));
  t.strictSame(bed.wire.take(), ['4000 7', '4000 8', '4000 9'], 'two of these were lost');
  bed.copy(10);
  bed.wire.take();
  bed.reports(report(10, 1));
  t.strictSame([bed.wire.take(), await leftFor(bed)], [[], []], 'they have come');
  const hopeless = open();
  hopeless.fork.start(targetOf(recorder));
  for (let n = 1; n < 6; n += 1) {
    hopeless.copy(10 * n, 10 * n + 1, 10 * n + 2);
    hopeless.wire.take();
    hopeless.reports(report(10 * n + 2, 40 * n));
    t.equal(hopeless.wire.take().length, n < 4 ? 3 * n : 3 * (n - 1), `report ${n}: the first three are given up with the fourth, not those that came later`);
  }
});

t.test('what was lost before the first packet that the recorder heard is in no count of its own (RFC 3550 §A.3): its loss summary tells, and it is sent again', async (t) => {
  const bed = open();
  bed.fork.start(targetOf(recorder));
  bed.copy(65_534, 65_535, 65_537, 65_538, 65_539);
  bed.wire.take();
  bed.reports(report(65_539, 0, ssrc, 65_538));
  t.strictSame(bed.wire.take(), [65_534, 65_535, 1, 2, 3].map((number) => `4000 ${number}`), 'it lacks three: one was never there');
  bed.copy(65_540);
  bed.wire.take();
  bed.reports(report(65_540, 1, ssrc, 65_534));
  t.strictSame([bed.wire.take(), await leftFor(bed)], [[], []], 'they have come');
  const never = open();
  never.fork.start(targetOf(recorder));
  for (let number = 1; number <= 4; number += 1) {
    never.copy(2 * number, 2 * number + 1);
    never.wire.take();
    never.reports(report(2 * number + 1, 0, ssrc, 3));
    t.equal(never.wire.take().length, number < 4 ? 2 * number : 0, `report ${number}: what does not come three times is given up`);
  }
  const elder = open();
  elder.fork.start(targetOf(recorder));
  elder.copy(7, 8);
  elder.wire.take();
  elder.reports(report(8, 0, ssrc, 2));
  t.strictSame([elder.wire.take(), await leftFor(elder)], [[], []], 'one that has heard more than is kept lacks nothing');
});

t.test('what is not kept any more hides no loss: it may be written, so it is not taken for left out by the source', (t) => {
  const bed = open();
  bed.copy(1, 2, 3, 4);
  bed.pass(5_000);
  bed.copy(5, 6, 7, 8);
  bed.pass(4_750);
  bed.fork.start({ ...targetOf(recorder), reports: true });
  bed.wire.take();
  bed.reports(report(3, 1));
  t.equal(bed.wire.take().length, 8, 'one of the first three was lost');
  bed.pass(500);
  bed.copy(9);
  bed.wire.take();
  bed.reports(report(9, 1));
  t.strictSame(bed.wire.take(), [5, 6, 7, 8, 9].map((number) => `4000 ${number}`));
  bed.fork.stop();
  t.end();
});

t.test('what is sent again goes in bursts, as at first, and what comes meanwhile waits behind it', async (t) => {
  const bed = open();
  bed.fork.start(targetOf(recorder));
  const numbers = Array.from({ length: 60 }, (_, n) => n + 1);
  bed.copy(...numbers);
  bed.wire.take();
  bed.reports(report(60, 1));
  bed.copy(61);
  t.equal(bed.wire.take().length, 25);
  await new Promise((resolve) => setTimeout(resolve, 60));
  t.strictSame(bed.wire.take(), [...numbers.slice(25), 61].map((number) => `4000 ${number}`));
  bed.fork.stop();
});

t.test('a recorder that hung before its first report, and reports then of what is not kept any more, gets again what was lost meanwhile', (t) => {
  const bed = open();
  bed.fork.start(targetOf(recorder));
  bed.copy(1, 2, 3, 4, 5);
  bed.pass(6_250);
  bed.copy(6, 7, 8, 9);
  bed.reports(report(1));
  bed.wire.take();
  bed.reports(report(9, 3));
  t.strictSame(bed.wire.take(), ['4000 6', '4000 7', '4000 8', '4000 9']);
  bed.fork.stop();
  t.end();
});

t.test('RFC 3711 §3.4: reports that are SRTCP by the key of the answer are read; those by another, or in clear, are not', async (t) => {
  const key = { tag: 1, suite: 'AES_CM_128_HMAC_SHA1_80' as const, keySalt: randomBytes(30), sessionParameters: [] };
  const crypto = encodeCryptoLine(key);
  for (const [sender, confirmed] of [[new SrtpSender(key), true], [new SrtpSender({ ...key, keySalt: randomBytes(30) }), false], [undefined, false]] as const) {
    const bed = open();
    bed.fork.start({ ...targetOf(recorder), crypto });
    bed.copy(1, 2);
    bed.reports(sender?.protectRtcp(report(2)) ?? report(2));
    t.strictSame(await leftFor(bed), confirmed ? [] : ['1', '2']);
  }
});

t.test('a stranger confirms nothing, nor does the recorder that was left, and junk harms nothing', async (t) => {
  const bed = open();
  bed.fork.start(targetOf(recorder));
  bed.copy(1, 2);
  bed.reports(report(2), { address: '192.0.2.1', port: 4_000 });
  for (const junk of [Buffer.alloc(0), randomBytes(3), randomBytes(200), report(2).subarray(0, 20)]) bed.reports(junk);
  bed.fork.copy(Buffer.from('no RTP'), false);
  t.strictSame(await leftFor(bed), ['1', '2']);
});

t.test('before any recorder has answered ten seconds are kept, of which the oldest go first and are counted', (t) => {
  const bed = open();
  for (let number = 1; number <= 650; number += 1) bed.copy(number);
  t.equal(bed.dropped.filter((reason) => reason === 'queue-full').length, 50);
  bed.pass(9_000);
  bed.copy(651);
  bed.pass(2_000);
  bed.fork.start(targetOf(recorder));
  t.strictSame(bed.wire.take(), ['4000 651'], 'the others are older than that');
  bed.fork.stop();
  t.end();
});

t.test('of what was sent to a recorder that never reports six seconds are kept; that it does not is no trouble', async (t) => {
  const bed = open();
  bed.fork.start(targetOf(recorder));
  bed.copy(1);
  bed.pass(5_000);
  bed.copy(2);
  bed.pass(2_000);
  t.strictSame([bed.troubles, bed.dropped, await leftFor(bed)], [[], [], ['2']]);
});

t.test('reports that stay away for two and a half seconds while packets go are told, once; a hold, RTCP, and a thread that stood still are no such thing', (t) => {
  const bed = open();
  bed.fork.start(targetOf(recorder));
  bed.copy(1);
  bed.reports(report(1));
  bed.pass(20_000);
  bed.fork.copy(report(1), true);
  bed.pass(20_000);
  t.strictSame(bed.troubles, [], 'on hold');
  bed.copy(2);
  bed.pass(2_000);
  bed.pass(250, true);
  bed.pass(2_250);
  t.strictSame(bed.troubles, [], 'it could not be heard');
  bed.pass(250);
  t.strictSame(bed.troubles, ['no-reports']);
  bed.pass(9_000);
  t.strictSame(bed.troubles, ['no-reports'], 'told once');
  bed.fork.detach();
  bed.fork.start(targetOf(other));
  bed.copy(3);
  bed.pass(9_000);
  t.strictSame(bed.troubles, ['no-reports'], 'the next has not reported yet');
  bed.fork.detach();
  bed.fork.start({ ...targetOf(recorder), reports: true });
  bed.copy(4);
  bed.pass(2_250);
  t.equal(bed.troubles.length, 1);
  bed.pass(500);
  t.strictSame(bed.troubles, ['no-reports', 'no-reports'], 'one that has said that it reports is missed from the first packet on');
  bed.fork.stop();
  t.end();
});

t.test('that nobody listens at the port is told when it is refused again; not for one refusal, nor where a report has come since', (t) => {
  const bed = open();
  bed.fork.start(targetOf(recorder));
  bed.copy(1);
  bed.refuse();
  bed.refuse();
  t.strictSame(bed.troubles, ['port-refused'], 'in one moment');
  bed.pass(40);
  bed.reports(report(1));
  bed.pass(40);
  bed.refuse();
  t.strictSame(bed.troubles, ['port-refused'], 'it lives');
  bed.pass(60);
  bed.refuse();
  bed.pass(60);
  bed.refuse();
  t.strictSame(bed.troubles, ['port-refused', 'port-unreachable']);
  bed.fork.stop();
  t.end();
});

t.test('what comes during a pause is not kept; what came before it is', async (t) => {
  const bed = open();
  bed.copy(1);
  bed.fork.pause();
  bed.copy(2);
  bed.fork.resume();
  bed.copy(3);
  t.strictSame(await leftFor(bed), ['1', '3']);
});

t.test('at the end it is waited for the reports of all that was sent; what was lost on the way is sent again, the last packets too', async (t) => {
  const bed = open();
  bed.fork.start({ ...targetOf(recorder), reports: true });
  bed.copy(1, 2, 3, 4, 5);
  bed.wire.take();
  let confirmed: boolean | undefined;
  const told = bed.fork.confirmed(60_000).then((is) => (confirmed = is));
  bed.pass(1_000);
  bed.reports(report(3));
  t.strictSame(bed.wire.take(), [], 'the last may have been on their way');
  bed.pass(750);
  t.strictSame(bed.wire.take(), ['4000 4', '4000 5']);
  t.equal(confirmed, undefined);
  bed.reports(report(5));
  await told;
  t.equal(confirmed, true);
  t.equal(await bed.fork.confirmed(60_000), true, 'at once, where all is written already');
  bed.copy(6);
  t.equal(await bed.fork.confirmed(1), false, 'no longer than it was said');
  const left = bed.fork.confirmed(60_000);
  bed.fork.detach();
  t.equal(await left, false, 'nor for a recorder that is gone');
  bed.fork.stop();
});

t.test('where nobody reports, nothing is waited for at the end', async (t) => {
  const bed = open();
  bed.fork.start(targetOf(recorder));
  bed.copy(1);
  t.equal(await bed.fork.confirmed(60_000), false);
  bed.fork.stop();
});
