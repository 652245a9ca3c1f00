import { z } from 'zod';

const onThisMachine = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/u;

const serviceUrl = z
  .string()
  .max(2_048)
  .refine((text) => URL.canParse(text) && /^https?:$/u.test(new URL(text).protocol), 'write an address as https://policy.example/decide')
  .refine((text) => !URL.canParse(text) || new URL(text).username + new URL(text).password + new URL(text).hash === '', 'write it without user, password and #; a secret goes into tokenFile');

/** The policy service's part of the configuration: `policy.service`. */
export const policyServiceSettings = z
  .strictObject({
    url: serviceUrl.describe('where each question is posted'),
    tokenFile: z.string().min(1).optional().describe('a file that holds the bearer token on one line'),
    timeoutMs: z.int().min(10).max(2_000).default(150).describe('how long an answer may take, connection and all: the most that a call waits'),
    inFlight: z.int().min(1).max(1_000).default(64).describe('questions that may be open at once; the rules decide what is beyond'),
    cache: z
      .strictObject({
        entries: z.int().min(0).max(100_000).default(10_000).describe('answers that are kept, those used last; 0 keeps none'),
        maxSeconds: z.int().min(0).max(86_400).default(3_600).describe('the longest that an answer holds, whatever it says itself'),
        staleSeconds: z.int().min(0).max(604_800).default(3_600).describe('how long after that it still serves when the service gives none'),
      })
      .prefault({}),
    breaker: z
      .strictObject({
        failures: z.int().min(1).max(1_000).default(5).describe('failures in a row after which the service is left alone'),
        minBackOffMs: z.int().min(100).max(600_000).default(1_000).describe('for how long at first; it doubles with each trial that fails'),
        maxBackOffMs: z.int().min(100).max(600_000).default(60_000).describe('for how long at most'),
      })
      .refine(({ minBackOffMs, maxBackOffMs }) => minBackOffMs <= maxBackOffMs, { path: ['maxBackOffMs'], message: 'it is below minBackOffMs' })
      .prefault({}),
  })
  .refine(({ url, tokenFile }) => tokenFile === undefined || !URL.canParse(url) || new URL(url).protocol === 'https:' || onThisMachine.test(new URL(url).hostname), {
    path: ['url'],
    message: 'a token goes by https, or to this machine',
  })
  .describe('a service of yours that is asked about each call; without it the rules decide');

export type PolicyServiceSettings = z.infer<typeof policyServiceSettings>;
