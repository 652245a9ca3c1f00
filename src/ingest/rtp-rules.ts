/**
 * What `--rtp` says of streams that no SIP describes: pure.
 *
 *   ADDRESS:PORT=CODEC[,CODEC…][,caller|,callee]     CODEC: NAME[/RATE[/CHANNELS]][@PAYLOADTYPE]
 *
 * The packets that come from that address and port are of these codecs; those that go to it are of its peer, which may
 * have a rule of its own. A codec needs its payload type where RFC 3551 gives it none.
 */
import type { CaptureCodec } from '../capture/index.js';
import { parseHostPort } from '../sip/index.js';

export type Side = 'caller' | 'callee';

export interface RtpRule {
  readonly host: string;
  readonly port: number;
  readonly codecs: readonly CaptureCodec[];
  readonly side: Side | undefined;
}

interface Known {
  readonly name: string;
  readonly clockRate: number;
  readonly channels: number;
  readonly payloadType?: number;
}

const known: readonly Known[] = [
  { name: 'PCMU', clockRate: 8_000, channels: 1, payloadType: 0 },
  { name: 'GSM', clockRate: 8_000, channels: 1, payloadType: 3 },
  { name: 'PCMA', clockRate: 8_000, channels: 1, payloadType: 8 },
  // G.722 samples at 16000, but its RTP clock says 8000 (RFC 3551 §4.5.2).
  { name: 'G722', clockRate: 8_000, channels: 1, payloadType: 9 },
  { name: 'CN', clockRate: 8_000, channels: 1, payloadType: 13 },
  { name: 'G729', clockRate: 8_000, channels: 1, payloadType: 18 },
  { name: 'opus', clockRate: 48_000, channels: 2 },
  { name: 'iLBC', clockRate: 8_000, channels: 1 },
  { name: 'L16', clockRate: 8_000, channels: 1 },
  { name: 'AMR', clockRate: 8_000, channels: 1 },
  { name: 'AMR-WB', clockRate: 16_000, channels: 1 },
  { name: 'telephone-event', clockRate: 8_000, channels: 1 },
];

/** The codecs of RFC 3551 that need no description. */
export const staticCodecs: readonly CaptureCodec[] = known.flatMap(({ payloadType, ...codec }) => (payloadType === undefined ? [] : [{ payloadType, ...codec }]));

/** A rule, or what is wrong with it: a sentence's end. */
export function parseRtpRule(text: string): RtpRule | string {
  const [, address = '', description = ''] = /^([^=]+)=(.+)$/u.exec(text) ?? [];
  const target = parseHostPort(address);
  if (target === 'malformed' || target.port === undefined) return 'it does not begin with ADDRESS:PORT= (an IPv6 address in brackets)';
  const codecs: CaptureCodec[] = [];
  let side: Side | undefined;
  for (const word of description.split(',').map((part) => part.trim())) {
    if (word === 'caller' || word === 'callee') side = word;
    else {
      const codec = parseCodec(word);
      if (typeof codec === 'string') return codec;
      codecs.push(codec);
    }
  }
  return codecs.length === 0 ? 'it names no codec' : { host: target.host, port: target.port, codecs, side };
}

function parseCodec(word: string): CaptureCodec | string {
  const [, name = '', rate, channels, type] = /^([A-Za-z][\w.-]*)(?:\/(\d{3,6})(?:\/(\d))?)?(?:@(\d{1,3}))?$/u.exec(word) ?? [];
  if (name === '') return `"${word}" is no codec: write NAME, NAME@PAYLOADTYPE or NAME/RATE@PAYLOADTYPE`;
  const found = known.find((one) => one.name.toLowerCase() === name.toLowerCase());
  const payloadType = type === undefined ? found?.payloadType : Number(type);
  if (payloadType === undefined) return `${name} has no payload type of its own: write ${name}@ and the number that its packets have`;
  if (payloadType > 127) return `a payload type is a number up to 127, not ${payloadType}`;
  const clockRate = rate === undefined ? (found?.clockRate ?? 8_000) : Number(rate);
  return { payloadType, name: found?.name ?? name, clockRate, channels: channels === undefined ? (found?.channels ?? 1) : Number(channels) };
}
