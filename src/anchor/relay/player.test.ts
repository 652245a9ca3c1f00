import fc from 'fast-check';
import t from 'tap';
import { clip, encodeRtp, rtpHeaderBytes, tone, type RtpPacket } from '../../media/index.js';
import { energy, fit, speechLike, toneIn } from '../../media/signal.fixture.js';
import { codecNamed, codecsOf, eventType, foreignType, heardOf, noiseType, openBed, parsedRtp, payloadTypeOf, settled, streamOf } from './player.fixture.js';

const names = ['PCMU', 'PCMA', 'G722', 'opus'] as const;
const beep = tone({ hertz: 1_400, durationMs: 500, peak: 3_000, rampMs: 5 });
const announcement = clip(speechLike(16_000, 1), 16_000);
/** Nothing that an announcement of speech could be taken for. */
const hum = (rate: number, seconds: number): Int16Array => Int16Array.from({ length: rate * seconds }, (_, n) => Math.round(6_000 * Math.sin((2 * Math.PI * 300 * n) / rate)));
const header = ({ payload: _payload, paddingBytes: _padding, ...fields }: RtpPacket): object => fields;
const db = (ratio: number): number => 20 * Math.log10(ratio);

for (const name of names) {
  for (const packetMs of name === 'opus' ? [10, 20, 30, 60] : [10, 20, 30, 40]) {
    t.test(`${name}, ${packetMs} ms: an announcement takes the place of what is said, in the sender's own packets, and then all is as it came`, async (t) => {
      const { sampleRate } = codecNamed(name);
      const packets = await streamOf(name, hum(sampleRate, 2), packetMs);
      const { player, clock, sent, outcomes } = openBed(name, announcement, 'replace');
      await settled();
      const passed = packets.map((packet) => {
        const through = player.through(packet);
        clock.nowMs += packetMs;
        player.tick();
        return through;
      });
      t.strictSame(passed.map(parsedRtp).map(header), packets.map(parsedRtp).map(header), 'no header is changed');
      const count = Math.ceil(1_000 / packetMs);
      t.ok(passed.slice(0, count).every((packet, n) => packet !== packets[n] && parsedRtp(packet).paddingBytes === 0));
      t.ok(passed.slice(count).every((packet, n) => packet === packets[count + n]), 'afterwards byte for byte');
      t.strictSame([outcomes, sent.length], [['played'], 0]);
      const wanted = new Int16Array(sampleRate);
      announcement.read(sampleRate, 0, wanted);
      const heard = await heardOf(name, passed.slice(0, count).map(parsedRtp));
      const { snrDb, gain } = fit(wanted.subarray(0, sampleRate * 0.9), heard, name === 'opus' ? 130 : 24);
      t.ok(snrDb > 15 && Math.abs(gain - 1) < 0.1, `${snrDb.toFixed(1)} dB, gain ${gain.toFixed(2)}`);
      t.equal(heard.length, count * packetMs * (sampleRate / 1_000), 'as long as what it replaced');
    });
  }
}

for (const name of names) {
  t.test(`${name}: a beep is heard with the speech, which stays as it is`, async (t) => {
    const { sampleRate } = codecNamed(name);
    const speech = speechLike(sampleRate, 1.5);
    const packets = await streamOf(name, speech, 20);
    const { player, clock, outcomes } = openBed(name, beep, 'mix');
    const passed: Buffer[] = [];
    for (const packet of packets) {
      passed.push(player.through(packet));
      clock.nowMs += 20;
      player.tick();
      if (passed.length < 3) await settled();
    }
    t.strictSame(passed.map(parsedRtp).map(header), packets.map(parsedRtp).map(header));
    t.strictSame(outcomes, ['played']);
    const changed = passed.flatMap((packet, n) => (packet === packets[n] ? [] : [n]));
    t.ok(changed.length >= 25 && changed.length <= 27 && changed.every((n, k) => k === 0 || n === changed[k - 1]! + 1), `${changed.length} packets in a row`);
    t.ok(changed[0]! >= 10 && changed[0]! <= 12, 'after the codec has listened for 0.2 s');
    const [before, after] = [await heardOf(name, packets.map(parsedRtp)), await heardOf(name, passed.map(parsedRtp))];
    // What we encode again comes later by the codec's own delay.
    const delay = fit(before.subarray(0, changed[0]! * (sampleRate / 50)), after, name === 'opus' ? 130 : 24).shift;
    t.equal(delay, 0, 'before the beep nothing is changed');
    const [from, to] = [(changed[0]! * sampleRate) / 50 + sampleRate * 0.02, (changed.at(-1)! * sampleRate) / 50 - sampleRate * 0.02];
    const within = after.subarray(from, to);
    const level = toneIn(within, sampleRate, 1_400) / 3_000;
    t.ok(Math.abs(db(level)) < 1, `the tone is there: ${db(level).toFixed(2)} dB off`);
    // The speech beside it: of the same energy without the tone.
    const beside = energy(within) / within.length - (toneIn(within, sampleRate, 1_400) ** 2) / 2;
    const asSpoken = energy(before.subarray(from, to)) / within.length;
    t.ok(Math.abs(10 * Math.log10(beside / asSpoken)) < 1.5, `speech ${10 * Math.log10(beside / asSpoken)} dB`);
    const [speechBand, toneBand] = [toneIn(within, sampleRate, 140), toneIn(before.subarray(from, to), sampleRate, 140)];
    t.ok(Math.abs(db(speechBand / toneBand)) < 2, 'the pitch is as loud as before');
  });
}

t.test('under a beep, what comes late or twice goes on as it came, and does not disturb the rest', async (t) => {
  const packets = await streamOf('G722', speechLike(16_000, 1), 20);
  const order = [...Array.from({ length: 15 }, (_, n) => n), 16, 15, 16, 16, 17, 18, 19, 20];
  const disturbed = openBed('G722', beep, 'mix');
  disturbed.player.through(packets[0]!);
  await settled();
  const passed = order.map((n) => disturbed.player.through(packets[n]!));
  for (const at of [16, 17, 18]) t.equal(passed[at], packets[order[at]!], `packet ${order[at]}, late or again`);
  t.not(passed[15], packets[16]);
  // What follows has heard each packet once, as if 15 had been lost.
  const plain = openBed('G722', beep, 'mix');
  plain.player.through(packets[0]!);
  await settled();
  const once = order.filter((n, at) => n !== 15 && order.indexOf(n) === at).map((n) => plain.player.through(packets[n]!));
  t.strictSame(passed.slice(19), once.slice(-4));
});

t.test('stereo Opus stays stereo under a beep', async (t) => {
  const opus = await codecNamed('opus').openTranscoder(Buffer.of(0xfc));
  const { player } = openBed('opus', beep, 'mix');
  const left = hum(48_000, 1);
  const passed: Buffer[] = [];
  for (let n = 0; n < 50; n += 1) {
    const samples = Int16Array.from({ length: 1_920 }, (_, k) => (k % 2 === 0 ? (left[n * 960 + (k >> 1)] ?? 0) : 0));
    const packet = encodeRtp({ payloadType: 111, sequenceNumber: n, timestamp: n * 960, ssrc: 1, payload: opus.encode(samples) });
    passed.push(player.through(packet));
    if (n === 0) await settled();
  }
  const decoder = await codecNamed('opus').openTranscoder(Buffer.of(0xfc));
  const heard = passed.slice(20, 34).flatMap((packet) => [...decoder.decode(parsedRtp(packet).payload)!]);
  const [l, r] = [0, 1].map((channel) => heard.filter((_, n) => n % 2 === channel).slice(2_000));
  t.ok(toneIn(l!, 48_000, 300) > 5_000 && toneIn(r!, 48_000, 300) < 300, 'the left voice is left');
  t.ok([l!, r!].every((channel) => Math.abs(db(toneIn(channel, 48_000, 1_400) / 3_000)) < 1), 'the tone is on both');
  decoder.close();
  opus.close();
});

t.test('what is no audio of the codec goes on as it is: key presses, comfort noise, RTCP, STUN, what is malformed', async (t) => {
  const { player } = openBed('PCMA', announcement, 'replace');
  await settled();
  const rtp = (payloadType: number, payload: Buffer): Buffer => encodeRtp({ payloadType, sequenceNumber: 1, timestamp: 1, ssrc: 1, payload });
  for (const [what, packet] of [
    ['a key', rtp(eventType, Buffer.from('0b8a0320', 'hex'))],
    ['comfort noise', rtp(noiseType, Buffer.of(60))],
    ['an unknown payload type', rtp(77, Buffer.alloc(160))],
    ['RTCP', Buffer.from('80c90001000000010000000000000000', 'hex')],
    ['STUN', Buffer.from('000100002112a442000102030405060708090a0b', 'hex')],
    ['a header cut short', rtp(8, Buffer.alloc(160)).subarray(0, 11)],
    ['no payload', rtp(8, Buffer.alloc(0))],
    ['padding longer than the packet', Buffer.concat([Buffer.from('a008000100000001000000 01'.replace(' ', ''), 'hex'), Buffer.of(1, 2, 255)])],
    ['padding of nothing', Buffer.concat([Buffer.from('a00800010000000100000001', 'hex'), Buffer.of(1, 2, 0)])],
    ['nothing', Buffer.alloc(0)],
  ] as const) {
    t.equal(player.through(packet), packet, what);
  }
  t.not(player.through(rtp(8, Buffer.alloc(160))).toString('hex'), rtp(8, Buffer.alloc(160)).toString('hex'), 'audio does not');
});

t.test('whatever comes, it goes on as it came or with its own header, and nothing is thrown', async (t) => {
  for (const name of names) {
    for (const over of ['mix', 'replace'] as const) {
      const endless = tone({ hertz: 1_400, durationMs: 3_600_000, peak: 3_000, rampMs: 5 });
      const { player, outcomes } = openBed(name, endless, over);
      player.through((await streamOf(name, hum(codecNamed(name).sampleRate, 0.02), 20))[0]!);
      await settled();
      const first = fc.constantFrom(0x80, 0x90, 0xa0, 0xb3, 0x8f, 0x40);
      const second = fc.constantFrom(payloadTypeOf[name]!, 0x80 | payloadTypeOf[name]!, eventType, noiseType, 200);
      fc.assert(fc.property(first, second, fc.uint8Array({ maxLength: 400 }), (v, type, rest) => {
        const packet = Buffer.concat([Buffer.of(v, type), rest]);
        const before = Buffer.from(packet);
        const passed = player.through(packet);
        // The recorder gets it too.
        if (passed === packet || !packet.equals(before)) return packet.equals(before);
        const headerBytes = rtpHeaderBytes(before);
        if (typeof headerBytes === 'string') return false;
        before[0] = before[0]! & ~0x20;
        return packet.length > headerBytes && passed.subarray(0, headerBytes).equals(before.subarray(0, headerBytes));
      }), { numRuns: 300 });
      t.strictSame(outcomes, [], `${name}, ${over}`);
      player.stop();
    }
  }
});

t.test('RTCP on the port of RTP is not taken for audio, whatever payload type its second octet could mean (RFC 5761 §4)', async (t) => {
  const { player } = openBed('PCMU', announcement, 'replace', { ...codecsOf('PCMU'), playable: new Map([[72, codecNamed('PCMU')]]) });
  await settled();
  const report = Buffer.from('80c80006000000010000000000000000000000000000000000000000', 'hex');
  t.equal(player.through(report), report);
});

t.test('audio in a codec that is not ours ends it, and goes on', async (t) => {
  const { player, outcomes } = openBed('PCMA', announcement, 'replace');
  await settled();
  const foreign = encodeRtp({ payloadType: foreignType, sequenceNumber: 1, timestamp: 1, ssrc: 1, payload: Buffer.alloc(20) });
  t.equal(player.through(foreign), foreign);
  t.strictSame(outcomes, ['codec']);
  const audio = (await streamOf('PCMA', hum(8_000, 0.02), 20))[0]!;
  t.equal(player.through(audio), audio);
});

t.test('while the media becomes encrypted, or another codec is agreed upon, no packet is changed in a way that its receiver would not understand', async (t) => {
  const audio = (await streamOf('PCMU', hum(8_000, 0.1), 20));
  const first = openBed('PCMU', announcement, 'replace');
  await settled();
  t.not(first.player.through(audio[0]!), audio[0]);
  first.player.describe('encrypted');
  t.equal(first.player.through(audio[1]!), audio[1]);
  t.strictSame(first.outcomes, ['encrypted']);
  first.player.hush();
  t.equal(first.player.through(audio[2]!), audio[2], 'not even with silence');
  const second = openBed('PCMU', announcement, 'replace');
  second.player.describe(codecsOf('G722'));
  await settled();
  t.equal(second.player.through(audio[0]!), audio[0], 'late packets in the codec of before');
  t.strictSame(second.outcomes, []);
});

t.test('loss costs what it costs of speech, disorder and repetition cost nothing', async (t) => {
  const packets = await streamOf('PCMA', hum(8_000, 1.2), 20);
  const order = [0, 1, 2, 5, 4, 4, 6, 7, ...Array.from({ length: 42 }, (_, n) => n + 9)];
  const { player, outcomes } = openBed('PCMA', announcement, 'replace');
  await settled();
  const passed = order.map((n) => ({ n, packet: parsedRtp(player.through(packets[n]!)) }));
  const whole = new Int16Array(8_000 + 160);
  announcement.read(8_000, 0, whole);
  for (const { n, packet } of passed.filter((one) => one.n < 50)) {
    const heard = await heardOf('PCMA', [packet]);
    const wanted = whole.subarray(n * 160, (n + 1) * 160);
    t.ok(energy(heard.map((sample, k) => sample - wanted[k]!)) <= energy(wanted) / 100 + 160 * 64, `packet ${n} has its own part`);
  }
  t.strictSame(outcomes, ['played']);
});

t.test('where the other side says nothing for 100 ms, packets of its own go out, 20 ms each; when it speaks the sound goes on in its packets', async (t) => {
  for (const name of ['PCMU', 'opus'] as const) {
    const { sampleRate, clockRate } = codecNamed(name);
    const { player, sent, outcomes, pass } = openBed(name, announcement, 'replace');
    await settled();
    pass(80);
    t.equal(sent.length, 0);
    pass(220);
    t.equal(sent.length, 11, 'from 100 ms on');
    const packets = await streamOf(name, hum(sampleRate, 0.4), 20);
    const passed = packets.map((packet) => parsedRtp(player.through(packet)));
    pass(80);
    t.equal(sent.length, 11, 'none while it speaks');
    pass(2_000);
    t.equal(sent.length, 50 - 20, 'the rest');
    t.strictSame(outcomes, ['played']);
    t.ok(sent.every(({ ssrc, payloadType }) => ssrc === sent[0]!.ssrc && ssrc !== 0x1234_5678 && payloadType === payloadTypeOf[name]));
    t.strictSame(sent.map(({ marker }) => marker), sent.map((_, n) => n === 0 || n === 11), 'the beginning of each talkspurt is marked');
    t.ok(sent.every(({ sequenceNumber }, n) => n === 0 || sequenceNumber === ((sent[n - 1]!.sequenceNumber + 1) & 0xffff)));
    const ticks = clockRate / 50;
    t.ok(sent.every(({ timestamp, marker }, n) => n === 0 || marker || timestamp === (sent[n - 1]!.timestamp + ticks) >>> 0));
    t.ok((sent[11]!.timestamp - sent[10]!.timestamp) >>> 0 > 4 * ticks, 'time went on in between');
    const heard = await heardOf(name, [...sent.slice(0, 11), ...passed, ...sent.slice(11)]);
    const wanted = new Int16Array(sampleRate);
    announcement.read(sampleRate, 0, wanted);
    t.ok(fit(wanted.subarray(0, sampleRate * 0.9), heard, name === 'opus' ? 130 : 0).snrDb > 15, 'all of it, in one piece');
  }
});

t.test('key presses show that their sender is there, comfort noise that it says nothing', async (t) => {
  const { player, sent, pass } = openBed('PCMU', announcement, 'replace');
  await settled();
  const rtp = (payloadType: number): Buffer => encodeRtp({ payloadType, sequenceNumber: 1, timestamp: 1, ssrc: 1, payload: Buffer.alloc(4) });
  for (let n = 0; n < 10; n += 1) {
    pass(40);
    player.through(rtp(eventType));
  }
  t.equal(sent.length, 0);
  for (let n = 0; n < 10; n += 1) {
    pass(40);
    player.through(rtp(noiseType));
  }
  t.ok(sent.length > 10);
});

t.test('on hold, and where the address is not known, nothing is sent, and time goes on', async (t) => {
  for (const hold of [true, false]) {
    const bed = openBed('PCMU', announcement, 'replace', codecsOf('PCMU', !hold));
    bed.place.reachable = hold;
    await settled();
    bed.pass(1_500);
    t.strictSame([bed.sent.length, bed.outcomes], [0, ['played']]);
  }
});

t.test('when the thread was busy, what waits to be read is no silence', async (t) => {
  const { clock, player, sent, pass } = openBed('PCMU', announcement, 'replace');
  await settled();
  pass(60);
  clock.nowMs += 500;
  player.tick();
  t.equal(sent.length, 0);
  player.through((await streamOf('PCMU', hum(8_000, 0.02), 20))[0]!);
  pass(80);
  t.equal(sent.length, 0);
  pass(20);
  t.equal(sent.length, 1);
});

t.test('a timer that was late sends what is due, within a bound', async (t) => {
  const { clock, player, sent, pass } = openBed('PCMU', announcement, 'replace');
  await settled();
  pass(200);
  const before = sent.length;
  clock.nowMs += 60;
  player.tick();
  t.equal(sent.length - before, 3);
  clock.nowMs += 10_000;
  player.tick();
  t.equal(sent.length - before - 3, 6);
});

t.test('a beep into silence is sent by itself', async (t) => {
  const { sent, outcomes, pass } = openBed('G722', beep, 'mix');
  pass(100);
  await settled();
  pass(1_000);
  t.strictSame([sent.length, outcomes], [25, ['played']]);
  t.ok(Math.abs(db(toneIn((await heardOf('G722', sent)).subarray(800, 7_000), 16_000, 1_400) / 3_000)) < 1);
});

t.test('silence lasts until it is stopped, without packets of its own', async (t) => {
  for (const name of names) {
    const { sampleRate } = codecNamed(name);
    const { player, sent, outcomes, pass } = openBed(name, undefined, 'replace');
    const packets = await streamOf(name, hum(sampleRate, 1), 20);
    const passed = packets.slice(0, 40).map((packet) => parsedRtp(player.through(packet)));
    t.ok((await heardOf(name, passed)).subarray(sampleRate / 10).every((sample) => Math.abs(sample) < 40), name);
    pass(1_000);
    t.equal(sent.length, 0);
    player.stop();
    t.equal(player.through(packets[41]!), packets[41]);
    t.strictSame(outcomes, ['cut']);
  }
});

t.test('after a stop nothing is changed or sent, whatever was being opened', async (t) => {
  const { player, sent, outcomes, pass } = openBed('opus', announcement, 'replace');
  player.stop();
  player.stop();
  await settled();
  pass(1_000);
  const [packet] = await streamOf('opus', hum(48_000, 0.02), 20);
  t.equal(player.through(packet!), packet);
  t.strictSame([sent.length, outcomes], [0, ['cut']]);
});
