/** The SDP of a test phone: one audio line, one codec, SDES where asked (RFC 4568). Pure. */
import { Failure } from '../errors/index.js';
import { encodeCryptoLine, parseCryptoLine, type CryptoLine } from '../media/index.js';
import { hostPort, readSdp, type SdpMedia } from '../sip/index.js';
import { payloadTypes, type TestCodec } from './talk.js';

export interface PhoneSdp {
  readonly address: string;
  readonly rtpPort: number;
  readonly codec: TestCodec;
  readonly crypto: CryptoLine | undefined;
}

export function encodePhoneSdp({ address, rtpPort, codec, crypto }: PhoneSdp): string {
  const family = hostPort(address).startsWith('[') ? 'IP6' : 'IP4';
  const payloadType = payloadTypes[codec];
  const lines = [
    'v=0',
    `o=- 1 1 IN ${family} ${address}`,
    's=-',
    `c=IN ${family} ${address}`,
    't=0 0',
    `m=audio ${rtpPort} RTP/${crypto === undefined ? 'AVP' : 'SAVP'} ${payloadType}`,
    `a=rtpmap:${payloadType} ${codec}/8000`,
    ...(crypto === undefined ? [] : [`a=crypto:${encodeCryptoLine(crypto)}`]),
    'a=ptime:20',
    'a=sendrecv',
  ];
  return `${lines.join('\r\n')}\r\n`;
}

export interface FarEnd {
  readonly media: SdpMedia;
  readonly codec: TestCodec;
  readonly crypto: CryptoLine | undefined;
}

/** @throws Failure CALL_FAILED when it is not what a test phone can speak to. */
export function readFarEnd(text: string): FarEnd {
  const sdp = readSdp(text);
  const media = typeof sdp === 'string' ? undefined : sdp.media.find((line) => line.kind === 'audio' && line.port !== 0);
  const codec = media?.codecs.map((one) => one.name.toUpperCase()).find((name): name is TestCodec => name in payloadTypes);
  if (media === undefined || codec === undefined) throw new Failure('CALL_FAILED', 'the other end offers no G.711 audio');
  const line = media.crypto[0] === undefined ? undefined : parseCryptoLine(media.crypto[0]);
  if (typeof line === 'string') throw new Failure('CALL_FAILED', `the other end's crypto line cannot be read: ${line}`);
  return { media, codec, crypto: line };
}
