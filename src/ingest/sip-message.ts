/**
 * What a SIP message on the wire says of a call: pure and total.
 *
 * A watcher reads more liberally than a party: a message that lacks what only its receiver needs is a message.
 *
 * Leaves to  edge/ the cut into start line, headers and body; sip/ bodies and addresses.
 */
import { headerOf, headersOf, parseText, type SipHeader } from '../edge/index.js';
import { parseMetadata, parseNameAddr, readBody, type BodyPart, type RecordingMetadata } from '../sip/index.js';
import type { Endpoint } from './endpoints.js';

export interface SipOnTheWire {
  readonly atMs: number;
  readonly source: Endpoint;
  readonly target: Endpoint;
  /** Of a response the one in its CSeq. */
  readonly method: string;
  /** Undefined for a request. */
  readonly status: number | undefined;
  readonly cseq: number;
  readonly callId: string;
  readonly fromUri: string;
  readonly fromTag: string;
  readonly toUri: string;
  /** Empty before there is one. */
  readonly toTag: string;
  /** The branch of its topmost Via: one a transaction and hop (RFC 3261 §8.1.1.7). */
  readonly branch: string;
  readonly headers: readonly SipHeader[];
  /** Of its body. */
  readonly parts: readonly BodyPart[];
  /** Empty when it has none. */
  readonly sdp: string;
  /** Of a recording session (RFC 7866 §9.1). */
  readonly metadata: RecordingMetadata | undefined;
}

/** What calls are made of; all else (REGISTER, OPTIONS, MESSAGE, ...) tells nothing of media. */
const methods: ReadonlySet<string> = new Set(['INVITE', 'ACK', 'BYE', 'CANCEL', 'PRACK', 'UPDATE', 'REFER']);

const lineFeed = 0x0a;
const longestStartLine = 2_048;

/** Whether the first line is a SIP message's. Cheap: every datagram that is no RTP comes by here. */
export function beginsSip(bytes: Buffer, start: number, end: number): boolean {
  if (end - start < 16) return false;
  const first = bytes.readUInt8(start);
  if (first < 0x41 || first > 0x5a) return false;
  if (bytes.toString('latin1', start, start + 8) === 'SIP/2.0 ') return true;
  const lineEnd = bytes.indexOf(lineFeed, start);
  if (lineEnd < 0 || lineEnd >= end || lineEnd - start > longestStartLine) return false;
  return / SIP\/2\.0\s*$/u.test(bytes.toString('latin1', Math.max(start, lineEnd - 12), lineEnd));
}

/** Undefined when it is of no call; `malformed` when it cannot be told. */
export function readSip(text: string, atMs: number, source: Endpoint, target: Endpoint): SipOnTheWire | 'malformed' | undefined {
  const message = parseText(text);
  if (typeof message === 'string') return 'malformed';
  const [, number, cseqMethod = ''] = /^(\d{1,10})\s+(\S+)/u.exec(headerOf(message, 'cseq') ?? '') ?? [];
  const method = message.kind === 'request' ? message.method : cseqMethod;
  if (!methods.has(method)) return undefined;
  const callId = headerOf(message, 'call-id');
  const from = parseNameAddr(headerOf(message, 'from') ?? '');
  const to = parseNameAddr(headerOf(message, 'to') ?? '');
  if (number === undefined || callId === undefined || callId === '' || from === 'malformed' || to === 'malformed') return 'malformed';
  return {
    atMs,
    source,
    target,
    method,
    status: message.kind === 'response' ? message.status : undefined,
    cseq: Number(number),
    callId,
    fromUri: from.uri,
    fromTag: from.params.get('tag') ?? '',
    toUri: to.uri,
    toTag: to.params.get('tag') ?? '',
    branch: /;\s*branch\s*=\s*([^;,\s]+)/iu.exec(headerOf(message, 'via') ?? '')?.[1] ?? '',
    headers: message.headers,
    ...bodyOf(headerOf(message, 'content-type'), message.body),
  };
}

function bodyOf(contentType: string | undefined, body: string): Pick<SipOnTheWire, 'parts' | 'sdp' | 'metadata'> {
  const parts = body === '' ? [] : readBody(contentType, Buffer.from(body, 'latin1').toString('utf8'));
  if (typeof parts === 'string') return { parts: [], sdp: '', metadata: undefined };
  const xml = parts.find((part) => /^application\/rs-metadata(\+xml)?$/u.test(part.contentType))?.content;
  const metadata = xml === undefined ? undefined : parseMetadata(xml);
  return { parts, sdp: parts.find((part) => part.contentType === 'application/sdp')?.content ?? '', metadata: typeof metadata === 'string' ? undefined : metadata };
}

export const header = (message: Pick<SipOnTheWire, 'headers'>, key: string): string | undefined => headerOf(message, key);
export const allOf = (message: Pick<SipOnTheWire, 'headers'>, key: string): readonly string[] => headersOf(message, key);
