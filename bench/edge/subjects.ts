/** Which subjects there are on this machine, and how each is opened. */
import { spawnSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { UsageError } from '../bench.js';
import { kamailioVersion, openKamailio } from './kamailio.js';
import { openLoad } from './load.js';
import { openOwnSubject, type Drachtio } from './own-subject.js';
import type { Shape, Site, Subject, SubjectName } from './shapes.js';

export const subjectNames: readonly SubjectName[] = ['twintrack', 'kamailio', 'drachtio'];

const drachtioVariable = 'TWINTRACK_BENCH_DRACHTIO';

/** Undefined when none is named. Throws UsageError when what is named can't be understood. */
export function drachtioFrom(environment: NodeJS.ProcessEnv): Drachtio | undefined {
  const named = environment[drachtioVariable];
  if (named === undefined || named === '') return undefined;
  const [host = '', port = '', secret = '', sipHost = '', sipPort = '', ...more] = named.split(':');
  const pid = environment[`${drachtioVariable}_PID`];
  const numbers = [port, sipPort, pid ?? '1'].map(Number);
  if (host === '' || sipHost === '' || more.length > 0 || numbers.some((number) => !(Number.isInteger(number) && number > 0))) {
    throw new UsageError(`${drachtioVariable} is host:port:secret:sip-host:sip-port of a running drachtio-server, ${drachtioVariable}_PID its process id`);
  }
  return { host, port: Number(port), secret, sipHost, sipPort: Number(sipPort), pid: pid === undefined ? undefined : Number(pid) };
}

export interface Subjects {
  /** Those of `names` that are here and can carry this shape. */
  for(shape: Shape): readonly SubjectName[];
  open(name: SubjectName, site: Site): Promise<Subject>;
  /** Opens it, and lets it carry calls until its code is compiled. */
  openWarm(name: SubjectName, site: Site, signal: AbortSignal): Promise<Subject>;
  readonly versions: Readonly<Record<string, string>>;
  readonly notes: readonly string[];
}

const warmUp = { rate: 100, seconds: 5 };

const sippVersion = (): string => /SIPp (v[\d.]*\d)/.exec(spawnSync('sipp', ['-v'], { encoding: 'utf8' }).stdout)?.[1] ?? 'unknown';

export function findSubjects(names: readonly SubjectName[], environment: NodeJS.ProcessEnv): Subjects {
  const drachtio = drachtioFrom(environment);
  const kamailio = kamailioVersion();
  const here = names.filter((name) => name === 'twintrack' || (name === 'kamailio' ? kamailio !== undefined : drachtio !== undefined));
  const notes = [
    ...(names.includes('kamailio') && kamailio === undefined ? ['Kamailio is not installed, so there are no figures and ratios of it: on Debian, apt-get install kamailio.'] : []),
    ...(names.includes('drachtio') && drachtio === undefined ? [`No drachtio-server is named in ${drachtioVariable} (host:port:secret:sip-host:sip-port), so there are no figures and ratios of it.`] : []),
    ...(drachtio !== undefined && drachtio.pid === undefined ? [`${drachtioVariable}_PID is not set: drachtio's CPU and memory are those of the application alone.`] : []),
  ];
  const open = (name: SubjectName, site: Site): Promise<Subject> => {
    switch (name) {
      case 'twintrack': return openOwnSubject(site);
      case 'kamailio': return openKamailio(site);
      case 'drachtio': return openOwnSubject(site, drachtio);
    }
  };
  return {
    for: (shape) => here.filter((name) => name !== 'kamailio' || shape.mode === 'proxied'),
    open,
    openWarm: async (name, site, signal) => {
      const subject = await open(name, site);
      try {
        const load = await openLoad(subject, site.calleePort, { transport: site.shape.transport, ...warmUp, dir: site.dir, signal });
        try {
          await load.placed();
          await sleep(1_500, undefined, { signal });
        } finally {
          await load.close();
        }
      } catch (error) {
        await subject.close();
        throw error;
      }
      return subject;
    },
    versions: { sipp: sippVersion(), ...(kamailio === undefined ? {} : { kamailio }) },
    notes,
  };
}
