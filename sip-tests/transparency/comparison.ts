/**
 * What one end sent against what the other received.
 *
 * Leaves to  SIPp whether the call ran as its scenario says.
 *
 * Pure. Messages are known by what they are (`INVITE`, `183 INVITE`); the n-th of a kind at one end is the
 * n-th at the other, once repetitions are out.
 */
import type { Logged } from './message-log.js';
import type { Mode } from './scenario.js';

/** What belongs to a hop or to a dialog, not to the parties (RFC 3261 §16.6, §20; RFC 7092 for back-to-back). */
const always = ['via', 'max-forwards', 'route', 'record-route', 'content-length', 'contact'];
const ofDialogs = ['call-id', 'from', 'to', 'cseq', 'rseq', 'rack'];

const cseqOf = (message: Logged): string => message.headers.get('cseq') ?? '';
const methodOf = (message: Logged): string => cseqOf(message).replace(/^\d+\s+/, '');
const isResponse = (message: Logged): boolean => message.startLine.startsWith('SIP/2.0');
const statusOf = (message: Logged): number => Number(message.startLine.split(' ')[1]);
const kindOf = (message: Logged): string => (isResponse(message) ? `${statusOf(message)} ${methodOf(message)}` : methodOf(message));

/** What a hop answers or repeats by itself, in whichever mode. */
function isHopwise(message: Logged, all: readonly Logged[]): boolean {
  const method = methodOf(message);
  if (isResponse(message)) return statusOf(message) === 100 || method === 'CANCEL';
  if (method !== 'ACK') return false;
  const number = cseqOf(message).split(' ')[0];
  // Each end counts its own: the refusal that this acknowledges came the other way.
  return all.some((other) => isResponse(other) && other.sent !== message.sent && cseqOf(other) === `${number} INVITE` && statusOf(other) >= 300);
}

/** Once each: a repetition is the same, byte for byte. */
function once(messages: readonly Logged[]): Logged[] {
  const seen = new Set<string>();
  return messages.filter((message) => {
    const text = JSON.stringify([message.startLine, [...message.headers], message.body]);
    const isNew = !seen.has(text);
    seen.add(text);
    return isNew;
  });
}

/** Places of media are the anchor's in back-to-back mode, everything else is the parties'. */
const withoutPlaces = (body: string): string => body.replace(/^c=IN IP4 (?!0\.0\.0\.0)\S+/gm, 'c=').replace(/^(m=\S+) \d+/gm, '$1');

function meaning(message: Logged, mode: Mode): Record<string, string> {
  const dropped = mode === 'proxied' ? always : [...always, ...ofDialogs];
  const facts: Record<string, string> = {};
  for (const [name, value] of [...message.headers].sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (!dropped.includes(name)) facts[name] = value.replace(/\s*,\s*/g, ',');
  }
  if (mode === 'back-to-back') {
    for (const name of ['from', 'to']) facts[name] = (message.headers.get(name) ?? '').replace(/\s*;\s*tag=[^;]*/, '').replace(/@[^>]*/, '');
  }
  // Where else to try; in all other messages it is where the sender itself is reached.
  if (isResponse(message) && statusOf(message) >= 300 && statusOf(message) < 400) facts['contact'] = (message.headers.get('contact') ?? '').replace(/\s*,\s*/g, ',');
  facts['body'] = mode === 'proxied' ? message.body : withoutPlaces(message.body);
  if (isResponse(message)) facts['reason'] = message.startLine;
  return facts;
}

export interface Passage {
  readonly kind: string;
  readonly sent: Record<string, string> | undefined;
  readonly received: Record<string, string> | undefined;
}

/**
 * Each message from one end to the other, as it was sent and as it was received, in the order of sending.
 *
 * @param ours kinds that the product answers or makes by itself in this scenario.
 */
export function passages(from: readonly Logged[], to: readonly Logged[], mode: Mode, ours: readonly string[]): Passage[] {
  const sent = once(from.filter((message) => message.sent && !isHopwise(message, from)));
  const received = once(to.filter((message) => !message.sent && !isHopwise(message, to)));
  const kinds = [...new Set([...sent, ...received].map(kindOf))].filter((kind) => !ours.includes(kind));
  return kinds.flatMap((kind) => {
    const [left, right] = [sent, received].map((messages) => messages.filter((message) => kindOf(message) === kind));
    return Array.from({ length: Math.max(left?.length ?? 0, right?.length ?? 0) }, (_, index) => {
      const [one, other] = [left?.[index], right?.[index]];
      return { kind, sent: one && meaning(one, mode), received: other && meaning(other, mode) };
    });
  });
}

/** A Session-ID that the sender did not give is ours to add (RFC 7989 §7). */
export function withoutAddedSessionId({ kind, sent, received }: Passage): Passage {
  if (sent === undefined || received === undefined || 'session-id' in sent) return { kind, sent, received };
  return { kind, sent, received: Object.fromEntries(Object.entries(received).filter(([name]) => name !== 'session-id')) };
}
