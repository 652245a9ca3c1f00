/**
 * What the policy service answers. Total: any text is an answer or a reason.
 *
 * An answer that is not wholly understood is none: half of a decision about recording could be the wrong half.
 */
import { z } from 'zod';
import { outcomeShape, type Outcome } from '../policy/index.js';
import { factNamePattern, type FactName } from './question.js';

export const answerSchema = z.strictObject({
  version: z.literal(1),
  ...outcomeShape,
  cache: z
    .strictObject({
      by: z
        .array(z.string().regex(new RegExp(factNamePattern, 'u'), 'no fact of that name'))
        .min(1)
        .max(8)
        .describe('the facts that the answer rests on: it holds for every call in which they are the same'),
      seconds: z.int().min(0).max(31_536_000).describe('for how long; the configuration may say less'),
    })
    .optional()
    .describe('without it the answer holds for this call alone'),
});

export interface Answer {
  readonly outcome: Outcome;
  readonly cache?: { readonly by: readonly FactName[]; readonly seconds: number };
}

/** Why a text is no answer, for the log: which key, and what is wrong with it; never the text itself. */
export interface Malformed {
  readonly malformed: string;
}

/** Longer complaints are cut: the key that they name is the service's. */
const COMPLAINT_CHARS = 200;

export function parseAnswer(text: string): Answer | Malformed {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    return { malformed: 'it is no JSON' };
  }
  const { success, data, error } = answerSchema.safeParse(document);
  if (!success) {
    const [issue] = error.issues;
    return { malformed: `${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`.slice(0, COMPLAINT_CHARS) };
  }
  const { version: _version, cache, ...outcome } = data;
  return cache === undefined ? { outcome } : { outcome, cache: { by: plainNames(cache.by), seconds: cache.seconds } };
}

/** Each once, in one order and one case, so that the same facts are the same key however the service lists them. */
const plainNames = (by: readonly string[]): FactName[] => [...new Set(by.map((name) => name.toLowerCase() as FactName))].sort();

/** The JSON Schema of an answer; docs/policy-service.md shows it, held to it by a test. */
export const answerJsonSchema = (): object => z.toJSONSchema(answerSchema, { io: 'input' });
