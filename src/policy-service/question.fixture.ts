/** Calls to ask about. */
import type { CallFacts } from '../policy/index.js';

export const factsOf = (more: Partial<CallFacts> = {}): CallFacts => ({
  sessionId: '1c7734d272004fce96c087fe8fbdc259',
  trunk: 'carrier',
  caller: { user: '+4930123456', host: 'carrier.example' },
  callee: { user: '7100', host: 'pbx.example' },
  headers: { 'x-queue': ['sales'], 'user-agent': ['SBC 4'] },
  atMs: Date.UTC(2026, 10, 25, 13, 30),
  ...more,
});
