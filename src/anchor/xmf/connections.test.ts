import t from 'tap';
import { Connections } from './connections.js';

const leg = (connectionId: string, guid: string, direction: 'incoming' | 'outgoing', gateway = 'a') => ({ gateway, callId: '1', connectionId, guids: [guid], direction });

t.test('a connection is found by GUID and direction, at one gateway or at any, whether it is there or comes', async (t) => {
  const connections = new Connections();
  const waiting = connections.find({ guid: 'g', direction: 'outgoing', gateway: 'a' }, 10_000);
  connections.add(leg('1', 'g', 'incoming'));
  connections.add(leg('2', 'g', 'outgoing', 'b'));
  connections.add(leg('3', 'g', 'outgoing'));
  t.match(await waiting, { connectionId: '3' });
  t.match(await connections.find({ guid: 'g', direction: 'incoming' }, 0), { connectionId: '1' });
  t.match(await connections.find({ guid: 'g', direction: 'outgoing' }, 0), { connectionId: '2' });
  t.equal(await connections.find({ guid: 'other', direction: 'outgoing' }, 1), undefined);
  connections.remove({ gateway: 'a', callId: '1', connectionId: '3' });
  t.equal(await connections.find({ guid: 'g', direction: 'outgoing', gateway: 'a' }, 1), undefined);
  connections.forget('b');
  t.equal(connections.size, 1);
});

t.test('nobody waits for ever, and there is room for the newest', async (t) => {
  const connections = new Connections();
  const waiting = connections.find({ guid: 'g', direction: 'incoming' }, 60_000);
  connections.close();
  t.equal(await waiting, undefined);
  for (let n = 0; n <= 50_000; n += 1) connections.add(leg(String(n), `g${n}`, 'incoming'));
  t.equal(connections.size, 50_000);
  t.equal(await connections.find({ guid: 'g0', direction: 'incoming' }, 1), undefined);
  t.match(await connections.find({ guid: 'g50000', direction: 'incoming' }, 1), { connectionId: '50000' });
});
