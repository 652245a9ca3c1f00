/**
 * A lossy line: from now on this process's UDP sockets lose some datagrams and double others, of those
 * they send and of those they receive.
 *
 * At the sockets of node, because few kernels come with a line that does so (netem), and SIPp's own
 * `-lost` doubles nothing.
 */
import { Socket } from 'node:dgram';

type Method = (this: unknown, ...args: unknown[]) => unknown;

export interface LossyLine {
  readonly lost: number;
  readonly doubled: number;
  /** All arrives again. */
  mend(): void;
}

/** Numbers from 0 to 1 that are the same for the same seed (mulberry32). */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export function openLossyLine({ lostShare, doubledShare, seed }: { readonly lostShare: number; readonly doubledShare: number; readonly seed: number }): LossyLine {
  const counts = { lost: 0, doubled: 0 };
  const draw = numbers(seed);
  /** How often the next datagram goes over. */
  const times = (): number => {
    const drawn = draw();
    if (drawn < lostShare) {
      counts.lost += 1;
      return 0;
    }
    if (drawn >= lostShare + doubledShare) return 1;
    counts.doubled += 1;
    return 2;
  };

  const whole = { send: Reflect.get(Socket.prototype, 'send') as Method, emit: Reflect.get(Socket.prototype, 'emit') as Method };
  const lossy: typeof whole = {
    send(...args) {
      for (let left = times(); left > 0; left -= 1) whole.send.apply(this, args);
    },
    emit(event, ...args) {
      if (event !== 'message') return whole.emit.call(this, event, ...args);
      for (let left = times(); left > 0; left -= 1) whole.emit.call(this, event, ...args);
      return true;
    },
  };
  Object.assign(Socket.prototype, lossy);
  return {
    get lost() {
      return counts.lost;
    },
    get doubled() {
      return counts.doubled;
    },
    mend: () => {
      Object.assign(Socket.prototype, whole);
    },
  };
}
