/** The media anchor that is a Cisco gateway on the way of the call, told over HTTP which calls to copy (Extended Media Forking). */
import { isIP } from 'node:net';
import type { Anchor } from '../door.js';
import type { XmfSettings } from '../settings.js';
import { newCiscoGuid, readCiscoGuid, sipCiscoGuid, SourceSet } from '../../sip/index.js';
import { Connections } from './connections.js';
import { openEventServer } from './event-server.js';
import { XmfGateway } from './gateway.js';
import type { XmfMessage } from './messages.js';
import { XmfCall } from './xmf-call.js';

export interface XmfOptions {
  readonly settings: XmfSettings;
  /** A gateway has registered us, or does not any more. */
  readonly onChange: (url: string, up: boolean, reason: string) => void;
}

/** That a gateway answers is not waited for. @throws Failure HTTP_LISTEN when the address for what they tell is not to be had. */
export async function openXmf({ settings, onChange }: XmfOptions): Promise<Anchor> {
  const { listen, name, answerWithinMs, tone } = settings;
  const connections = new Connections();
  const places = settings.gateways.map(({ url, sources }) => ({ url, sources: new SourceSet(sources ?? addressIn(url)) }));
  const gateways = new Map<string, XmfGateway>();
  const up = new Map<string, boolean>();
  const gatewayAt = (address: string): string | undefined => places.find(({ sources }) => sources.has(address))?.url;
  const server = await openEventServer({
    host: listen.host,
    port: listen.port,
    path: listen.path,
    knows: (address) => gatewayAt(address) !== undefined,
    // Several may have one address, behind a NAT: a registration is one gateway's.
    onMessage: (message: XmfMessage, address) => ([...gateways.values()].find(({ registrationId }) => registrationId !== '' && registrationId === message.registrationId) ?? gateways.get(gatewayAt(address) ?? ''))?.hear(message),
  });
  const applicationUrl = listen.publicUrl ?? `http://${listen.host}:${server.port}${listen.path}`;
  for (const { url } of places) {
    const tell = (isUp: boolean, reason: string): void => {
      if (up.get(url) === isUp) return;
      up.set(url, isUp);
      onChange(url, isUp, reason);
    };
    gateways.set(url, new XmfGateway({ url, applicationUrl, name, withinMs: answerWithinMs, connections, onChange: tell }));
  }
  const calls = new Set<XmfCall>();
  let origin = Date.now();
  return {
    openCall(_sessionId, { came = {}, dtmfMasked = false } = {}) {
      const told = came.ciscoGuid === undefined ? undefined : readCiscoGuid(came.ciscoGuid);
      const guid = told ?? newCiscoGuid();
      const call: XmfCall = new XmfCall({
        connections, guid, dtmfMasked, tone,
        headers: told === undefined ? { 'Cisco-Guid': sipCiscoGuid(guid) } : {},
        gateway: (url) => gateways.get(url),
        from: told === undefined ? undefined : gatewayAt(came.address ?? ''),
        withinMs: answerWithinMs,
        origin: String(++origin),
        onClosed: () => calls.delete(call),
      });
      calls.add(call);
      return call;
    },
    stats: () => ({ calls: calls.size }),
    health: () => {
      const there = [...up.values()].filter((isUp) => isUp).length;
      return { ok: there > 0, detail: `${there} of ${gateways.size} Cisco gateways have registered us` };
    },
    async close() {
      connections.close();
      await Promise.all([...calls].map((call) => call.close()));
      await Promise.all([...gateways.values()].map((gateway) => gateway.close()));
      await server.close();
    },
  };
}

/** Of a gateway that is named by its address. */
function addressIn(url: string): readonly string[] {
  const { hostname } = new URL(url);
  const address = hostname.replace(/^\[|\]$/gu, '');
  return isIP(address) === 0 ? [] : [address];
}
