/**
 * Putting the media anchor's addresses into an SDP that passes through (RFC 8866, 3605, 8839).
 *
 * Call parties must see each other's SDP as if nobody stood between, so only what names a transport
 * address changes; every other line stays as it came, byte for byte and in order. ICE ends at a relay:
 * its lines name addresses that bypass the anchor, and go.
 *
 * Leaves to  the anchor the addresses; the proxy the a=crypto lines, which pass untouched.
 */
import { familyAndAddress, parseMediaLine, splitSdp, type SdpLine } from './sdp-lines.js';

/** Where the anchor receives one media: addresses without brackets, ports 1 to 65535. */
export interface AnchoredMedia {
  address: string;
  rtpPort: number;
  rtcpPort: number;
}

/**
 * Rewrites c= (session and media level), the port of m=, and a=rtcp; removes ICE.
 *
 * Media of port 0 stay so, with all their lines but ICE. A c= of 0.0.0.0 is a hold (RFC 3264 §8.4) and
 * stays one. Two lines are added where the anchor would otherwise not be reached: a c= when the
 * session's is not that media's, or none exists; an a=rtcp when the RTCP port is not the one implied.
 *
 * @param media by index of the m= line; undefined for media that keep their own address.
 */
export function rewriteSdp(text: string, media: readonly (AnchoredMedia | undefined)[]): string {
  const { session, media: sections } = splitSdp(text);
  const live = sections.map((lines, index) => (hasPort(lines) ? media[index] : undefined));
  const connection = session.findLast(isConnection);
  const heldBySession = connection !== undefined && isHold(connection);
  const sessionAddress = heldBySession || connection === undefined ? undefined : addressForSession(sections, live);

  const out = new Output(session[0]?.ending ?? sections[0]?.[0]?.ending ?? '');
  for (const line of session) {
    if (isIce(line)) continue;
    out.keep(isConnection(line) && sessionAddress !== undefined ? rewriteConnection(line, sessionAddress) : line);
  }
  for (const [index, lines] of sections.entries()) {
    const anchored = live[index];
    const inherits = !lines.some(isConnection);
    let missing: string | undefined;
    if (inherits && anchored !== undefined && !heldBySession && anchored.address !== sessionAddress) {
      missing = `c=${familyAndAddress(anchored.address)}`;
    } else if (inherits && anchored === undefined && sessionAddress !== undefined && hasPort(lines)) {
      missing = connection?.text;
    }
    writeSection(out, lines, anchored, missing);
  }
  return out.text;
}

function writeSection(
  out: Output,
  lines: readonly SdpLine[],
  anchored: AnchoredMedia | undefined,
  missingConnection: string | undefined,
): void {
  // RFC 8866 §5: within a media section c= stands after m= and i=, before everything else.
  const head = lines.findIndex((line, index) => index > 0 && !line.text.startsWith('i='));
  for (const [index, line] of lines.entries()) {
    if (missingConnection !== undefined && index === head) out.add(missingConnection);
    if (isIce(line)) continue;
    out.keep(anchored === undefined ? line : rewriteMediaLevel(line, anchored));
  }
  if (missingConnection !== undefined && head < 0) out.add(missingConnection);
  if (anchored !== undefined && needsRtcp(lines, anchored)) out.add(`a=rtcp:${anchored.rtcpPort}`);
}

function rewriteMediaLevel(line: SdpLine, to: AnchoredMedia): SdpLine {
  const { text } = line;
  if (text.startsWith('m=')) {
    return { ...line, text: text.replace(/^(m=\s*\S+\s+)\d+(?:\/\d+)?/, (_, head: string) => `${head}${to.rtpPort}`) };
  }
  if (isConnection(line)) return rewriteConnection(line, to.address);
  if (!isRtcp(line)) return line;
  const address = text.trim().includes(' ') ? ` ${familyAndAddress(to.address)}` : '';
  return { ...line, text: `a=rtcp:${to.rtcpPort}${address}` };
}

const rewriteConnection = (line: SdpLine, address: string): SdpLine =>
  isHold(line) ? line : { ...line, text: `c=${familyAndAddress(address)}` };

/** The session's c= takes the address of the first media that relies on it, else of any that lives. */
function addressForSession(
  sections: readonly (readonly SdpLine[])[],
  live: readonly (AnchoredMedia | undefined)[],
): string | undefined {
  const relying = live.find((to, index) => to !== undefined && !(sections[index] ?? []).some(isConnection));
  return (relying ?? live.find((to) => to !== undefined))?.address;
}

/** RTCP is expected on the next port, or on the same under rtcp-mux (RFC 3605 §2.1, RFC 5761 §5.1.3). */
function needsRtcp(lines: readonly SdpLine[], to: AnchoredMedia): boolean {
  if (lines.some(isRtcp) || to.rtcpPort === to.rtpPort + 1) return false;
  return to.rtcpPort !== to.rtpPort || !lines.some((line) => line.text.trim() === 'a=rtcp-mux');
}

const hasPort = (lines: readonly SdpLine[]): boolean => (parseMediaLine(lines[0]?.text ?? '')?.port ?? 0) !== 0;
const isConnection = (line: SdpLine): boolean => line.text.startsWith('c=');
const isRtcp = (line: SdpLine): boolean => line.text.startsWith('a=rtcp:');
const isHold = (line: SdpLine): boolean => /^c=\s*IN\s+IP[46]\s+(?:0\.0\.0\.0|::)(?:\/\d+)*\s*$/.test(line.text);
const isIce = (line: SdpLine): boolean =>
  /^a=(?:candidate:|remote-candidates:|end-of-candidates|ice-)/.test(line.text);

/** Collects lines; one that is added ends as the first line of the text did. */
class Output {
  text = '';
  readonly #ending: string;

  constructor(ending: string) {
    this.#ending = ending === '' ? '\r\n' : ending;
  }

  keep(line: SdpLine): void {
    this.text += line.text + line.ending;
  }

  add(line: string): void {
    if (!/[\r\n]$/.test(this.text)) this.text += this.#ending;
    this.text += line + this.#ending;
  }
}
