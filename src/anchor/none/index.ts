/**
 * The anchor that is none: the switch or SBC forks the media by itself, and no call's media comes here.
 *
 * Leaves to  the proxy to tell the switch which calls are to be recorded; the ledger whether a capture came of them.
 */
import assert from 'node:assert/strict';
import type { Anchor } from '../door.js';
import type { SwitchSettings } from '../settings.js';

export type Telling = 'header' | 'xmf';

/** How the switch is told of a call: as the rule says; by XMF where it does not and there are Cisco gateways. */
export const toldBy = (rule: Telling | undefined, { xmf }: Pick<SwitchSettings, 'xmf'>): Telling => (xmf === undefined ? 'header' : (rule ?? 'xmf'));

export const noAnchor: Anchor = {
  openCall: () => assert.fail('calls are not anchored where the switch forks'),
  stats: () => ({ calls: 0 }),
  health: () => ({ ok: true, detail: 'the switch forks by itself' }),
  close: () => Promise.resolve(),
};
