import fc from 'fast-check';
import t from 'tap';
import { BlockShelf, KeptPackets } from './kept-packets.js';

const packet = (number: number, bytes = 172): Buffer => Buffer.alloc(bytes, number & 0xff);
const all = (kept: KeptPackets): number[] => {
  const found: number[] = [];
  kept.each((memory, at) => found.push(memory[at] ?? -1));
  return found;
};
const rest = (kept: KeptPackets): number[] => {
  const found: number[] = [];
  for (let next = kept.takeUnsent(); next !== undefined; next = kept.takeUnsent()) found.push(next.bytes[0] ?? -1);
  return found;
};

interface Modelled {
  readonly number: number;
  readonly length: number;
  readonly rtcp: boolean;
  readonly atMs: number;
  sent: boolean;
}

t.test('whatever is pushed, sent, confirmed, rewound and dropped, what is kept is what a list would hold', (t) => {
  const step = fc.oneof(
    fc.record({ do: fc.constant('push' as const), bytes: fc.integer({ min: 1, max: 1_500 }), rtcp: fc.boolean() }),
    fc.record({ do: fc.constant('push' as const), bytes: fc.constantFrom(1, 4_087, 4_088, 4_089, 20_000), rtcp: fc.boolean() }),
    fc.record({ do: fc.constant('take' as const) }),
    fc.record({ do: fc.constant('letGo' as const), upTo: fc.integer({ min: 0, max: 60 }) }),
    fc.record({ do: fc.constant('dropBefore' as const), upTo: fc.integer({ min: 0, max: 60 }) }),
    fc.record({ do: fc.constant('rewind' as const) }),
    fc.record({ do: fc.constant('clear' as const) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), fc.boolean(), (steps, wraps) => {
      const [maxPackets, maxBytes] = [20, 30_000];
      const base = wraps ? 0xffff_fff0 : 0;
      const shelf = new BlockShelf();
      let gone: unknown[] = [];
      const kept = new KeptPackets(shelf, maxPackets, maxBytes, (memory, at, rtcp, isSent) => gone.push([memory[at], rtcp, isSent]));
      const other = new KeptPackets(shelf, maxPackets, maxBytes, () => undefined);
      let model: Modelled[] = [];
      const told = (lost: readonly Modelled[]): void => {
        t.strictSame(gone, lost.map((entry) => [entry.number, entry.rtcp, entry.sent]));
        gone = [];
      };
      let number = 0;
      for (const one of steps) {
        switch (one.do) {
          case 'push': {
            number += 1;
            const isSent = model.every((entry) => entry.sent) && number % 3 === 0;
            const lost: Modelled[] = [];
            const size = (): number => model.reduce((sum, entry) => sum + entry.length + 8, 0);
            while (model.length > 0 && (model.length >= maxPackets || size() + one.bytes + 8 > maxBytes)) lost.push(model.shift() as Modelled);
            kept.push(packet(number, one.bytes), one.rtcp, (base + number) >>> 0, isSent);
            told(lost);
            model.push({ number: number & 0xff, length: one.bytes, rtcp: one.rtcp, atMs: number, sent: isSent });
            // Another fork's packets come and go in the same blocks.
            other.push(packet(0xee, 500), false, 0, true);
            if (number % 5 === 0) other.clear();
            break;
          }
          case 'take': {
            const next = model.find((entry) => !entry.sent);
            const taken = kept.takeUnsent();
            t.strictSame(taken === undefined ? undefined : [taken.bytes[0], taken.bytes.length, taken.rtcp], next === undefined ? undefined : [next.number, next.length, next.rtcp]);
            if (next !== undefined) next.sent = true;
            break;
          }
          case 'letGo': {
            kept.letGo((memory, at) => (memory[at] ?? 0) <= one.upTo);
            while (model[0]?.sent === true && model[0].number <= one.upTo) model.shift();
            break;
          }
          case 'dropBefore': {
            kept.dropBefore((base + one.upTo) >>> 0);
            told(model.filter(({ atMs }) => atMs < one.upTo));
            model = model.filter(({ atMs }) => atMs >= one.upTo);
            break;
          }
          case 'rewind':
            kept.rewind();
            for (const entry of model) entry.sent = false;
            break;
          case 'clear':
            kept.clear();
            model = [];
        }
        t.strictSame([kept.count, kept.unsent, all(kept)], [model.length, model.filter((entry) => !entry.sent).length, model.map((entry) => entry.number)]);
      }
      kept.rewind();
      t.strictSame(rest(kept), model.map((entry) => entry.number));
    }),
    { numRuns: 300 },
  );
  t.end();
});

t.test('a second of a call costs three blocks, which go round', (t) => {
  const shelf = new BlockShelf();
  const blocks = new Set<unknown>();
  const kept = new KeptPackets(shelf, 600, 400_000, () => undefined);
  for (let number = 0; number < 500; number += 1) {
    kept.push(packet(number), false, number, true);
    kept.each((memory) => blocks.add(memory));
    if (number % 50 === 49) kept.letGo(() => true);
  }
  t.ok(blocks.size <= 4, `${blocks.size} blocks`);
  t.end();
});
