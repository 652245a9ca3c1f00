/**
 * Whether the product is well: a list of checks that its parts enter, asked when somebody asks.
 *
 * `failing` when a check that is needed is not ok, `degraded` when only checks that are not needed
 * are. A check that does not answer within its time, or throws, is not ok.
 */
import { messageOf } from '../errors/index.js';

export interface CheckResult {
  readonly ok: boolean;
  /** A sentence for a person. */
  readonly detail: string;
}

export interface HealthReport {
  readonly status: 'ok' | 'degraded' | 'failing';
  readonly uptimeSeconds: number;
  readonly version: string;
  readonly checks: Readonly<Record<string, CheckResult>>;
}

export interface Health {
  /**
   * A second check of the same name takes the place of the first. `optional`: without it the product
   * is degraded, not failing. Returns what takes the check out again.
   */
  register(name: string, check: () => Promise<CheckResult>, options?: { readonly optional?: boolean }): () => void;
  report(): Promise<HealthReport>;
}

export interface HealthOptions {
  readonly version: string;
  readonly checkTimeoutMs?: number;
}

export const createHealth = ({ version, checkTimeoutMs = 2_000 }: HealthOptions): Health => {
  const startedAt = performance.now();
  const checks = new Map<string, { readonly check: () => Promise<CheckResult>; readonly optional: boolean }>();
  return {
    register: (name, check, { optional = false } = {}) => {
      const entry = { check, optional };
      checks.set(name, entry);
      return () => {
        if (checks.get(name) === entry) checks.delete(name);
      };
    },
    report: async () => {
      const entries = [...checks];
      const results = await Promise.all(entries.map(([, { check }]) => ask(check, checkTimeoutMs)));
      const bad = entries.filter((_, index) => results[index]?.ok !== true);
      return {
        status: bad.length === 0 ? 'ok' : bad.every(([, { optional }]) => optional) ? 'degraded' : 'failing',
        uptimeSeconds: Math.round((performance.now() - startedAt) / 1_000),
        version,
        checks: Object.fromEntries(entries.map(([name], index) => [name, results[index] ?? { ok: false, detail: '' }])),
      };
    },
  };
};

const ask = async (check: () => Promise<CheckResult>, timeoutMs: number): Promise<CheckResult> => {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<CheckResult>((resolve) => {
    timer = setTimeout(() => resolve({ ok: false, detail: `did not answer within ${timeoutMs} ms` }), timeoutMs);
  });
  try {
    return await Promise.race([check(), late]);
  } catch (error) {
    return { ok: false, detail: messageOf(error) };
  } finally {
    clearTimeout(timer);
  }
};
