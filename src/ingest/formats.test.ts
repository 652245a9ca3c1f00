import { gzipSync } from 'node:zlib';
import t from 'tap';
import { ann, bob, ingested, isPlainCall, plainCall, request, sdpOf, speakBoth, annSip, bobSip, response, Wire } from './conversation.fixture.js';
import { block, linkTypes, pcapFile, pcapngFile, type Link } from './wire.fixture.js';

t.test('pcap in both byte orders, in microseconds and nanoseconds', async (t) => {
  for (const little of [true, false]) {
    for (const nano of [true, false]) {
      await t.test(`${little ? 'little' : 'big'}-endian, ${nano ? 'ns' : 'µs'}`, async (t) => isPlainCall(t, await ingested(t.testdir(), [pcapFile(plainCall().sorted(), { little, nano })])));
    }
  }
});

t.test('pcapng in both byte orders, with several interfaces of several resolutions', async (t) => {
  for (const little of [true, false]) {
    await t.test(little ? 'little-endian' : 'big-endian', async (t) => {
      // Nanoseconds, microseconds, and 2^-20 s; and blocks that mean nothing here.
      const otherBlocks = [block(4, Buffer.alloc(8), little), block(0x0bad, Buffer.alloc(3), little), block(10, Buffer.from('secrets'), little)];
      const file = pcapngFile(plainCall().sorted(), { little, resolutions: [9, 6, 0x94], otherBlocks });
      await isPlainCall(t, await ingested(t.testdir(), [file]));
    });
  }
});

t.test('pcapng of several sections, each of a byte order and interfaces of its own', async (t) => {
  const frames = plainCall().sorted();
  const file = Buffer.concat([pcapngFile(frames.slice(0, 60), { little: true, resolutions: [6] }), pcapngFile(frames.slice(60), { little: false, resolutions: [9, 9] })]);
  await isPlainCall(t, await ingested(t.testdir(), [file]));
});

t.test('the simple packets of pcapng have the time of what came before', async (t) => {
  const frames = plainCall().sorted();
  const simple = (bytes: Buffer): Buffer => {
    const length = Buffer.alloc(4);
    length.writeUInt32LE(bytes.length);
    return block(3, Buffer.concat([length, bytes]));
  };
  const { summary, calls } = await ingested(t.testdir(), [Buffer.concat([pcapngFile(frames.slice(0, 1)), ...frames.slice(1).map(({ bytes }) => simple(bytes))])]);
  t.equal(summary.packets, frames.length);
  t.match(calls, [{ channels: [{ packetsReceived: 100 }, { packetsReceived: 100 }] }]);
});

t.test('a file with gzip around it is read, and one whose gzip is cut as far as it goes', async (t) => {
  const packed = gzipSync(plainCall().pcap());
  await isPlainCall(t, await ingested(t.testdir(), [packed]));
  const { summary, calls } = await ingested(t.testdir(), [packed.subarray(0, packed.length * 0.7)]);
  t.match(calls, [{ state: 'partial' }]);
  t.match(summary.files, [{ lost: /^it is cut: its last \d+ bytes are no whole packet$/ }]);
});

t.test('every link type', async (t) => {
  for (const link of Object.keys(linkTypes) as Link[]) {
    await t.test(link, async (t) => isPlainCall(t, await ingested(t.testdir(), [plainCall(new Wire({ link })).pcap()])));
  }
});

t.test('a link type that is not known is told, not guessed', async (t) => {
  const { summary, calls } = await ingested(t.testdir(), [pcapFile(plainCall().sorted(), { linkType: 127 })]);
  t.strictSame(calls, []);
  t.strictSame(summary.lost, { 'link-unknown': summary.packets });
});

/** The plain call over IPv6. */
const overV6 = (options = {}): Wire => {
  const wire = new Wire(options);
  const [a, b, aSip, bSip] = ['[2001:db8::1]:4000', '[2001:db8::2]:6000', '[2001:db8::1]:5060', '[2001:db8::2]:5060'];
  const translated = new Map([[ann, a], [bob, b], [annSip, aSip], [bobSip, bSip]]);
  const plain = { datagram: wire.datagram.bind(wire) };
  wire.datagram = (atMs, from, to, payload) => plain.datagram(atMs, translated.get(from) ?? from, translated.get(to) ?? to, payload);
  wire.sip(0, annSip, bobSip, request('INVITE', { body: sdpOf(a) }));
  wire.sip(500, bobSip, annSip, response(200, 'INVITE', { body: sdpOf(b) }));
  wire.sip(3_000, annSip, bobSip, request('BYE', { cseq: 2, toTag: 'b' }));
  return speakBoth(wire);
};

t.test('IPv6, with extension headers and fragments', async (t) => {
  await t.test('plain', async (t) => isPlainCall(t, await ingested(t.testdir(), [overV6().pcap()])));
  await t.test('hop-by-hop and destination options', async (t) => isPlainCall(t, await ingested(t.testdir(), [overV6({ extensions: [0, 60] }).pcap()])));
  await t.test('fragments', async (t) => isPlainCall(t, await ingested(t.testdir(), [overV6({ fragmentBytes: 104 }).pcap()])));
});

t.test('IPv4 fragments are put together, in whatever order they come', async (t) => {
  const wire = plainCall(new Wire({ fragmentBytes: 80 }));
  const frames = wire.sorted();
  // Each datagram's last fragment first.
  const reversed = frames.map((frame, at) => ({ frame, at })).sort((a, b) => a.frame.atMs - b.frame.atMs || b.at - a.at).map(({ frame }) => frame);
  t.ok(frames.length > 600);
  await isPlainCall(t, await ingested(t.testdir(), [pcapFile(reversed)]));
});

t.test('a fragment that is missing costs its datagram, and is told', async (t) => {
  const frames = plainCall(new Wire({ fragmentBytes: 104 })).sorted();
  const rtp = frames.findIndex(({ atMs }, at) => atMs > frames[0]!.atMs + 1_000 && frames[at + 1]?.atMs === atMs);
  const { summary, calls } = await ingested(t.testdir(), [pcapFile(frames.filter((_, at) => at !== rtp))]);
  t.strictSame(summary.lost, { 'fragments-lost': 1 });
  t.match(calls, [{ state: 'partial', reason: /^1 packets of the (caller|callee) did not arrive$/ }]);
});

t.test('a file that is cut gives every whole packet before the cut', async (t) => {
  const file = plainCall().pcap();
  for (const length of [file.length - 1, file.length - 30_000, file.length - 30_007, 25, 24]) {
    const { summary, calls } = await ingested(t.testdir(), [file.subarray(0, length)]);
    if (length > 24) t.match(summary.files[0]?.lost, /^it is cut/, `${length} bytes`);
    else t.equal(summary.files[0]?.lost, undefined, 'a head alone is whole');
    if (length > 1_000) t.match(calls, [{ channels: [{ packetsLost: 0 }, { packetsLost: 0 }] }]);
  }
});

t.test('packets that were cut as they were captured are not used, and are told', async (t) => {
  const snapped = plainCall().sorted().map((frame) => (frame.bytes.length > 214 || frame.bytes.length < 200 ? frame : { ...frame, bytes: frame.bytes.subarray(0, 96), wireBytes: frame.bytes.length }));
  const { summary, calls } = await ingested(t.testdir(), [pcapFile(snapped)]);
  t.strictSame(summary.lost, { 'frames-cut': 200 });
  t.match(calls, [{ state: 'lost', reason: 'no media arrived' }]);
});

t.test('behind damage nothing is read, and that is told', async (t) => {
  const file = plainCall().pcap();
  const { summary } = await ingested(t.testdir(), [Buffer.concat([file, Buffer.alloc(64, 0xff), file])]);
  t.match(summary.files, [{ lost: /^what follows packet \d+ is damaged/ }]);
});
