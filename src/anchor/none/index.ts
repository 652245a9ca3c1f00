/**
 * The anchor that is none: the switch or SBC forks the media by itself, and no call's media comes here.
 *
 * Leaves to  the proxy to tell the switch which calls are to be recorded; the ledger whether a capture came of them.
 */
import assert from 'node:assert/strict';
import type { Anchor } from '../door.js';

export const noAnchor: Anchor = {
  openCall: () => assert.fail('calls are not anchored where the switch forks'),
  stats: () => ({ calls: 0 }),
  health: () => ({ ok: true, detail: 'the switch forks by itself' }),
  close: () => Promise.resolve(),
};
