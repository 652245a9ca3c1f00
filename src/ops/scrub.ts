/**
 * Takes secrets out of what is about to be logged.
 *
 * A value under a name that means a secret is withheld at any depth, in any case of letters; key
 * material that SDP carries (`inline:…`, RFC 4568 §6.1) is withheld inside any text. Errors become
 * plain facts, their causes with them.
 */

const secretNames = new Set(['key', 'keys', 'crypto', 'authorization', 'secret', 'token']);
export const withheld = '[withheld]';
const maxDepth = 8;

/** A copy without secrets. Deeper than eight levels, and in circles, there is nothing worth a log line. */
export const scrub = (value: unknown, depth = 0): unknown => {
  if (typeof value === 'string') return scrubText(value);
  if (typeof value !== 'object' || value === null) return value;
  if (depth >= maxDepth) return '[deeper]';
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (value instanceof Date) return value;
  if (value instanceof Error) return scrubError(value, depth);
  if (Array.isArray(value)) return value.map((each) => scrub(each, depth + 1));
  return scrubFacts(value, depth);
};

export const scrubFacts = (facts: object, depth = 0): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(facts).map(([name, value]) => [name, secretNames.has(name.toLowerCase()) ? withheld : scrub(value, depth + 1)]),
  );

export const scrubText = (text: string): string =>
  text.includes('inline:') ? text.replaceAll(/inline:[^\s;"']+/g, `inline:${withheld}`) : text;

const scrubError = (error: Error, depth: number): Record<string, unknown> => ({
  type: error.name,
  message: scrubText(error.message),
  ...(error.stack === undefined ? {} : { stack: scrubText(error.stack) }),
  ...scrubFacts(error, depth),
  ...(error.cause === undefined ? {} : { cause: scrub(error.cause, depth + 1) }),
});
