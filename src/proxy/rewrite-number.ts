/** Numbers written otherwise, as a trunk or next hop wants them: pure, and total on any text. */
import { matchesNumber, parseNumberPattern, plainUser, type NumberPattern } from '../policy/index.js';
import { parseSipUri } from '../sip/index.js';
import type { Rewriting } from './trunk-settings.js';

export type Who = Rewriting['of'];

interface Rule extends Pick<Rewriting, 'of' | 'strip'> {
  readonly prepend: string;
  readonly pattern: NumberPattern;
}

export type Rewriter = readonly Rule[];

/** @param rules checked before: a pattern that is none is a bug here. */
export function readRewriter(rules: readonly Rewriting[] = []): Rewriter {
  return rules.map(({ of, match, strip, prepend = '' }) => {
    const pattern = parseNumberPattern(match);
    if (typeof pattern === 'string') throw new TypeError(`pattern ${match}: ${pattern}`);
    return { of, strip, prepend, pattern };
  });
}

/**
 * The URI with its number as the first rule that fits has it. The rest stays as written: what follows the number in
 * the user part (RFC 4694 puts parameters there), host and parameters. A rule that would leave nothing is not applied.
 */
export function rewriteUri(uri: string, of: Who, rewriter: Rewriter): string {
  const parsed = parseSipUri(uri);
  if (parsed === 'malformed' || parsed.user === undefined) return uri;
  const [number = ''] = /^[^;:]*/u.exec(parsed.user) ?? [];
  const plain = plainUser(number);
  const rule = rewriter.find((each) => each.of === of && matchesNumber(each.pattern, { user: plain, host: parsed.host }));
  const rewritten = rule === undefined ? '' : rule.prepend + plain.slice(rule.strip);
  if (rewritten === '') return uri;
  const start = uri.indexOf(':') + 1;
  return uri.slice(0, start) + rewritten + uri.slice(start + number.length);
}

/** The same for each address of a From, To or P-Asserted-Identity header; display names stay. */
export function rewriteAddresses(value: string, of: Who, rewriter: Rewriter): string {
  if (!value.includes('<')) {
    // RFC 3261 §20: without brackets a semicolon begins the header's own parameters.
    const [uri = ''] = /^[^;]*/u.exec(value) ?? [];
    return rewriteUri(uri.trim(), of, rewriter) + value.slice(uri.length);
  }
  return value.replace(/"(?:[^"\\]|\\.)*"|<([^<>]*)>/gu, (whole, uri: string | undefined) => (uri === undefined ? whole : `<${rewriteUri(uri, of, rewriter)}>`));
}
