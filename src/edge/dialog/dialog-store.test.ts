import t from 'tap';
import type { Dialog } from './dialog.js';
import { DialogStore } from './dialog-store.js';

const dialog = (remoteTag: string): Dialog<string> => ({
  id: 'call;from-tag=ours', role: 'uac', method: 'INVITE', callId: 'call', localTag: 'ours', remoteTag, local: '', remote: '', owner: 'app', localSeq: 1,
  remoteSeq: undefined, routes: [], target: '', contact: '', confirmed: true, natted: false,
  offered: undefined, ended: false, release: () => undefined,
  path: { protocol: 'udp', address: '192.0.2.1', port: 5060, local: { address: '192.0.2.2', port: 5060 }, open: true, send: () => undefined },
});

t.test('a dialog whose tags come again is given up: nothing of it stays in any index', (t) => {
  const store = new DialogStore<string>();
  const [first, second] = [dialog('theirs'), dialog('theirs')];
  store.add(first);
  store.add(second);
  t.ok(first.ended);
  t.strictSame(store.ofCall('call'), [second]);
  store.remove(second);
  t.equal(store.size, 0);
  t.end();
});

t.test('what is in no index is not preferred either', (t) => {
  const store = new DialogStore<string>();
  store.prefer(dialog('theirs'));
  t.equal(store.size, 0);
  t.end();
});
