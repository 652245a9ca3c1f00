/**
 * Message bodies of one or several parts (RFC 2046 §5.1, RFC 5621).
 *
 * Reading is total and liberal: LF line ends, a closing delimiter left out, a boundary the header
 * forgot, parts without headers and a wrong Content-Length inside all occur in real offers.
 *
 * Owns       delimiters, part headers, bounds.
 * Leaves to  the caller what a part means and which parts it needs.
 */
import assert from 'node:assert/strict';

export interface BodyPart {
  /** type/subtype in lower case, without parameters. */
  contentType: string;
  /** The part's headers by lower-case name; of a repeated one the first. Empty for a body of one part. */
  headers: ReadonlyMap<string, string>;
  /** As it came, without the line end that belongs to the delimiter. */
  content: string;
}

export const bodyRejects = ['empty', 'too-long', 'unknown-type', 'no-boundary', 'no-parts', 'too-many-parts'] as const;
export type BodyReject = (typeof bodyRejects)[number];

/** SDP and metadata have bounds of 64 KiB and 256 KiB; a body may bring both and something else. */
const maxBodyChars = 512 * 1024;
const maxParts = 32;
const maxHeaders = 64;
/** bcharsnospace and space of RFC 2046 §5.1.1, not ending in a space. */
const boundaryPattern = /^[\w'()+,./:=? -]{0,69}[\w'()+,./:=?-]$/;

/**
 * Takes a body apart.
 *
 * @param contentType the header's value, parameters included. Without it the content tells its type.
 * @returns the parts in order, those of a nested multipart in its place (one level; a deeper one stays
 *          whole); or why not: `empty`, `too-long` (over 524,288 characters), `unknown-type` (no
 *          Content-Type and nothing we know), `no-boundary`, `no-parts` (the delimiter never comes),
 *          `too-many-parts` (over 32).
 */
export function readBody(contentType: string | undefined, body: string): readonly BodyPart[] | BodyReject {
  if (body.length > maxBodyChars) return 'too-long';
  if (body.trim() === '') return 'empty';
  const declared = contentType?.trim() ?? '';
  const type = declared === '' ? (impliedType(body) ?? impliedMultipart(body)) : mediaType(declared);
  if (type === undefined) return 'unknown-type';
  if (!type.startsWith('multipart/')) return [{ contentType: type, headers: new Map(), content: body }];

  const outer = readMultipart(declared, body);
  if (typeof outer === 'string') return outer;
  const parts: BodyPart[] = [];
  for (const part of outer) {
    const inner = part.contentType.startsWith('multipart/')
      ? readMultipart(part.headers.get('content-type') ?? '', part.content)
      : [part];
    if (inner === 'too-many-parts') return inner;
    // A part that says it is multipart and is not does not spoil the others.
    parts.push(...(typeof inner === 'string' ? [part] : inner));
    if (parts.length > maxParts) return 'too-many-parts';
  }
  return parts;
}

/**
 * Puts parts together, CRLF throughout.
 *
 * @param boundary unquoted, up to 70 characters, in none of the parts; the caller draws it at random.
 */
export function encodeMultipart(
  parts: readonly { contentType: string; disposition?: string; content: string }[],
  boundary: string,
): { contentType: string; body: string } {
  assert(boundaryPattern.test(boundary), 'RFC 2046 §5.1.1: characters and length of a boundary');
  assert(parts.length > 0, 'a multipart body has a part');
  let body = '';
  for (const { contentType, disposition, content } of parts) {
    assert(!/[\r\n]/.test(contentType + (disposition ?? '')), 'no value brings a header of its own');
    assert(!content.includes(`--${boundary}`), 'the boundary occurs in no part');
    const headers = [`Content-Type: ${contentType}`];
    if (disposition !== undefined) headers.push(`Content-Disposition: ${disposition}`);
    body += `--${boundary}\r\n${headers.join('\r\n')}\r\n\r\n${content}\r\n`;
  }
  const parameter = /^[\w'+.-]+$/.test(boundary) ? boundary : `"${boundary}"`;
  return { contentType: `multipart/mixed;boundary=${parameter}`, body: `${body}--${boundary}--\r\n` };
}

function readMultipart(contentType: string, body: string): BodyPart[] | 'no-boundary' | 'no-parts' | 'too-many-parts' {
  const boundary = boundaryOf(contentType) ?? firstDelimiter(body);
  if (boundary === undefined) return 'no-boundary';
  const delimiter = `--${boundary}`;
  const parts: BodyPart[] = [];
  let partStart: number | undefined;
  let closed = false;
  for (const { start, end, next } of linesOf(body)) {
    if (!body.startsWith(delimiter, start)) continue;
    const tail = body.slice(start + delimiter.length, end).trimEnd();
    // `--abc` is not the delimiter of boundary `ab`.
    if (tail !== '' && tail !== '--') continue;
    if (partStart !== undefined) parts.push(readPart(body.slice(partStart, beforeLineEnd(body, partStart, start))));
    if (parts.length > maxParts) return 'too-many-parts';
    partStart = next;
    closed = tail === '--';
    if (closed) break;
  }
  if (partStart === undefined) return 'no-parts';
  if (!closed) parts.push(readPart(body.slice(partStart)));
  return parts.length === 0 ? 'no-parts' : parts;
}

function readPart(text: string): BodyPart {
  const headers = new Map<string, string>();
  let contentStart = text.length;
  let name = '';
  let count = 0;
  for (const { start, end, next } of linesOf(text)) {
    const line = text.slice(start, end);
    contentStart = next;
    if (line.trim() === '') break;
    const value = headers.get(name);
    if (/^[ \t]/.test(line) && value !== undefined) {
      headers.set(name, `${value} ${line.trim()}`);
      continue;
    }
    const colon = line.indexOf(':');
    // Some forget the empty line: what is no header begins the content.
    if (!/^[\w!#$%&'*+.^`|~-]+[ \t]*$/.test(line.slice(0, Math.max(colon, 0))) || ++count > maxHeaders) {
      contentStart = start;
      break;
    }
    name = line.slice(0, colon).trim().toLowerCase();
    if (!headers.has(name)) headers.set(name, line.slice(colon + 1).trim());
    contentStart = text.length;
  }
  const content = text.slice(contentStart);
  const declared = headers.get('content-type') ?? '';
  // RFC 2046 §5.1: a part without a type is plain text.
  const contentType = declared === '' ? (impliedType(content) ?? 'text/plain') : mediaType(declared);
  return { contentType, headers, content };
}

const mediaType = (value: string): string => (value.split(';', 1)[0] ?? '').trim().toLowerCase();

/** An SDP is known by its first line (RFC 8866 §5.1). */
const impliedType = (content: string): string | undefined =>
  /^\s*v=\d/.test(content) ? 'application/sdp' : undefined;

const impliedMultipart = (body: string): string | undefined =>
  body.trimStart().startsWith('--') ? 'multipart/mixed' : undefined;

function boundaryOf(contentType: string): string | undefined {
  const match = /;\s*boundary\s*=\s*(?:"([^"]*)"|([^\s;]+))/i.exec(contentType);
  const boundary = (match?.[1] ?? match?.[2] ?? '').trimEnd();
  return boundary === '' ? undefined : boundary;
}

/** The boundary that a body shows by its first line of two hyphens and something. */
function firstDelimiter(body: string): string | undefined {
  const boundary = /^--([^\r\n]{1,200})$/m.exec(body.slice(0, 2_048))?.[1]?.trimEnd();
  return boundary === '' ? undefined : boundary;
}

/** Lines by offset, without copying; `end` is before the line end, `next` after it. */
function* linesOf(text: string): Generator<{ start: number; end: number; next: number }> {
  for (let start = 0; start < text.length; ) {
    const feed = text.indexOf('\n', start);
    const next = feed < 0 ? text.length : feed + 1;
    let end = feed < 0 ? text.length : feed;
    if (end > start && text[end - 1] === '\r') end -= 1;
    yield { start, end, next };
    start = next;
  }
}

/** The line end before a delimiter belongs to the delimiter (RFC 2046 §5.1.1). */
function beforeLineEnd(text: string, from: number, delimiterStart: number): number {
  let end = delimiterStart;
  if (end > from && text[end - 1] === '\n') end -= 1;
  if (end > from && text[end - 1] === '\r') end -= 1;
  return end;
}
