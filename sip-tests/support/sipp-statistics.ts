/** The file that SIPp writes with -trace_stat: names in the first line, a line of figures every -fd seconds and at its end. */
import { existsSync, readFileSync } from 'node:fs';

export interface SippStatistics {
  /** When SIPp wrote it, in milliseconds since the epoch. */
  readonly at: number;
  readonly created: number;
  /** Calls under way. */
  readonly current: number;
  readonly successful: number;
  readonly failed: number;
  readonly retransmissions: number;
  /** How often the scenario passed `counter="1"`. */
  readonly counted: number;
  /** The failed calls by SIPp's own reasons, those above 0. */
  readonly reasons: Readonly<Record<string, number>>;
}

export const nothingYet: SippStatistics = { at: 0, created: 0, current: 0, successful: 0, failed: 0, retransmissions: 0, counted: 0, reasons: {} };

/** All lines so far, the newest last; a line that is being written is left out. */
export function readStatistics(file: string): SippStatistics[] {
  if (!existsSync(file)) return [];
  const [head = '', ...lines] = readFileSync(file, 'utf8').split('\n').slice(0, -1);
  const names = head.split(';');
  const reasons = names.flatMap((name, index) => (/^Failed(?!Call\().*\(C\)$/.test(name) ? [[name.slice(6, -3), index] as const] : []));
  const column = (name: string): number => names.indexOf(name);
  const [at, created, current, successful, failed, retransmissions, counted] = [
    column('CurrentTime'), column('TotalCallCreated'), column('CurrentCall'), column('SuccessfulCall(C)'), column('FailedCall(C)'),
    column('Retransmissions(C)'), column('GenericCounter1(C)'),
  ];
  return lines.map((line) => {
    const values = line.split(';');
    const number = (index: number): number => Number(values[index] ?? 0);
    return {
      // Date, time of day and seconds since the epoch, with tabs between them.
      at: Number(values[at]?.split('\t').at(-1)) * 1_000,
      created: number(created),
      current: number(current),
      successful: number(successful),
      failed: number(failed),
      retransmissions: number(retransmissions),
      counted: counted < 0 ? 0 : number(counted),
      reasons: Object.fromEntries(reasons.flatMap(([reason, index]) => (number(index) > 0 ? [[reason, number(index)]] : []))),
    };
  });
}
