import { z } from 'zod';

/** How it is seen which recorders are there: a part of the configuration's `recording`. */
export const recorderPoolSettings = z
  .strictObject({
    checks: z.boolean().default(true).describe('false: recorders are not asked with OPTIONS; what calls find out of them is all that is known'),
    intervalMs: z.int().min(100).max(600_000).default(2_000).describe('how often each recorder is asked with OPTIONS, a tenth more or less'),
    timeoutMs: z.int().min(50).max(30_000).default(1_000).describe('how long its answer may take'),
    failures: z.int().min(1).max(10).default(2).describe('after so many OPTIONS without an answer a recorder is taken for dead: its running calls are given to others'),
    firstBackOffMs: z.int().min(100).max(60_000).default(1_000).describe('for how long a recorder that failed is left alone; each time twice as long'),
    longestBackOffMs: z.int().min(100).max(3_600_000).default(60_000).describe('and no longer than this; after as long without a failure it begins anew'),
    slowStartMs: z.int().min(0).max(600_000).default(10_000).describe('for how long a recorder that is back takes a growing share of the calls, where others take the rest'),
  })
  .refine(({ firstBackOffMs, longestBackOffMs }) => firstBackOffMs <= longestBackOffMs, { path: ['longestBackOffMs'], message: 'it is shorter than firstBackOffMs' })
  .prefault({});

export type RecorderPoolSettings = z.infer<typeof recorderPoolSettings>;
