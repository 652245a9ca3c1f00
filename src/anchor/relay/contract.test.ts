import t from 'tap';
import { testAnchorContract } from '../anchor-contract.fixture.js';
import { loopback } from '../media-peer.fixture.js';
import { openRelay } from './index.js';

const firstPort = 28_000 + (process.pid % 100) * 100;

for (const accelerator of ['auto', 'off'] as const) {
  void t.test(`packets by ${accelerator === 'auto' ? 'native calls, where they are to be had' : "Node's sockets"}`, (t) => {
    testAnchorContract(t, {
      keeps: true,
      open: async (t) => {
        const anchor = await openRelay({ settings: { address: loopback, ports: [firstPort, firstPort + 79], accelerator, threads: 1 }, onCrash: (error) => t.error(error) });
        t.teardown(() => anchor.close());
        return anchor;
      },
    });
    t.end();
  });
}
