/** Keys that a party presses where the rule masks them, in clear and as SRTP: the other party hears them, nothing that is kept does. */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { randomBytes } from 'node:crypto';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { readCapture } from '../../src/capture/index.js';
import type { Found, Listed } from '../../src/ledger/index.js';
import { encodeCryptoLine, encodeRtp, encodeTelephoneEvent, keySaltBytes, parseRtp, parseTelephoneEvent, SrtpReceiver, SrtpSender, type CryptoLine } from '../../src/media/index.js';
import { connectSip, encodeSessionId, hangUp, newSessionUuid, nilSessionUuid, readSdp, type SipConnection } from '../../src/sip/index.js';
import { freePort } from '../../src/udp/free-port.fixture.js';
import { loadOrCreateKeys } from '../../src/vault/index.js';
import { channelsOf } from '../support/audio.js';
import { askApi, startProduct, until } from '../support/product.js';
import { openWorkspace, type Workspace } from '../support/workspace.js';

const pin = [4, 2, 11];
const suite = 'AES_CM_128_HMAC_SHA1_80';
const packetTicks = 160;
/** Each key is held for five packets, from these on. */
const pressedAt = [15, 30, 45];
const heldPackets = 5;
const packets = 60;
const loopback = '127.0.0.1';

async function openSip(t: Test, port: number): Promise<SipConnection> {
  const sip = await connectSip({ settings: { listen: (['udp', 'tcp'] as const).map((transport) => ({ transport, host: loopback, port })) }, onCrash: () => undefined, onTrouble: () => undefined });
  t.teardown(() => sip.close());
  return sip;
}

async function openMedia(t: Test): Promise<{ socket: Socket; heard: Buffer[] }> {
  const socket = createSocket('udp4').bind(0, loopback);
  await once(socket, 'listening');
  t.teardown(() => socket.close());
  const heard: Buffer[] = [];
  socket.on('message', (bytes) => heard.push(bytes));
  return { socket, heard };
}

const sdpOf = (socket: Socket, key: CryptoLine | undefined): string =>
  [
    'v=0', `o=- 1 1 IN IP4 ${loopback}`, 's=-', `c=IN IP4 ${loopback}`, 't=0 0', `m=audio ${socket.address().port} RTP/${key === undefined ? '' : 'S'}AVP 0 101`,
    'a=rtpmap:101 telephone-event/8000', ...(key === undefined ? [] : [`a=crypto:${encodeCryptoLine(key)}`]), '',
  ].join('\r\n');

const newKey = (): CryptoLine => ({ tag: 1, suite, keySalt: randomBytes(keySaltBytes(suite)), sessionParameters: [] });

/** What the caller sends: a tone that never rests, and the packets of its keys beside it, numbered in one row. */
function spokenWithKeys(): { atPacket: number; bytes: Buffer }[] {
  let sequenceNumber = 100;
  const rtp = (payloadType: number, atPacket: number, payload: Buffer) => ({
    atPacket,
    bytes: encodeRtp({ payloadType, sequenceNumber: sequenceNumber++, timestamp: (payloadType === 0 ? atPacket : (pressedAt.findLast((from) => from <= atPacket) ?? 0)) * packetTicks, ssrc: 7, payload }),
  });
  return Array.from({ length: packets }, (_, n) => n).flatMap((n) => {
    const key = pressedAt.findIndex((from) => from <= n && n < from + heldPackets);
    const audio = rtp(0, n, Buffer.alloc(packetTicks, 0x11));
    if (key < 0) return [audio];
    const held = n + 1 - (pressedAt[key] ?? 0);
    return [audio, rtp(101, n, encodeTelephoneEvent({ event: pin[key] ?? 0, end: held === heldPackets, volume: 10, durationTicks: held * packetTicks }))];
  });
}

/** The numbers of the events in these packets, one a timestamp. */
function eventsIn(bytes: readonly Buffer[]): number[] {
  const found = new Map<number, number>();
  for (const one of bytes) {
    const packet = parseRtp(one);
    const event = typeof packet === 'string' || packet.payloadType !== 101 ? 'too-short' : parseTelephoneEvent(packet.payload);
    if (typeof packet !== 'string' && typeof event !== 'string') found.set(packet.timestamp, event.event);
  }
  return [...found.values()];
}

async function captureOf({ dir }: Workspace, sessionId: string): Promise<Buffer[]> {
  const folder = join(dir, 'data', 'captures');
  const name = (await readdir(folder, { recursive: true })).find((one) => one.includes(Buffer.from(sessionId).toString('base64url'))) ?? '';
  const packetsOf: Buffer[] = [];
  for await (const record of readCapture(join(folder, name), await loadOrCreateKeys(join(dir, 'data', 'keys')))) if (record.kind === 'packet') packetsOf.push(record.bytes);
  return packetsOf;
}

t.test('masked keys reach the other party, and neither the capture of a call in clear nor any recording, report or log', { timeout: 90_000 }, async (t) => {
  const workspace = await openWorkspace({ policy: { otherwise: { record: 'always', dtmfMasked: true } } });
  t.teardown(() => workspace.remove());
  const product = await startProduct(workspace);
  t.teardown(() => product.kill());
  const [caller, callee] = [await openSip(t, await freePort()), await openSip(t, workspace.nextHopPort)];

  const callWithPin = async (srtp: boolean): Promise<string> => {
    const [ours, theirs] = [await openMedia(t), await openMedia(t)];
    const [ourKey, theirKey] = srtp ? [newKey(), newKey()] : [undefined, undefined];
    const sessionId = newSessionUuid(randomBytes);
    answers.set(srtp, sdpOf(theirs.socket, theirKey));
    const dialog = await caller.srf.createUAC(`sip:7100@${loopback}:${workspace.sipPort}`, { localSdp: sdpOf(ours.socket, ourKey), headers: { 'Session-ID': encodeSessionId({ local: sessionId, remote: nilSessionUuid }) } });
    const far = readSdp(dialog.remote.sdp);
    const port = typeof far === 'string' ? 0 : (far.media[0]?.port ?? 0);
    const sender = ourKey === undefined ? undefined : new SrtpSender(ourKey);
    const startedAt = performance.now();
    for (const { atPacket, bytes } of spokenWithKeys()) {
      await delay(Math.max(0, startedAt + atPacket * 20 - performance.now()));
      ours.socket.send(sender === undefined ? bytes : sender.protectRtp(bytes), port, loopback);
    }
    await until(() => Promise.resolve(theirs.heard.length === packets + pin.length * heldPackets), 'all packets at the callee');
    await hangUp(dialog);
    const receiver = ourKey === undefined ? undefined : new SrtpReceiver(ourKey);
    const clear = theirs.heard.map((bytes) => (receiver === undefined ? bytes : receiver.unprotectRtp(bytes)));
    t.strictSame(eventsIn(clear.filter((bytes) => typeof bytes !== 'string')), pin, 'the other party hears the keys');
    return sessionId;
  };
  const answers = new Map<boolean, string>();
  callee.srf.invite((request, response) => void callee.srf.createUAS(request, response, { localSdp: answers.get(request.body.includes('SAVP')) ?? '' }));
  const sessions = await Promise.all([callWithPin(false), callWithPin(true)]);

  for (const [at, sessionId] of sessions.entries()) {
    const srtp = at === 1;
    await until(async () => ((await (await askApi(workspace, '/v1/recordings?state=complete')).json()) as Listed[]).some((one) => one.sessionId === sessionId), `the recording of ${sessionId}`);
    const channels = ((await (await askApi(workspace, `/v1/recordings/${sessionId}`)).json()) as Found).report?.channels;
    const keys = channels?.[0]?.maskedKeys ?? [];
    t.strictSame([keys.map((key) => ({ ...key, atMs: Math.round(key.atMs) })), channels?.[1]?.maskedKeys], [pressedAt.map((from) => ({ atMs: from * 20, ms: heldPackets * 20 })), []], 'when, and nothing else');
    const file = join(workspace.dir, `${sessionId}.wav`);
    await writeFile(file, Buffer.from(await (await askApi(workspace, `/v1/recordings/${sessionId}/audio`)).arrayBuffer()));
    const [left] = await channelsOf(file);
    const silent = (frame: number): boolean => keys.some(({ atMs, ms }) => frame >= (atMs - 60) * 8 && frame < (atMs + ms) * 8);
    t.equal(left.length, packets * packetTicks);
    t.ok(left.every((sample, frame) => (sample === 0) === silent(frame)), 'silent while a key is pressed and 60 ms before, and nowhere else');
    const captured = await captureOf(workspace, sessionId);
    t.ok(captured.length >= packets + pin.length * heldPackets);
    // Of SRTP there are the packets as they came, which nobody reads without the vault's key.
    if (!srtp) t.strictSame(eventsIn(captured), pin.map(() => 22), 'not even in the sealed capture');
  }
  t.notMatch(product.log(), /telephone-event|"event"|"digit"|"key"/u);
});
