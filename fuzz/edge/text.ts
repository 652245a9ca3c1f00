/** Cheap reading of what the edge wrote, whose spelling is known; and a bounded memory of things to come back to. */
import type { Random } from '../mutate.js';

/** The value of the first header of that name, or the empty string. */
export function fieldOf(text: string, name: string): string {
  const at = text.indexOf(`\r\n${name}: `);
  if (at === -1) return '';
  const from = at + name.length + 4;
  return text.slice(from, text.indexOf('\r\n', from));
}

/** Every header line of that name, line ends included. */
export function linesOf(text: string, name: string): string {
  let lines = '';
  const end = text.indexOf('\r\n\r\n');
  for (let at = text.indexOf(`\r\n${name}: `); at !== -1 && at < end; at = text.indexOf(`\r\n${name}: `, at + 2)) {
    lines += `${text.slice(at + 2, text.indexOf('\r\n', at + 2))}\r\n`;
  }
  return lines;
}

export const valuesOf = (text: string, name: string): string[] =>
  linesOf(text, name).split('\r\n').slice(0, -1).map((line) => line.slice(name.length + 2));

/** What stands between two marks, or the empty string. */
export function between(text: string, from: string, to: string): string {
  const at = text.indexOf(from);
  if (at === -1) return '';
  const end = text.indexOf(to, at + from.length);
  return text.slice(at + from.length, end === -1 ? text.length : end);
}

export const tagOf = (address: string): string => between(address, ';tag=', ';');
export const uriOf = (address: string): string => between(address, '<', '>') || address;

/** The latest few of something: older ones fall out. */
export class Recent<T> {
  readonly #held: T[] = [];

  constructor(private readonly most: number) {}

  add(item: T): void {
    if (this.#held.length >= this.most) this.#held.shift();
    this.#held.push(item);
  }

  /** Any of them, rather a late one. */
  any(random: Random): T | undefined {
    const { length } = this.#held;
    return length === 0 ? undefined : this.#held[Math.max(random(length), random(length))];
  }

  /** Takes one out: the oldest, or now and then any. */
  take(random: Random): T | undefined {
    if (random(4) !== 0) return this.#held.shift();
    return this.#held.splice(random(Math.max(1, this.#held.length)), 1)[0];
  }

  clear(): void {
    this.#held.length = 0;
  }
}
