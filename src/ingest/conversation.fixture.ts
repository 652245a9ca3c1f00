/** For tests only: calls as they go over a network, whose every sample is known, and what was made of them. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseWav } from '../media/index.js';
import type { Test } from 'tap';
import { beginMs, expected, packetMs, packetTicks, Speaker } from '../stitch/call.fixture.js';
import type { IngestedCall } from './finished-call.js';
import { ingest, type IngestOptions, type IngestSummary } from './ingest.js';
import { linkTypes, pcapFile, udp, type IpOptions, type Link, type WireFrame } from './wire.fixture.js';

export { beginMs, expected, packetMs, packetTicks, Speaker };

export interface SipFields {
  readonly callId?: string;
  readonly cseq?: number;
  readonly branch?: string;
  readonly fromTag?: string;
  readonly toTag?: string;
  readonly from?: string;
  readonly to?: string;
  readonly headers?: readonly string[];
  readonly contentType?: string;
  readonly body?: string;
}

const messageOf = (startLine: string, method: string, { callId = 'call-1', cseq = 1, branch = `z9hG4bK${callId}${cseq}${method}`, fromTag = 'a', toTag = '', from = 'sip:ann@example.net', to = 'sip:bob@example.net', headers = [], contentType = 'application/sdp', body = '' }: SipFields): string =>
  [
    startLine,
    `Via: SIP/2.0/UDP 10.0.0.1:5060;branch=${branch}`,
    `From: "Ann" <${from}>;tag=${fromTag}`,
    `To: <${to}>${toTag === '' ? '' : `;tag=${toTag}`}`,
    `Call-ID: ${callId}`,
    `CSeq: ${cseq} ${method}`,
    ...headers,
    ...(body === '' ? [] : [`Content-Type: ${contentType}`]),
    `Content-Length: ${Buffer.byteLength(body)}`,
    '',
    body,
  ].join('\r\n');

export const request = (method: string, fields: SipFields = {}): string => messageOf(`${method} ${fields.to ?? 'sip:bob@example.net'} SIP/2.0`, method, fields);
/** To a request of that method. */
export const response = (status: number, method: string, fields: SipFields = {}): string => messageOf(`SIP/2.0 ${status} Word`, method, { toTag: 'b', ...fields });

export interface SdpFields {
  readonly address?: string;
  readonly codecs?: string;
  readonly lines?: readonly string[];
  readonly protocol?: string;
}

export const sdpOf = (place: string, { address, codecs = '0 101', lines = [], protocol = 'RTP/AVP' }: SdpFields = {}): string => {
  const [, v6, v4, port = ''] = /^(?:\[(.*)\]|(.*?)):(\d+)$/u.exec(place) ?? [];
  const host = address ?? v6 ?? v4 ?? '';
  const at = `${host.includes(':') ? 'IP6' : 'IP4'} ${host}`;
  return ['v=0', `o=- 1 1 IN ${at}`, 's=-', `c=IN ${at}`, 't=0 0', `m=audio ${port} ${protocol} ${codecs}`, 'a=rtpmap:101 telephone-event/8000', ...lines, ''].join('\r\n');
};

/** What goes over the wire, in any order. */
export class Wire {
  readonly frames: WireFrame[] = [];

  constructor(private readonly options: IpOptions = {}) {}

  get link(): Link {
    return this.options.link ?? 'ethernet';
  }

  put(atMs: number, frames: readonly Buffer[]): this {
    for (const bytes of frames) this.frames.push({ atMs: beginMs + atMs, bytes });
    return this;
  }

  datagram(atMs: number, from: string, to: string, payload: Buffer): this {
    return this.put(atMs, udp(from, to, payload, this.options));
  }

  sip(atMs: number, from: string, to: string, message: string): this {
    return this.datagram(atMs, from, to, Buffer.from(message));
  }

  /** The packets `first` to below `end` of a speaker, whose packet 0 goes out at `atMs`; as `changed` makes of them. */
  says(speaker: Speaker, atMs: number, from: string, to: string, [first, end]: readonly [number, number], changed: (packet: Buffer, n: number) => Buffer | undefined = (packet) => packet): this {
    for (let n = first; n < end; n += 1) {
      const packet = changed(speaker.packet(n), n);
      if (packet !== undefined) this.datagram(atMs + n * packetMs, from, to, packet);
    }
    return this;
  }

  /** In the order of time. */
  sorted(): WireFrame[] {
    return [...this.frames].sort((a, b) => a.atMs - b.atMs);
  }

  pcap(): Buffer {
    return pcapFile(this.sorted(), { linkType: linkTypes[this.link] });
  }
}

/** Ann at 10.0.0.1 calls Bob at 10.0.0.2; the call is answered at 500 ms and ended at `endMs`. */
export interface PlainCall extends SipFields {
  readonly ann?: string;
  readonly bob?: string;
  readonly annSdp?: string;
  readonly bobSdp?: string;
  readonly atMs?: number;
  readonly endMs?: number;
}

export const ann = '10.0.0.1:4000';
export const bob = '10.0.0.2:6000';
export const [annSip, bobSip] = ['10.0.0.1:5060', '10.0.0.2:5060'];

export function signalCall(wire: Wire, { ann: a = annSip, bob: b = bobSip, annSdp = sdpOf(ann), bobSdp = sdpOf(bob), atMs = 0, endMs = 3_000, ...fields }: PlainCall = {}): Wire {
  wire.sip(atMs, a, b, request('INVITE', { ...fields, body: annSdp }));
  wire.sip(atMs + 10, b, a, response(100, 'INVITE', { ...fields, toTag: '' }));
  wire.sip(atMs + 100, b, a, response(180, 'INVITE', fields));
  wire.sip(atMs + 500, b, a, response(200, 'INVITE', { ...fields, body: bobSdp }));
  wire.sip(atMs + 510, a, b, request('ACK', { ...fields, branch: 'z9hG4bKack', toTag: 'b' }));
  wire.sip(endMs, a, b, request('BYE', { ...fields, cseq: 2, toTag: 'b' }));
  return wire.sip(endMs + 10, b, a, response(200, 'BYE', { ...fields, cseq: 2 }));
}

export interface Ingested {
  readonly summary: IngestSummary;
  readonly calls: readonly IngestedCall[];
  /** The channels of a call's recording. */
  readonly heard: (at: number) => Promise<Int16Array[]>;
}

/** Ingests the bytes of files. */
export async function ingested(dir: string, files: readonly Buffer[], options: Partial<Pick<IngestOptions, 'keys' | 'rules' | 'onProgress'>> = {}): Promise<Ingested> {
  const paths: string[] = [];
  for (const [at, bytes] of files.entries()) {
    const path = join(dir, `capture-${at}.pcap`);
    await writeFile(path, bytes);
    paths.push(path);
  }
  const calls: IngestedCall[] = [];
  const summary = await ingest({ files: paths, outDir: join(dir, 'out'), workParent: dir, keys: [], rules: [], onCall: (call) => calls.push(call), ...options });
  return {
    summary,
    calls,
    async heard(at) {
      const wav = parseWav(await readFile(calls[at]?.audioFile ?? ''));
      if (typeof wav === 'string') throw new Error(wav);
      const count = wav.data.length / 2 / wav.channels;
      return Array.from({ length: wav.channels }, (_, channel) => Int16Array.from({ length: count }, (_, frame) => wav.data.readInt16LE((frame * wav.channels + channel) * 2)));
    },
  };
}

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, n) => from + n);

/** Ann and Bob of the plain call. */
export const [annSays, bobSays] = [new Speaker(1), new Speaker(2)];
export const plainPackets = 100;

/** Two seconds of both, Bob ten milliseconds behind Ann. */
export const speakBoth = (wire: Wire): Wire => wire.says(annSays, 600, ann, bob, [0, plainPackets]).says(bobSays, 610, bob, ann, [0, plainPackets]);
export const plainCall = (wire = new Wire()): Wire => speakBoth(signalCall(wire));

/** Whether both sides of the plain call are there, sample by sample. */
export async function isPlainCall(t: Test, { calls, heard }: Ingested, { at = 0, codec = 'PCMU' } = {}): Promise<void> {
  t.match(calls[at], { state: 'complete', startedAt: new Date(beginMs + 600).toISOString() });
  t.match(calls[at]?.channels, [{ codec, packetsReceived: plainPackets, packetsLost: 0, duplicates: 0, authFailures: 0 }, { codec, packetsReceived: plainPackets, packetsLost: 0, duplicates: 0, authFailures: 0 }]);
  const frames = plainPackets * packetTicks + 80;
  const [left, right] = await heard(at);
  t.strictSame(left, expected(annSays, frames, 0, range(0, plainPackets)), 'the caller, left');
  t.strictSame(right, expected(bobSays, frames, 80, range(0, plainPackets)), 'the callee, right');
}
