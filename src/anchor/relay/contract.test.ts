import t from 'tap';
import { testAnchorContract } from '../anchor-contract.fixture.js';
import { loopback } from '../media-peer.fixture.js';
import { openRelay } from './index.js';

const firstPort = 28_000 + (process.pid % 100) * 100;

testAnchorContract(t, {
  keeps: true,
  open: (t) => {
    const anchor = openRelay({ settings: { address: loopback, ports: [firstPort, firstPort + 79] }, observer: { relayed: () => undefined, dropped: () => undefined } });
    t.teardown(() => anchor.close());
    return Promise.resolve(anchor);
  },
});
