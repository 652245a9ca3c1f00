/** The media anchor that is one FreeSWITCH, or several, by way of drachtio-fsmrf: it ends and bridges the media of both parties. */
import type Srf from 'drachtio-srf';
import { hostPort, sharedSecret } from '../../sip/index.js';
import type { Anchor } from '../door.js';
import { ServerPool, type ServerNode } from '../server-pool.js';
import type { FreeswitchSettings } from '../settings.js';
import { FreeswitchCall } from './freeswitch-call.js';
import { MediaServerClient } from './media-server.js';
import { SoundFiles } from './sound-files.js';

export interface FreeswitchOptions {
  readonly settings: FreeswitchSettings;
  /** Of the edge that reaches them. */
  readonly srf: Srf;
  /** One of them was lost, or is back. */
  readonly onChange: (name: string, up: boolean, reason: string) => void;
}

/** That one answers is not waited for. @throws Failure CONFIG_UNREADABLE when the file with a password cannot be read. */
export async function openFreeswitch({ settings, srf, onChange }: FreeswitchOptions): Promise<Anchor> {
  const { listen, sounds, answerWithinMs, pingMs } = settings;
  const nodes: ServerNode<MediaServerClient>[] = [];
  for (const [n, node] of settings.nodes.entries()) {
    const { host, port, profile, weight } = node;
    const client = new MediaServerClient({
      host, port, profile, srf,
      secret: await sharedSecret(node, 'FreeSWITCH'),
      listen: { address: listen.address, announced: listen.publicAddress ?? listen.address, port: listen.port === 0 ? 0 : listen.port + n },
      withinMs: answerWithinMs,
    });
    nodes.push({ name: hostPort(host, port), weight, client });
  }
  const pool = new ServerPool({ nodes, pingMs, onChange });
  const soundFiles = sounds === undefined ? undefined : new SoundFiles({ dir: sounds.dir, seenAs: sounds.seenAs ?? sounds.dir });
  const calls = new Set<FreeswitchCall>();
  let origin = Date.now();
  return {
    openCall(sessionId, { onDigit } = {}) {
      const call: FreeswitchCall = new FreeswitchCall({
        pool, sessionId, onDigit, soundFiles,
        origin: String(++origin),
        withinMs: answerWithinMs,
        onClosed: () => calls.delete(call),
      });
      calls.add(call);
      return call;
    },
    stats: () => ({ calls: calls.size }),
    health: () => ({ ok: pool.up > 0, detail: `${pool.up} of ${nodes.length} FreeSWITCHes answer` }),
    async close() {
      await Promise.all([...calls].map((call) => call.close()));
      pool.close();
    },
  };
}
