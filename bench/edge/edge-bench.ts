/**
 * `npm run bench -- edge`: what calls through the embedded edge cost and how many it carries, beside Kamailio
 * and, where one is named, drachtio-server. docs/bench.md says how to read it.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sippIsInstalled } from '../../sip-tests/support/sipp.js';
import { UsageError, type Bench, type BenchContext, type BenchOptions, type BenchOutcome } from '../bench.js';
import { measureCpu } from './cpu-per-call.js';
import { measureDialogMemory } from './dialog-memory.js';
import { findHighestRate } from './highest-rate.js';
import { measureOverload } from './overload.js';
import { helpOfEdge, optionsOfEdge, planOf, type Plan } from './plan.js';
import { takePort } from './ports.js';
import { report, type Measured, type ShapeFigures } from './report.js';
import type { Site, Subject } from './shapes.js';
import { soak } from './soak.js';
import { findSubjects, type Subjects } from './subjects.js';

async function measureShape(site: Site, plan: Plan, subjects: Subjects, context: BenchContext): Promise<ShapeFigures> {
  const { shape } = site;
  const { signal } = context;
  const names = subjects.for(shape);
  const figures: ShapeFigures = Object.fromEntries(names.map((name): [string, Measured] => [name, {}]));
  if (plan.cpu !== undefined) {
    const opened: Subject[] = [];
    try {
      for (const name of names) opened.push(await subjects.open(name, site));
      for (const [name, cpu] of await measureCpu(opened, site, plan.cpu, context)) figures[name] = { ...figures[name], cpu };
    } finally {
      for (const subject of opened.toReversed()) await subject.close();
    }
  }
  for (const name of names) {
    const openWarm = (): Promise<Subject> => subjects.openWarm(name, site, signal);
    const isPeer = name === 'kamailio';
    let highestRate = plan.knownHighest;
    if (plan.highest !== undefined && plan.pushed.includes(shape) && (plan.pushPeers || name === 'twintrack')) {
      const highest = await findHighestRate(openWarm, site, plan.highest, context);
      highestRate = highest.rate;
      figures[name] = { ...figures[name], highest };
    }
    // What follows is asked of what speaks the drachtio protocol.
    if (isPeer || !plan.pushed.includes(shape)) continue;
    if (highestRate !== undefined && highestRate > 0) {
      if (plan.overload !== undefined) figures[name] = { ...figures[name], overload: await measureOverload(openWarm, site, highestRate, plan.overload, context) };
      if (plan.soakMinutes !== undefined) figures[name] = { ...figures[name], soak: await soak(openWarm, site, { minutes: plan.soakMinutes, rate: Math.max(1, Math.round(highestRate / 2)) }, context) };
    }
    if (plan.memory !== undefined && shape.mode === 'b2b') figures[name] = { ...figures[name], memory: await measureDialogMemory(openWarm, site, plan.memory, context) };
  }
  return figures;
}

async function run(options: BenchOptions, context: BenchContext): Promise<BenchOutcome> {
  if (!sippIsInstalled()) throw new UsageError('bench edge needs SIPp: on Debian, apt-get install sip-tester');
  const plan = planOf(options);
  const subjects = findSubjects(plan.subjects, process.env);
  const figures: Record<string, ShapeFigures> = {};
  for (const shape of plan.shapes) {
    const dir = await mkdtemp(join(tmpdir(), 'twintrack-bench-'));
    try {
      figures[shape.name] = await measureShape({ shape, calleePort: takePort(), dir }, plan, subjects, context);
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  }
  return { ...report(figures, plan), versions: subjects.versions, notes: subjects.notes };
}

export const edge: Bench = {
  name: 'edge',
  summary: 'calls through the embedded edge: CPU a call, highest rate, overload, memory a dialog',
  options: optionsOfEdge,
  help: helpOfEdge,
  run,
};
