/** Captures as a recorder has them, each with the sockets of two streams; without any signalling. */
import { join } from 'node:path';
import { CaptureJournal, openCaptureWriter, type CaptureWriter } from '../src/capture/index.js';
import { Intake } from '../src/recorder/intake.js';
import { openDatagrams, openMediaSockets, PortPool, type Datagrams } from '../src/udp/index.js';
import { loadOrCreateKeys, useNativeStreams } from '../src/vault/index.js';

const loopback = '127.0.0.1';

export interface Captures {
  readonly datagrams: Datagrams['kind'];
  /** Resolves with the ports of caller and callee. */
  readonly open: (call: number) => Promise<readonly [number, number]>;
  readonly counts: () => { readonly recorded: number; readonly recorderDropped: number };
}

export async function openCaptures(dir: string, accelerator: 'auto' | 'off', ports: readonly [number, number]): Promise<Captures> {
  useNativeStreams(accelerator === 'auto');
  const keys = await loadOrCreateKeys(join(dir, 'keys'));
  const pool = new PortPool(ports[0], ports[1]);
  const journal = new CaptureJournal(dir);
  const datagrams = await openDatagrams(accelerator);
  const writers: CaptureWriter[] = [];
  let recorded = 0;
  const observer = { received: () => void (recorded += 1), rejected: () => undefined };
  return {
    datagrams: datagrams.kind,
    async open(call) {
      const writer = await openCaptureWriter(join(dir, `${call}.capture`), keys.public, { captureId: String(call), sessionId: String(call), recorder: 'bench', metadata: {} }, { journal });
      writers.push(writer);
      const [caller, callee] = [await openMediaSockets(loopback, pool, datagrams), await openMediaSockets(loopback, pool, datagrams)];
      return [new Intake(caller, writer, 0, observer).port, new Intake(callee, writer, 1, observer).port];
    },
    counts: () => ({ recorded, recorderDropped: writers.reduce((sum, { stats }) => sum + stats.droppedPackets, 0) }),
  };
}
