/** Calls of the bench on an anchor: both parties and the recorder are sockets of the load. */
import type { Anchor } from '../../src/anchor/index.js';
import { readSdp } from '../../src/sip/index.js';

export const loopback = '127.0.0.1';

/** Ports of the load's sockets. */
export interface Parties {
  readonly caller: number;
  readonly callee: number;
  /** For the copies; undefined: they go to a recorder in the anchor's process. */
  readonly recorder: number | undefined;
}

/** Where the parties of a call have to send to. */
export interface CallPorts {
  readonly forCaller: number;
  readonly forCallee: number;
  /** From where the copies of caller and callee come, which are reported of; undefined: nobody takes them, or who does reports by itself. */
  readonly copies?: readonly [number, number];
}

export type RecorderPorts = (call: number) => Promise<readonly [number, number]>;

const sdpOf = (lines: readonly string[]): string => ['v=0', `o=- 1 1 IN IP4 ${loopback}`, 's=-', `c=IN IP4 ${loopback}`, 't=0 0', ...lines, ''].join('\r\n');
const audio = (port: number): string => `m=audio ${port} RTP/AVP 0`;
export const audioSdp = (port: number): string => sdpOf([audio(port)]);

export function portIn(sdp: string, line = 0): number {
  const read = readSdp(sdp);
  const port = typeof read === 'string' ? undefined : read.media[line]?.port;
  if (port === undefined) throw new Error(`the anchor gave no port: ${sdp}`);
  return port;
}

/** Several at a time: an anchor of another process answers each command by itself. */
export async function setUpCalls(anchor: Anchor, count: number, { caller, callee, recorder }: Parties, recorderPorts: RecorderPorts): Promise<readonly CallPorts[]> {
  const ports = new Array<CallPorts>(count);
  const one = async (number: number): Promise<void> => {
    const call = anchor.openCall(`bench-${number}`);
    const forCallee = portIn(await call.exchange('caller', sdpOf([audio(caller)])));
    const forCaller = portIn(await call.exchange('callee', sdpOf([audio(callee)])));
    const offer = await call.recordingOffer();
    if (offer === undefined) throw new Error('the anchor has nothing to record');
    const lines = (await recorderPorts(number)).flatMap((port) => [audio(port), 'a=rtcp-mux', 'a=recvonly']);
    await call.startFork(sdpOf(lines));
    ports[number] = { forCaller, forCallee, ...(recorder === undefined ? {} : { copies: [portIn(offer.sdp), portIn(offer.sdp, 1)] }) };
  };
  const waiting = Array.from({ length: count }, (_, number) => number);
  await Promise.all(
    Array.from({ length: 20 }, async () => {
      for (let number = waiting.shift(); number !== undefined; number = waiting.shift()) await one(number);
    }),
  );
  return ports;
}
