/**
 * Whether a document's tags nest: every start tag closed by its own name, one root, not too deep or
 * too many.
 *
 * fast-xml-parser takes any closing tag for any element and builds as deep as it is told, so this
 * runs before it, over the text, in one pass and with a stack no deeper than the limit.
 */

export type XmlFault = 'too-deep' | 'too-many-elements' | 'doctype' | 'malformed';

const tagName = /^[\p{L}_][\p{L}\p{N}._:-]*/u;

/** @returns the fault, or undefined when the tags of `document` nest within these bounds. */
export function faultOfTags(document: string, maxDepth: number, maxElements: number): XmlFault | undefined {
  const open: string[] = [];
  let roots = 0;
  let elements = 0;
  for (let at = document.indexOf('<'); at >= 0; at = document.indexOf('<', at)) {
    const end = endOfMarkup(document, at);
    if (end === undefined) return 'malformed';
    const inner = document.slice(at + 1, end - 1);
    at = end;
    if (inner.startsWith('?') || inner.startsWith('!--') || inner.startsWith('![CDATA[')) continue;
    if (inner.startsWith('!')) return 'doctype';
    if (inner.startsWith('/')) {
      if (open.pop() !== inner.slice(1).trimEnd()) return 'malformed';
      continue;
    }
    const name = tagName.exec(inner)?.[0];
    if (name === undefined || !/^[\s/]?$/.test(inner.charAt(name.length))) return 'malformed';
    if (open.length === 0 && ++roots > 1) return 'malformed';
    if (++elements > maxElements) return 'too-many-elements';
    if (inner.endsWith('/')) continue;
    open.push(name);
    if (open.length > maxDepth) return 'too-deep';
  }
  return open.length === 0 && roots === 1 ? undefined : 'malformed';
}

/** The index after the markup that begins at `at`; undefined when it does not end. */
function endOfMarkup(document: string, at: number): number | undefined {
  if (document.startsWith('<!--', at)) return after(document, '-->', at + 4);
  if (document.startsWith('<![CDATA[', at)) return after(document, ']]>', at + 9);
  if (document.startsWith('<?', at)) return after(document, '?>', at + 2);
  // A `>` within a quoted value does not end a tag.
  const stop = /[>"']/g;
  for (let from = at + 1; ; ) {
    stop.lastIndex = from;
    const found = stop.exec(document);
    if (found === null) return undefined;
    if (found[0] === '>') return found.index + 1;
    const close = document.indexOf(found[0], found.index + 1);
    if (close < 0) return undefined;
    from = close + 1;
  }
}

function after(document: string, mark: string, from: number): number | undefined {
  const found = document.indexOf(mark, from);
  return found < 0 ? undefined : found + mark.length;
}
