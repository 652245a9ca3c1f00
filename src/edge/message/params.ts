/**
 * Parameters after a `;`, as every structured SIP header has them (RFC 3261 §25.1 generic-param).
 *
 * Kept as the text they came in and searched on demand: most messages pass through without
 * anyone asking for most parameters. Text is bytes: see sip-message.ts.
 */

const SEMICOLON = 0x3b;
const EQUALS = 0x3d;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const LESS = 0x3c;
const GREATER = 0x3e;

/** The index of the first `;` at or after `from` that is outside quotes, or the end. */
function endOfParam(text: string, from: number): number {
  let quoted = false;
  for (let i = from; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    if (quoted) {
      if (code === BACKSLASH) i += 1;
      else if (code === QUOTE) quoted = false;
    } else if (code === QUOTE) quoted = true;
    else if (code === SEMICOLON) return i;
  }
  return text.length;
}

/**
 * The value of a parameter out of `;a=1;b;c="x"`; the empty string when it has none, undefined
 * when it is absent. `name` is lower case; names on the wire are compared without case.
 */
export function paramOf(params: string, name: string): string | undefined {
  let start = 0;
  while (start < params.length) {
    if (params.charCodeAt(start) === SEMICOLON) start += 1;
    const end = endOfParam(params, start);
    let equals = start;
    while (equals < end && params.charCodeAt(equals) !== EQUALS) equals += 1;
    const key = params.slice(start, equals).trim();
    if (key.length === name.length && key.toLowerCase() === name) {
      return equals < end ? params.slice(equals + 1, end).trim() : '';
    }
    start = end + 1;
  }
  return undefined;
}

/** Whether every quoted string in a text ends in it: else whatever is put behind it becomes part of one. */
export function quotesClose(text: string): boolean {
  let quoted = false;
  for (let i = text.indexOf('"'); i !== -1 && i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    if (quoted && code === BACKSLASH) i += 1;
    else if (code === QUOTE) quoted = !quoted;
  }
  return !quoted;
}

/** The same parameters without the one named. */
export function withoutParam(params: string, name: string): string {
  let kept = '';
  let start = 0;
  while (start < params.length) {
    if (params.charCodeAt(start) === SEMICOLON) start += 1;
    const end = endOfParam(params, start);
    const param = params.slice(start, end);
    const equals = param.indexOf('=');
    const key = (equals === -1 ? param : param.slice(0, equals)).trim().toLowerCase();
    if (key !== name && param.trim() !== '') kept += `;${param}`;
    start = end + 1;
  }
  return kept;
}

/** The members of a comma-separated header value; commas in quotes and in `<>` do not count. */
export function splitList(value: string): string[] {
  if (!value.includes(',')) return [value];
  const members: string[] = [];
  let quoted = false;
  let bracketed = false;
  let start = 0;
  for (let i = 0; i < value.length; i += 1) {
    const code = value.charCodeAt(i);
    if (quoted) {
      if (code === BACKSLASH) i += 1;
      else if (code === QUOTE) quoted = false;
    } else if (code === QUOTE) quoted = true;
    else if (code === LESS) bracketed = true;
    else if (code === GREATER) bracketed = false;
    else if (code === COMMA && !bracketed) {
      members.push(value.slice(start, i).trim());
      start = i + 1;
    }
  }
  members.push(value.slice(start).trim());
  return members.filter((member) => member !== '');
}
