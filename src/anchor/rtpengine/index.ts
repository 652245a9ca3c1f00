/** The media anchor that is one rtpengine, or several (https://github.com/sipwise/rtpengine), driven by its ng protocol. */
import { randomUUID } from 'node:crypto';
import { hostPort } from '../../sip/index.js';
import type { Anchor } from '../door.js';
import { openCopyKeeper } from '../relay/index.js';
import type { RtpengineSettings } from '../settings.js';
import { ServerPool, type ServerNode } from '../server-pool.js';
import { openNgClient, type NgClient } from './ng-client.js';
import { RtpengineCall } from './rtpengine-call.js';

export interface RtpengineOptions {
  readonly settings: RtpengineSettings;
  /** One of them was lost, or is back. */
  readonly onChange: (name: string, up: boolean, reason: string) => void;
  /** A media thread that keeps copies crashed; it is started anew, and goes on with its calls. */
  readonly onCrash: (error: Error) => void;
}

/** @throws Failure ANCHOR_UNREACHABLE when there is no way to one of them from this machine; that one answers is not waited for. */
export async function openRtpengine({ settings, onChange, onCrash }: RtpengineOptions): Promise<Anchor> {
  const keeper = settings.keep === undefined ? undefined : await openCopyKeeper({ settings: settings.keep, onCrash });
  const nodes: ServerNode<NgClient>[] = [];
  try {
    for (const { host, port, weight } of settings.nodes) {
      nodes.push({ name: hostPort(host, port), weight, client: await openNgClient({ host, port }, settings.answerWithinMs) });
    }
  } catch (error) {
    for (const { client } of nodes) client.close();
    await keeper?.close();
    throw error;
  }
  const pool = new ServerPool({ nodes, pingMs: settings.pingMs, onChange });
  const calls = new Set<RtpengineCall>();
  let origin = Date.now();
  return {
    openCall(sessionId, { decrypt = settings.decrypt, onDigit, dtmfMasked = false } = {}) {
      const number = String(++origin);
      const call: RtpengineCall = new RtpengineCall({
        pool,
        // The same session may come by twice, through two trunks of ours; rtpengine must not take them for one call.
        callId: `${sessionId}-${randomUUID()}`,
        origin: number,
        decrypt,
        copies: keeper?.openCall({ origin: number, onDigit, dtmfMasked }),
        onClosed: () => calls.delete(call),
      });
      calls.add(call);
      return call;
    },
    stats: () => ({ calls: calls.size }),
    ...(keeper === undefined ? {} : { packets: () => keeper.packets() }),
    health: () => {
      const kept = keeper?.health();
      const answer = `${pool.up} of ${nodes.length} rtpengines answer`;
      return { ok: pool.up > 0 && kept?.ok !== false, detail: kept === undefined ? answer : `${answer}; copies: ${kept.detail}` };
    },
    async close() {
      await Promise.all([...calls].map((call) => call.close()));
      pool.close();
      await keeper?.close();
    },
  };
}
