import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import type { Test } from 'tap';
import type { Edge } from './edge-options.js';

/** What stands between an application and its edge, and can be cut. */
export async function openCable(t: Test, edge: Edge): Promise<{ port: number; cut(): void; mend(): void }> {
  const ends = new Set<Socket>();
  let whole = true;
  const server = createServer((near) => {
    if (!whole) {
      near.destroy();
      return;
    }
    const far = connect(edge.admin.port, edge.admin.host);
    for (const [from, to] of [[near, far], [far, near]] as const) {
      ends.add(from);
      from.on('error', () => undefined);
      from.on('close', () => {
        to.destroy();
        ends.delete(from);
      });
      from.pipe(to);
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.close();
    for (const end of ends) end.destroy();
  });
  return {
    port: (server.address() as AddressInfo).port,
    cut: () => {
      whole = false;
      for (const end of ends) end.destroy();
    },
    mend: () => {
      whole = true;
    },
  };
}
