/**
 * The trunk proxy: takes calls from configured trunks and carries each to its trunk's next hop.
 *
 * Owns       the calls that run, and who may send one.
 * Leaves to  TrunkCall each call; the edge the SIP; the anchor the media.
 */
import { messageOf } from '../errors/index.js';
import { Policy } from '../policy/index.js';
import type { SipRequest, SipResponse } from '../sip/index.js';
import type { ProxyContext } from './context.js';
import { TrunkCall } from './trunk-call.js';
import { readTrunks, trunkOf } from './trunks.js';

export interface Proxy {
  readonly calls: number;
  /** Hangs up what still runs. */
  close(): Promise<void>;
}

export function openProxy(context: ProxyContext): Proxy {
  const trunks = readTrunks(context.settings.trunks);
  const policy = new Policy(context.settings.policy);
  const running = new Map<TrunkCall, Promise<void>>();

  context.sip.srf.invite((request, response) => {
    const trunk = trunkOf(trunks, request.source_address);
    if (trunk === undefined) {
      refuse(context, request, response);
      return;
    }
    let call: TrunkCall;
    try {
      call = new TrunkCall(context, policy, trunk, request, response);
    } catch (error) {
      context.log.error({ reason: messageOf(error) }, 'a call could not be taken');
      response.send(500);
      return;
    }
    running.set(
      call,
      call.carry().finally(() => {
        running.delete(call);
        context.metrics.callsActive(running.size);
      }),
    );
    context.metrics.callsActive(running.size);
  });
  // Trunks ask whether we are there; anybody else learns nothing.
  context.sip.srf.use('options', (request: SipRequest, response: SipResponse) => {
    if (trunkOf(trunks, request.source_address) === undefined) refuse(context, request, response);
    else response.send(200);
  });

  return {
    get calls() {
      return running.size;
    },
    async close() {
      const calls = [...running];
      await Promise.all(calls.map(([call]) => call.hangUp('the proxy is closing')));
      await Promise.all(calls.map(([, end]) => end));
    },
  };
}

function refuse(context: ProxyContext, request: SipRequest, response: SipResponse): void {
  context.metrics.sipRejected('no-trunk');
  context.log.warn({ source: request.source_address, method: request.method }, 'refused: the source belongs to no trunk');
  response.send(403);
}
