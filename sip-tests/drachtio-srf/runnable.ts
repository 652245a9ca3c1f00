/** Whether drachtio-srf's suite can be run on this machine, and if not, what it lacks. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sippIsInstalled } from '../support/sipp.js';
import { refusal } from './namespace.js';
import { missingPackages } from './shipped-suite.js';

/** A sentence for a person; undefined when nothing is missing. */
export function whyNotRunnable(): string | undefined {
  const missing = missingPackages();
  if (missing.length > 0) return `packages are not installed: ${missing.join(', ')}`;
  if (!sippIsInstalled()) return 'SIPp is not installed (Debian: sip-tester)';
  const dir = mkdtempSync(join(tmpdir(), 'twintrack-namespace-'));
  try {
    const hosts = join(dir, 'hosts');
    writeFileSync(hosts, '');
    const refused = refusal(hosts);
    return refused === undefined ? undefined : `no network namespace can be had here (it takes unshare and ip): ${refused}`;
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
