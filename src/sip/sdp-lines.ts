/**
 * An SDP as lines (RFC 8866 §5): where each begins and ends, and to which media it belongs.
 *
 * Reader and rewriter share this cut, so both always mean the same media by the same index. A line
 * keeps its ending as it came (CRLF, bare LF, bare CR, or nothing at the end of the text): the
 * pieces put together again are the text, byte for byte.
 */

export interface SdpLine {
  /** The line without its ending. */
  text: string;
  ending: string;
}

/** `lines[0]` of a media section is its m= line. */
export interface SdpSections {
  session: readonly SdpLine[];
  media: readonly (readonly SdpLine[])[];
}

/** What an m= line says (RFC 8866 §5.14). */
export interface MediaLine {
  kind: string;
  port: number;
  protocol: string;
  formats: readonly string[];
}

/** Cuts a text before each m= line. */
export function splitSdp(text: string): SdpSections {
  const session: SdpLine[] = [];
  const media: SdpLine[][] = [];
  for (const line of splitLines(text)) {
    if (line.text.startsWith('m=')) media.push([line]);
    else (media.at(-1) ?? session).push(line);
  }
  return { session, media };
}

/** @returns undefined when kind, port or protocol cannot be made out. */
export function parseMediaLine(line: string): MediaLine | undefined {
  const [kind = '', portText = '', protocol = '', ...formats] = line.slice('m='.length).trim().split(/\s+/);
  // The `/2` of `49170/2` asks for several port pairs; we only ever use the first.
  const digits = /^(\d{1,5})(?:\/\d+)?$/.exec(portText)?.[1];
  if (kind === '' || digits === undefined || protocol === '') return undefined;
  const port = Number(digits);
  return port > 65_535 ? undefined : { kind, port, protocol, formats };
}

/** `c=` and `a=rtcp` name the address family before the address (RFC 8866 §5.7). */
export const familyAndAddress = (address: string): string =>
  `IN ${address.includes(':') ? 'IP6' : 'IP4'} ${address}`;

function splitLines(text: string): SdpLine[] {
  const lines: SdpLine[] = [];
  for (const match of text.matchAll(/([^\r\n]*)(\r\n|\r|\n)|[^\r\n]+$/g)) {
    lines.push({ text: match[1] ?? match[0], ending: match[2] ?? '' });
  }
  return lines;
}
