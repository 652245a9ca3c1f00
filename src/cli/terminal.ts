/** How things look on a terminal. */
import { stderr, stdout } from 'node:process';

/** One JSON document and nothing else on standard output. */
export const printJson = (document: unknown): void => {
  stdout.write(`${JSON.stringify(document, null, 2)}\n`);
};

export const print = (line = ''): void => {
  stdout.write(`${line}\n`);
};

/** For a person who waits: on standard error, and only where somebody looks. */
export const progress = (line: string): void => {
  if (stderr.isTTY) stderr.write(`${line}\n`);
};

/** Columns as wide as their widest cell; the last one is not padded. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, at) => Math.max(title.length, ...rows.map((row) => row[at]?.length ?? 0)));
  const line = (cells: readonly string[]): string =>
    cells.map((cell, at) => (at === cells.length - 1 ? cell : cell.padEnd(widths[at] ?? 0))).join('  ').trimEnd();
  return [line(head), ...rows.map(line)].join('\n');
}

export const when = (unixMs: number): string => new Date(unixMs).toISOString().replace('T', ' ').slice(0, 19);

export const seconds = (ms: number): string => `${(ms / 1_000).toFixed(2)} s`;
