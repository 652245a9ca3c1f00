/**
 * The suite's SIPp scenarios, in copies that SIPp 3.6 reads.
 *
 * Three of them have a bare `<` in an attribute, which is no XML; the SIPp of the suite's own container
 * lets it pass, Debian's refuses it. Nothing else is changed.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Attribute values with a bare `<`, outside CDATA. */
const escapeAttributes = (xml: string): string =>
  xml
    .split(/(<!\[CDATA\[[\s\S]*?\]\]>)/u)
    .map((part) => (part.startsWith('<![CDATA[') ? part : part.replace(/="([^"]*)"/gu, (_, value: string) => `="${value.replaceAll('<', '&lt;')}"`)))
    .join('');

export function copyScenarios(from: string, to: string): void {
  mkdirSync(to, { recursive: true });
  for (const file of readdirSync(from)) {
    if (file.endsWith('.xml')) writeFileSync(join(to, file), escapeAttributes(readFileSync(join(from, file), 'utf8')));
  }
}
