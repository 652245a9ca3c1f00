/** Mutations of SIP messages and of commands: some by bytes, some by whole header lines. */
import { mutate, type Random } from '../mutate.js';
import { EDGE } from './memory-network.js';

const words = ['\r\n', ' ', ';', ',', '"', '<', '>', '\0', '|', 'SIP/2.0', 'z9hG4bK', ';tag=', ';lr', '@localhost', ':65536', '4294967296', '-1'];

const strangeLines = [
  `Route: <sip:${EDGE};lr>`, `Route: <sip:${EDGE}>`, 'Route: <sip:x@none.example;lr>', 'Route: nonsense', 'Record-Route: <sip:late.example;lr>', `Record-Route: <sip:${EDGE};lr>`,
  'Contact: *', 'Contact: <sip:x@lost.example>', 'Contact:', 'Max-Forwards: 0', 'Max-Forwards: x', 'Require: 100rel', 'Supported: 100rel', 'RSeq: 1', 'RAck: 1 1 INVITE', 'Expires: 0',
  'Subscription-State: terminated', 'Event: presence', 'Session-Expires: 90', 'Min-SE: 4000000000', 'Via: SIP/2.0/UDP 192.0.2.1', 'Via: SIP/2.0/TCP ok.example:0;branch=z9hG4bK1', 'To: <sip:x@y>;tag=new',
  'Content-Length: 5', 'Replaces: a;to-tag=b;from-tag=c', 'CSeq: 2147483647 INVITE', 'Call-ID: call1@192.0.2.1', 'X: ' + 'x'.repeat(300),
];

type ByLines = (lines: string[], other: readonly string[], random: Random) => void;

/** Which header line; the start line is 0. */
const place = (lines: readonly string[], random: Random): number => random(Math.max(1, lines.length));

const byLines: readonly ByLines[] = [
  (lines, _, random) => void lines.splice(place(lines, random), 1),
  (lines, _, random) => {
    const line = lines[place(lines, random)];
    if (line !== undefined) lines.splice(1 + place(lines, random), 0, line);
  },
  (lines, _, random) => void lines.splice(1 + place(lines, random), 0, strangeLines[random(strangeLines.length)] ?? ''),
  (lines, other, random) => {
    const at = 1 + place(lines, random);
    const name = lines[at]?.slice(0, lines[at].indexOf(':') + 1);
    const line = name === undefined || name === '' ? undefined : other.find((each) => each.startsWith(name));
    if (line !== undefined) lines[at] = line;
  },
  (lines, other, random) => {
    const line = other[place(other, random)];
    if (line !== undefined) lines[place(lines, random)] = line;
  },
  (lines, _, random) => {
    const at = place(lines, random);
    lines[at] = lines[at]?.replace(/\d+/gu, (digits) => (random(3) === 0 ? `${random(2) === 0 ? Number(digits) + 1 : random(4_000_000_000)}` : digits)) ?? '';
  },
  (lines, _, random) => {
    const [a, b] = [1 + place(lines, random), 1 + place(lines, random)];
    const [x, y] = [lines[a], lines[b]];
    if (x !== undefined && y !== undefined) [lines[a], lines[b]] = [y, x];
  },
];

/** The same with something wrong with it; `other` is a message to take pieces from. */
export function spoil(text: string, other: string, random: Random): string {
  if (random(3) === 0) return mutate({ seeds: [Buffer.from(text, 'latin1')], words }, random).toString('latin1');
  const end = text.indexOf('\r\n\r\n');
  const lines = (end === -1 ? text : text.slice(0, end)).split('\r\n');
  const others = other.slice(0, Math.max(0, other.indexOf('\r\n\r\n'))).split('\r\n');
  for (let left = 1 + random(3); left > 0; left -= 1) byLines[random(byLines.length)]?.(lines, others, random);
  return `${lines.join('\r\n')}${end === -1 ? '' : text.slice(end)}`;
}
