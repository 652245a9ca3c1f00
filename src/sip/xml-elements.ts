/** Elements of XML as text, escaped. */
import { escapeXml } from './xml.js';

export const element = (name: string, text: string): string => `<${name}>${escapeXml(text)}</${name}>`;

/** Children are text of elements already; an attribute without a value is left out. */
export function open(name: string, attributes: Readonly<Record<string, string | undefined>>, children: readonly string[]): string {
  const written = Object.entries(attributes)
    .flatMap(([key, value]) => (value === undefined ? [] : [` ${key}="${escapeXml(value)}"`]))
    .join('');
  return children.length === 0 ? `<${name}${written}/>` : `<${name}${written}>${children.join('')}</${name}>`;
}
