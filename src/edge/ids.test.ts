import t from 'tap';
import { randomIds } from './ids.js';

t.test('names have their form, and none comes twice', (t) => {
  const forms: readonly (readonly [() => string, RegExp])[] = [
    [() => randomIds.uuid(), /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/u],
    [() => randomIds.tag(), /^[0-9a-f]{16}$/u],
    [() => randomIds.branch(), /^z9hG4bK[0-9a-f]{24}$/u],
  ];
  for (const [make, form] of forms) {
    const names = Array.from({ length: 5_000 }, make);
    t.ok(names.every((name) => form.test(name)), `${form}`);
    t.equal(new Set(names).size, names.length);
  }
  t.end();
});
