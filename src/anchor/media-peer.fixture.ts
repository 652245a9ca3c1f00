/** For tests: parties and recorders of an anchored call, each one socket on the loopback interface that keeps what comes. */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import type { Test } from 'tap';
import { encodeRtp } from '../media/index.js';
import { readSdp, type SdpMedia } from '../sip/index.js';
import type { AnchoredCall } from './door.js';

export const loopback = '127.0.0.1';

export class MediaPeer {
  readonly came: { text: string; bytes: Buffer; port: number }[] = [];
  readonly #told = new Set<() => void>();

  constructor(readonly socket: Socket) {
    socket.on('message', (bytes, { port }) => {
      this.came.push({ text: bytes.toString('latin1'), bytes, port });
      for (const tell of [...this.#told]) tell();
    });
  }

  get port(): number {
    return this.socket.address().port;
  }

  send(what: string | Buffer, port: number): void {
    this.socket.send(what, port, loopback);
  }

  /** What came, once it is as much as this. */
  async heard(count: number): Promise<string[]> {
    while (this.came.length < count) {
      await new Promise<void>((resolve) => {
        const tell = (): void => {
          this.#told.delete(tell);
          resolve();
        };
        this.#told.add(tell);
      });
    }
    return this.came.map(({ text }) => text);
  }
}

export async function mediaPeer(t: Test, port = 0): Promise<MediaPeer> {
  const socket = createSocket({ type: 'udp4', recvBufferSize: 4e6 }).bind(port, loopback);
  await once(socket, 'listening');
  t.teardown(() => socket.close());
  return new MediaPeer(socket);
}

export const sdpOf = (port: number, { address = loopback, more = [] as string[] } = {}): string =>
  ['v=0', `o=- 1 1 IN IP4 ${loopback}`, 's=-', `c=IN IP4 ${address}`, 't=0 0', `m=audio ${port} RTP/AVP 0`, ...more, ''].join('\r\n');

export function audioOf(sdp: string, index = 0): SdpMedia {
  const read = readSdp(sdp);
  if (typeof read === 'string') throw new Error(read);
  const media = read.media[index];
  if (media === undefined) throw new Error(`there is no media ${index}`);
  return media;
}

/** A call between two peers: what each side has to send to. */
export async function callBetween(call: AnchoredCall, caller: MediaPeer, callee: MediaPeer, more: string[] = []): Promise<{ forCaller: SdpMedia; forCallee: SdpMedia }> {
  const forCallee = audioOf(await call.exchange('caller', sdpOf(caller.port, { more })));
  const forCaller = audioOf(await call.exchange('callee', sdpOf(callee.port, { more })));
  return { forCaller, forCallee };
}

/** 20 ms of PCMU, all samples alike. */
export const rtp = (n: number, ssrc = 7): Buffer => encodeRtp({ payloadType: 0, sequenceNumber: n, timestamp: n * 160, ssrc, payload: Buffer.alloc(160, n) });

export const sequenceOf = ({ bytes }: { readonly bytes: Buffer }): number => bytes.readUInt16BE(2);

/** A recorder: its answer, and what came to it from caller and callee. */
export async function openRecorderPeer(t: Test, more: readonly string[] = ['a=rtcp-mux']): Promise<{ streams: readonly [MediaPeer, MediaPeer]; answer: string }> {
  const streams = [await mediaPeer(t), await mediaPeer(t)] as const;
  const lines = streams.flatMap(({ port }) => [`m=audio ${port} RTP/AVP 0`, ...more, 'a=recvonly']);
  return { streams, answer: ['v=0', `o=- 1 1 IN IP4 ${loopback}`, 's=-', `c=IN IP4 ${loopback}`, 't=0 0', ...lines, ''].join('\r\n') };
}
