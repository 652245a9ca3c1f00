/** Sounds in a relayed call, through its sockets. */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import t, { type Test } from 'tap';
import { clip, decodePcmu, encodePcmu, encodeRtp, parseRtp, Sound, tone } from '../../media/index.js';
import { readSdp } from '../../sip/index.js';
import type { AnchoredCall, Side } from '../door.js';
import { relayIn } from './index.js';
import { LocalThread } from './local-thread.fixture.js';

const loopback = '127.0.0.1';
const firstPort = 20_000 + (process.pid % 300) * 30;
const packetMs = 20;

interface Party {
  readonly socket: Socket;
  /** Where the relay takes its packets. */
  port: number;
  readonly came: Buffer[];
}

async function party(t: Test): Promise<Party> {
  const socket = createSocket({ type: 'udp4', recvBufferSize: 1e6 }).bind(0, loopback);
  await once(socket, 'listening');
  t.teardown(() => socket.close());
  const came: Buffer[] = [];
  socket.on('message', (bytes) => came.push(bytes));
  return { socket, port: 0, came };
}

interface Bed {
  readonly call: AnchoredCall;
  readonly parties: Readonly<Record<Side, Party>>;
  readonly recorded: Readonly<Record<Side, Party>>;
  /** One packet of each side, the caller's with 1s and the callee's with 2s; resolves when each has come, or was sent at least. */
  speak(packets: number): Promise<void>;
  readonly said: Readonly<Record<Side, Buffer[]>>;
}

const portIn = (sdp: string): number => {
  const read = readSdp(sdp);
  if (typeof read === 'string') throw new Error(read);
  return read.media[0]!.port;
};

const key = `a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:${Buffer.alloc(30, 7).toString('base64')}`;

async function openBed(t: Test, encrypted = false): Promise<Bed> {
  const anchor = relayIn([new LocalThread()], { address: loopback, ports: [firstPort, firstPort + 29], accelerator: 'off' });
  const call = anchor.openCall('s');
  t.teardown(() => anchor.close());
  const parties = { caller: await party(t), callee: await party(t) };
  const recorded = { caller: await party(t), callee: await party(t) };
  const sdpOf = ({ socket }: Party): string =>
    ['v=0', 'o=- 1 1 IN IP4 127.0.0.1', 's=-', `c=IN IP4 ${loopback}`, 't=0 0', `m=audio ${socket.address().port} RTP/${encrypted ? 'SAVP' : 'AVP'} 0`, ...(encrypted ? [key] : []), ''].join('\r\n');
  parties.callee.port = portIn(await call.exchange('caller', sdpOf(parties.caller)));
  parties.caller.port = portIn(await call.exchange('callee', sdpOf(parties.callee)));
  await call.recordingOffer();
  const lines = [recorded.caller, recorded.callee].map(({ socket }) => `m=audio ${socket.address().port} RTP/AVP 0\r\na=rtcp-mux`);
  await call.startFork(['v=0', `c=IN IP4 ${loopback}`, 't=0 0', ...lines, ''].join('\r\n'));
  const said: Record<Side, Buffer[]> = { caller: [], callee: [] };
  return {
    call, parties, recorded, said,
    async speak(packets) {
      for (let n = 0; n < packets; n += 1) {
        for (const [side, ssrc] of [['caller', 1], ['callee', 2]] as const) {
          const at = said[side].length;
          const samples = Int16Array.from({ length: 160 }, (_, k) => 4_000 * ssrc * Math.sin((k / 160) * 2 * Math.PI * 5 * ssrc));
          const packet = encodeRtp({ payloadType: 0, sequenceNumber: at, timestamp: at * 160, ssrc, payload: encodePcmu(samples) });
          said[side].push(packet);
          parties[side].socket.send(packet, parties[side].port, loopback);
        }
        await new Promise((resolve) => setTimeout(resolve, packetMs));
      }
      while (parties.caller.came.length < said.callee.length || parties.callee.came.length < said.caller.length) await new Promise((resolve) => setImmediate(resolve));
    },
  };
}

const samplesOf = (packets: readonly Buffer[]): Int16Array => {
  const samples = new Int16Array(packets.length * 160);
  packets.forEach((packet, n) => {
    const parsed = parseRtp(packet);
    if (typeof parsed !== 'string') decodePcmu(parsed.payload, samples, n * 160);
  });
  return samples;
};
const isSilent = (packets: readonly Buffer[]): boolean => samplesOf(packets).every((sample) => sample === 0);
/** Its samples, as G.711 has them. */
function asHeard(sound: Sound, packets: number): Int16Array {
  const samples = new Int16Array(packets * 160);
  sound.audio.read(8_000, 0, samples);
  const heard = new Int16Array(samples.length);
  decodePcmu(encodePcmu(samples), heard, 0);
  return heard;
}
const chirp = (ms: number): Sound => new Sound(clip(Int16Array.from({ length: ms * 8 }, (_, n) => Math.round(9_000 * Math.sin(n * n * 1e-4))), 8_000));

t.test('an announcement is heard by whom it is for; the other side, and the recorder, hear what is said', async (t) => {
  const bed = await openBed(t);
  await bed.speak(2);
  const sound = chirp(200);
  const playing = bed.call.play({ sound, to: ['callee'], over: 'replace' });
  await bed.speak(20);
  t.strictSame(await playing.ended, { callee: 'played' });
  const heard = bed.parties.callee.came;
  t.strictSame(samplesOf(heard.slice(2, 12)), asHeard(sound, 10), 'sample for sample');
  t.strictSame([...heard.slice(0, 2), ...heard.slice(12)], [...bed.said.caller.slice(0, 2), ...bed.said.caller.slice(12)]);
  t.strictSame(bed.parties.caller.came, bed.said.callee);
  while (bed.recorded.caller.came.length < 22) await new Promise((resolve) => setImmediate(resolve));
  t.strictSame([bed.recorded.caller.came, bed.recorded.callee.came], [bed.said.caller, bed.said.callee]);
});

t.test('before: until it is over neither party hears the other, whomever it is for', async (t) => {
  for (const to of [['caller'], ['callee', 'caller']] as const) {
    await t.test(to.join(' and '), async (t) => {
      const bed = await openBed(t);
      const sound = chirp(200);
      const playing = bed.call.play({ sound, to, over: 'replace', meanwhile: 'silence' });
      await bed.speak(10);
      t.match(await playing.ended, { caller: 'played' });
      await bed.speak(3);
      t.strictSame(samplesOf(bed.parties.caller.came.slice(0, 10)), asHeard(sound, 10));
      const callee = bed.parties.callee.came.slice(0, 9);
      if (to.length === 1) t.ok(isSilent(callee));
      else t.strictSame(samplesOf(callee), asHeard(sound, 9));
      for (const [heard, said] of [[bed.parties.caller.came, bed.said.callee], [bed.parties.callee.came, bed.said.caller]] as const) t.strictSame(heard.slice(-2), said.slice(-2), 'then they do');
    });
  }
});

t.test('before: who heard it to the end hears nothing yet while the other still listens', async (t) => {
  const bed = await openBed(t);
  const playing = bed.call.play({ sound: chirp(200), to: ['caller', 'callee'], over: 'replace', meanwhile: 'silence' });
  const { caller, callee } = bed.parties;
  // The callee alone speaks, twice as fast as time: the caller has heard it all after 100 ms.
  for (let n = 0; n < 14; n += 1) {
    callee.socket.send(encodeRtp({ payloadType: 0, sequenceNumber: n, timestamp: n * 160, ssrc: 2, payload: Buffer.alloc(160, 0x11) }), callee.port, loopback);
    await new Promise((resolve) => setTimeout(resolve, packetMs / 4));
  }
  while (caller.came.length < 14) await new Promise((resolve) => setImmediate(resolve));
  t.ok(isSilent(caller.came.slice(11)));
  t.strictSame(await playing.ended, { caller: 'played', callee: 'played' }, 'the other one in packets of ours');
  callee.socket.send(Buffer.from('after'), callee.port, loopback);
  while (caller.came.length < 15) await new Promise((resolve) => setImmediate(resolve));
  t.equal(caller.came[14]?.toString(), 'after');
});

t.test('where nobody speaks it is heard all the same, in packets of the relay, and not recorded', async (t) => {
  const bed = await openBed(t);
  const sound = chirp(200);
  t.strictSame(await bed.call.play({ sound, to: ['caller', 'callee'], over: 'replace' }).ended, { caller: 'played', callee: 'played' });
  for (const side of ['caller', 'callee'] as const) {
    const { came } = bed.parties[side];
    while (came.length < 10) await new Promise((resolve) => setImmediate(resolve));
    t.strictSame(samplesOf(came), asHeard(sound, 10));
  }
  t.strictSame([bed.recorded.caller.came, bed.recorded.callee.came], [[], []]);
  const again = bed.call.play({ sound: new Sound(tone({ hertz: 1_400, durationMs: 100, peak: 3_000, rampMs: 5 })), to: ['caller'], over: 'mix' });
  await again.ended;
  const ssrcs = bed.parties.caller.came.map((packet) => packet.readUInt32BE(8));
  t.equal(new Set(ssrcs).size, 1, 'one source for all of a call');
});

t.test('SRTP is not touched, and that is told', async (t) => {
  const bed = await openBed(t, true);
  const playing = bed.call.play({ sound: chirp(200), to: ['caller', 'callee'], over: 'replace', meanwhile: 'silence' });
  t.strictSame(await playing.ended, { caller: 'encrypted', callee: 'encrypted' });
  await bed.speak(3);
  t.strictSame([bed.parties.caller.came, bed.parties.callee.came], [bed.said.callee, bed.said.caller]);
});

t.test('a re-INVITE to SRTP ends it', async (t) => {
  const bed = await openBed(t);
  const playing = bed.call.play({ sound: chirp(1_000), to: ['caller'], over: 'replace' });
  await bed.speak(2);
  await bed.call.exchange('caller', ['v=0', `c=IN IP4 ${loopback}`, 't=0 0', `m=audio ${bed.parties.caller.socket.address().port} RTP/SAVP 0`, key, ''].join('\r\n'));
  t.strictSame(await playing.ended, { caller: 'encrypted' });
  await bed.speak(2);
  t.strictSame(bed.parties.caller.came.slice(2), bed.said.callee.slice(2));
});

t.test('another sound to the same side takes its place, a stop ends it, and so does the end of the call', async (t) => {
  const bed = await openBed(t);
  const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
  const before = timers();
  const first = bed.call.play({ sound: chirp(5_000), to: ['caller', 'callee'], over: 'replace' });
  const second = bed.call.play({ sound: chirp(5_000), to: ['caller'], over: 'replace' });
  await bed.speak(1);
  t.ok(timers() > before);
  first.stop();
  first.stop();
  t.strictSame(await first.ended, { caller: 'cut', callee: 'cut' });
  await bed.speak(1);
  t.strictSame([bed.parties.callee.came[1], bed.parties.caller.came[1]?.equals(bed.said.callee[1]!)], [bed.said.caller[1], false]);
  await bed.call.close();
  t.strictSame(await second.ended, { caller: 'cut' });
  t.equal(timers(), before, 'no timer is left');
  t.strictSame(await bed.call.play({ sound: chirp(100), to: ['caller'], over: 'mix' }).ended, { caller: 'no-audio' }, 'after its end nothing is played');
});

t.test('before the media of both is known nothing is played, and nothing is owed', async (t) => {
  const anchor = relayIn([new LocalThread()], { address: loopback, ports: [firstPort, firstPort + 29], accelerator: 'off' });
  t.teardown(() => anchor.close());
  t.strictSame(await anchor.openCall('s').play({ sound: chirp(100), to: ['caller', 'callee'], over: 'mix' }).ended, { caller: 'no-audio', callee: 'no-audio' });
});
