/** For tests: a recorder as a recording client meets it, with real SIP, real media, real captures. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import type { Test } from 'tap';
import { capturesAfterKill } from '../capture/after-kill.fixture.js';
import { readCapture, type CaptureRecord } from '../capture/index.js';
import type { tlsFiles } from '../edge/transport/tls-files.fixture.js';
import type { CaptureEnd, Found, NewCapture } from '../ledger/index.js';
import { encodeRtp } from '../media/index.js';
import { createLog, createMetrics } from '../ops/index.js';
import { connectSip, readSdp, type SdpMedia, type SipConnection, type SipDialog } from '../sip/index.js';
import { freePort } from '../udp/free-port.fixture.js';
import { loadOrCreateKeys, type VaultKeys } from '../vault/index.js';
import { openRecorder, type Recorder, type RecorderOptions } from './index.js';

export type TlsSettings = ReturnType<typeof tlsFiles>['settings'];

export const sessionId = '0123456789abcdef0123456789abcdef';
export const inlineKey = 'AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd';

/** A client and a recorder of its own, with a ledger that keeps what it is told. */
export interface Bed {
  readonly client: SipConnection;
  readonly recorder: Recorder;
  /** Where its edge listens. */
  readonly port: number;
  readonly keys: VaultKeys;
  readonly captureDir: string;
  readonly opened: NewCapture[];
  readonly closed: { captureId: string; end: CaptureEnd }[];
  /** Captures that were closed too early and have all of it now. */
  readonly whole: readonly string[];
  /** Resolves when a capture is closed and entered. */
  readonly done: Promise<string>;
  metric(name: string): Promise<number>;
  /** Resolves when so many packets have come, written or not. */
  seen(packets: number): Promise<void>;
  open(body?: string, headers?: Record<string, string>): Promise<SipDialog>;
}

async function openSip(tls?: TlsSettings, tellTlsIdentity = false): Promise<SipConnection> {
  const port = await freePort();
  const listen = (tls === undefined ? (['udp', 'tcp'] as const) : (['tls'] as const)).map((transport) => ({ transport, host: '127.0.0.1', port }));
  return connectSip({ settings: { listen, ...(tls === undefined ? {} : { tls }) }, tellTlsIdentity, onCrash: () => undefined, onTrouble: () => undefined });
}

export interface BedOptions {
  readonly sources?: string[];
  readonly ports?: [number, number];
  readonly publicAddress?: string;
  readonly webSocket?: { connectWithinMs: number };
  readonly more?: Partial<RecorderOptions['settings']>;
  /** Session IDs that the ledger knows. */
  readonly known?: readonly string[];
  /** Of client and recorder, which then speak TLS alone. */
  readonly tls?: { readonly client: TlsSettings; readonly recorder: TlsSettings };
}

export async function openBed(t: Test, options: BedOptions = {}): Promise<Bed> {
  const [client, sip] = [await openSip(options.tls?.client), await openSip(options.tls?.recorder, options.tls !== undefined)];
  const metrics = createMetrics();
  const dir = t.testdir();
  const keys = await loadOrCreateKeys(join(dir, 'keys'));
  const captureDir = join(dir, 'captures');
  const opened: NewCapture[] = [];
  const closed: Bed['closed'] = [];
  const whole: string[] = [];
  let tell: (sessionId: string) => void = () => undefined;
  const done = new Promise<string>((resolve) => (tell = resolve));
  let packets = 0;
  const waiting = new Set<() => void>();
  const count = (): void => {
    packets += 1;
    for (const look of waiting) look();
  };
  const first = 60_000 + 2 * Math.floor(Math.random() * 2_000);
  const recorder = await openRecorder({
    settings: {
      name: 'r1',
      sip: { listen: [], natDetection: true, strangersPerSecond: 20 },
      sources: options.sources ?? ['127.0.0.1'],
      media: { address: '127.0.0.1', publicAddress: options.publicAddress, ports: options.ports ?? [first, first + 99], accelerator: 'auto' },
      ...(options.webSocket === undefined ? {} : { webSocket: { host: '127.0.0.1', port: 0, mostConnections: 10, ...options.webSocket } }),
      flushMs: 20,
      syncMs: 1_000,
      settleMs: 5_000,
      deadAfterSeconds: 15,
      keylessSrtp: 'refuse',
      pairUnnamed: true,
      staleSeconds: 300,
      minFreeMb: 0,
      ...options.more,
    },
    sip,
    captureDir,
    sealTo: keys.public,
    ledger: {
      captureOpened: (capture) => Promise.resolve(void opened.push(capture)),
      captureClosed: (captureId, end) => Promise.resolve(void closed.push({ captureId, end })),
      captureWhole: (captureId) => Promise.resolve(whole.push(captureId) > 0),
      find: (id) => Promise.resolve(options.known?.includes(id) === true ? ({ sessionId: id } as Found) : undefined),
    },
    log: createLog({ level: 'silent', name: 'test' }),
    metrics,
    observer: { received: count, rejected: count },
    onCaptureClosed: (id) => tell(id),
  });
  t.teardown(async () => {
    await recorder.close();
    await Promise.all([client.close(), sip.close()]);
  });
  const transport = options.tls === undefined ? 'tcp' : 'tls';
  const where = sip.contacts.find((contact) => contact.startsWith(transport))?.replace(`${transport}:`, '') ?? '';
  return {
    client,
    recorder,
    port: Number(where.slice(where.lastIndexOf(':') + 1)),
    keys,
    captureDir,
    opened,
    closed,
    whole,
    done,
    seen: (many) =>
      new Promise((resolve) => {
        const look = (): void => {
          if (packets < many) return;
          waiting.delete(look);
          resolve();
        };
        waiting.add(look);
        look();
      }),
    metric: async (name) => Number((await metrics.text()).split('\n').find((line) => line.startsWith(`${name} `))?.slice(name.length + 1)),
    open: (body = offer(), headers = {}) =>
      client.srf.createUAC(`sip:rec@${where};transport=${transport}`, {
        localSdp: body,
        headers: { 'Content-Type': 'application/sdp', 'Session-ID': `${sessionId};remote=${'0'.repeat(32)}`, ...headers },
      }),
  };
}

export const offer = (options: { direction?: string; secure?: boolean; labels?: readonly string[] } = {}): string => {
  const { direction = 'sendonly', secure = false, labels = ['1', '2'] } = options;
  const crypto = secure ? [`a=crypto:4 AES_CM_128_HMAC_SHA1_80 inline:${inlineKey}`] : [];
  const media = labels.flatMap((label) => [`m=audio 9 RTP/${secure ? 'SAVP' : 'AVP'} 8`, 'a=rtpmap:8 PCMA/8000', ...crypto, 'a=rtcp-mux', `a=${direction}`, `a=label:${label}`]);
  return ['v=0', 'o=- 1 1 IN IP4 127.0.0.1', 's=-', 'c=IN IP4 127.0.0.1', 't=0 0', ...media, ''].join('\r\n');
};

export const mediaOf = (text: string): readonly SdpMedia[] => {
  const sdp = readSdp(text);
  return typeof sdp === 'string' ? [] : sdp.media;
};

export const packet = (sequenceNumber: number): Buffer =>
  encodeRtp({ marker: false, payloadType: 8, sequenceNumber, timestamp: sequenceNumber * 160, ssrc: 5, payload: Buffer.alloc(160, sequenceNumber) });

/** Sends to a port from one source; resolves when all is handed to the system. */
export async function send(port: number, packets: readonly Buffer[]): Promise<void> {
  const socket = createSocket('udp4');
  for (const bytes of packets) await new Promise((resolve) => socket.send(bytes, port, '127.0.0.1', resolve));
  socket.close();
  await once(socket, 'close');
}

/** @param captureId of several captures; left out: there is one */
export async function recordsOf(bed: Bed, captureId = ''): Promise<CaptureRecord[]> {
  const copy = await mkdtemp(join(bed.captureDir, '..', 'copy-'));
  const name = (await capturesAfterKill(bed.captureDir, copy)).find((one) => one.startsWith(captureId)) ?? '';
  const records: CaptureRecord[] = [];
  for await (const record of readCapture(join(copy, name), bed.keys)) records.push(record);
  return records;
}

export const packetsIn = (records: readonly CaptureRecord[]): { stream: number; bytes: Buffer }[] =>
  records.flatMap((record) => (record.kind === 'packet' ? [{ stream: record.stream, bytes: record.bytes }] : []));

export const statusOf = (call: Promise<SipDialog>): Promise<number> => call.then(() => 200, (error: unknown) => (error as { status: number }).status);
