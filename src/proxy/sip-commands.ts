/**
 * What a SIP request says of the recording: pure, and total.
 *
 * `X-Recording: start | stop | pause | resume`, or `Record: on | off` as some telephones send it; and keys in INFO
 * (application/dtmf-relay, application/dtmf).
 */
import type { ControlStep } from './control-states.js';

/** Not passed on where they are obeyed, in lower case. */
export const commandHeaders = ['x-recording', 'record'] as const;

interface Headed {
  has(name: string): boolean;
  get(name: string): string;
}

const words: ReadonlyMap<string, ControlStep> = new Map([
  ['start', 'start'],
  ['on', 'start'],
  ['stop', 'stop'],
  ['off', 'stop'],
  ['pause', 'pause'],
  ['resume', 'resume'],
]);

/** Undefined when nothing is said; `unknown` when what is said is none of the words. */
export function commandOf(request: Headed): ControlStep | 'unknown' | undefined {
  const name = commandHeaders.find((header) => request.has(header));
  if (name === undefined) return undefined;
  return words.get(request.get(name).trim().toLowerCase()) ?? 'unknown';
}

const keys = '0123456789*#ABCD';

/** The key of an INFO; undefined when it has none. Secret: it may be part of a PIN. */
export function keyOf(contentType: string, body: string): string | undefined {
  const type = contentType.split(';', 1)[0]?.trim().toLowerCase();
  const said = type === 'application/dtmf-relay' ? /^\s*signal\s*=\s*(\S{1,2})\s*$/im.exec(body)?.[1] : type === 'application/dtmf' ? body.trim() : undefined;
  if (said === undefined || said === '') return undefined;
  if (said.length === 1) return keys.includes(said.toUpperCase()) ? said.toUpperCase() : undefined;
  // Some write 10 for the star and 11 for the hash, as RFC 4733 §3.2 numbers them.
  return /^1[0-5]$/.test(said) ? keys[Number(said)] : undefined;
}
