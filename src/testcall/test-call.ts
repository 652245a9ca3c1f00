/**
 * A real call through the proxy, both ends our own: says whether the call went through, and what each end sent.
 */
import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { Failure } from '../errors/index.js';
import type { CryptoLine, RtpPacket, SrtpSuite } from '../media/index.js';
import { encodeSessionId, hangUp, newSessionUuid, nilSessionUuid, parseSipUri, type SipUri } from '../sip/index.js';
import { Phone, type Conversation, type PhoneOptions } from './phone.js';
import type { TestCodec } from './talk.js';
import type { Voice } from './voices.js';

export interface TestCallOptions {
  /** URI of the callee. */
  readonly to: string;
  /** SIP URI of where the trunk leads: our own callee answers at its host and port. */
  readonly answerAt: string;
  /** SIP URI of the proxy. */
  readonly via: string;
  /** For ends that speak TLS, because `answerAt` or `via` says so. */
  readonly tls?: PhoneOptions['tls'];
  /** Absent: plain RTP. */
  readonly srtp?: SrtpSuite | undefined;
  readonly codec: TestCodec;
  readonly seconds: number;
  readonly voices: { readonly caller: Voice; readonly callee: Voice };
  /** Told when both ends speak, for a progress line. */
  readonly onConnected?: (sessionId: string) => void;
  /** Told each packet that an end hears, decrypted. */
  readonly onHeard?: (end: 'caller' | 'callee', packet: RtpPacket) => void;
  /** Told what an end encrypts with, when it does. */
  readonly onKey?: (end: 'caller' | 'callee', key: CryptoLine) => void;
}

export interface EndResult {
  /** When its first sample was sent, unix ms. */
  readonly startedAtMs: number;
  /** What was sent, decoded. */
  readonly sent: Int16Array;
  readonly sentPackets: number;
  readonly heardPackets: number;
  /** Packets that came but could not be read, or not be decrypted. */
  readonly heardDamaged: number;
}

export interface TestCallResult {
  readonly sessionId: string;
  readonly caller: EndResult;
  readonly callee: EndResult;
}

const answerTimeoutMs = 10_000;
const hangUpWithinMs = 5_000;
const packetsPerSecond = 50;
/** The last packets are still on their way when the last one has been sent. */
const lastPacketsMs = 100;

const speaksTls = (uri: SipUri | 'malformed'): boolean =>
  uri !== 'malformed' && (uri.scheme === 'sips' || uri.params.get('transport')?.toLowerCase() === 'tls');

/** @throws Failure CALL_FAILED, EDGE_LISTEN, EDGE_TLS. */
export async function placeTestCall(options: TestCallOptions): Promise<TestCallResult> {
  if (typeof parseSipUri(options.to) === 'string') throw new Failure('CALL_FAILED', `${options.to} is no SIP URI, write sip:NAME@HOST:PORT`);
  const target = parseSipUri(options.answerAt);
  if (typeof target === 'string' || target.host === '') throw new Failure('CALL_FAILED', `no call can be answered at ${options.answerAt}: write sip:HOST:PORT`);
  const address = target.host === 'localhost' ? '127.0.0.1' : target.host;
  const common = { address, codec: options.codec, srtp: options.srtp };
  const tlsFor = (uri: SipUri | 'malformed'): Pick<PhoneOptions, 'tls'> => (speaksTls(uri) ? { tls: options.tls } : {});
  const calleeOptions: PhoneOptions = { ...common, ...tlsFor(target), sipPort: target.port ?? (speaksTls(target) ? 5061 : 5060), voice: options.voices.callee, name: 'callee' };
  const hearing = (end: 'caller' | 'callee'): Pick<PhoneOptions, 'onHeard' | 'onKey'> => ({ onHeard: (packet) => options.onHeard?.(end, packet), onKey: (key) => options.onKey?.(end, key) });
  const callee = await Phone.open({ ...calleeOptions, ...hearing('callee') });
  try {
    const caller = await Phone.open({ ...common, ...tlsFor(parseSipUri(options.via)), sipPort: 0, voice: options.voices.caller, name: 'caller', ...hearing('caller') });
    try {
      return await converse(caller, callee, options);
    } finally {
      await caller.close();
    }
  } finally {
    await callee.close();
  }
}

async function converse(caller: Phone, callee: Phone, options: TestCallOptions): Promise<TestCallResult> {
  const sessionId = newSessionUuid(randomBytes);
  const packets = Math.max(1, Math.round(options.seconds * packetsPerSecond));
  const header = { 'Session-ID': encodeSessionId({ local: sessionId, remote: nilSessionUuid }) };
  const answered = callee.answer('session-id', sessionId, answerTimeoutMs);
  // When the call fails, that is the news; that nobody rang the callee is its consequence.
  answered.catch(() => undefined);
  const ours = await caller.call(options.to, options.via, header);
  const theirs = await answered;
  options.onConnected?.(sessionId);
  const [ourWords, theirWords] = await Promise.race([Promise.all([ours.talk.speak(packets), theirs.talk.speak(packets)]), cutOff(ours, theirs)]);
  await delay(lastPacketsMs);
  // When the product has died meanwhile, no BYE gets through: what was heard until then is the result.
  await Promise.race([Promise.all([hangUp(ours.dialog), theirs.hungUp]), delay(hangUpWithinMs, undefined, { ref: false })]);
  return {
    sessionId,
    caller: { ...ourWords, sentPackets: packets, heardPackets: ours.talk.heard.packets, heardDamaged: ours.talk.heard.damaged },
    callee: { ...theirWords, sentPackets: packets, heardPackets: theirs.talk.heard.packets, heardDamaged: theirs.talk.heard.damaged },
  };
}

/** Rejects when somebody else hangs up; after the call nobody listens any more. */
async function cutOff(...ends: readonly Conversation[]): Promise<never> {
  const startedAt = performance.now();
  await Promise.race(ends.map((end) => end.hungUp));
  for (const { talk } of ends) talk.stop();
  throw new Failure('CALL_FAILED', `the call was hung up after ${((performance.now() - startedAt) / 1_000).toFixed(1)} s, before its end: was the product stopped?`);
}
