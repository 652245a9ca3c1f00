import fc from 'fast-check';
import t from 'tap';
import { readBuiltInBridge } from './built-in-bridge.js';

const shared = 'x-refci=27757093;x-nearendclusterid=Cluster1;x-nearenddevice=SEP1;x-nearendaddr=7001;x-farendrefci=27757092;x-farendclusterid=Cluster1;x-farenddevice=SEP2;x-farendaddr=4006';

t.test('near end and far end of one phone are told apart, and known as one by reference and cluster', (t) => {
  const both = { refci: '27757093', cluster: 'Cluster1', nearUri: 'sip:7001@192.0.2.28', farUri: 'sip:4006@192.0.2.28' };
  t.strictSame(readBuiltInBridge(`<sip:7001@192.0.2.28;x-nearend;${shared}>;tag=98~209d1fb3`), { side: 'near', ...both });
  t.strictSame(readBuiltInBridge(`<sip:7001@192.0.2.28;x-farend;${shared}>;tag=99`), { side: 'far', ...both });
  t.end();
});

t.test('the parameters may stand outside of the brackets, behind a name, with spaces and a port', (t) => {
  t.match(readBuiltInBridge(`"Ann; x-nearend <x>" <sip:7001@cucm.example:5060>; x-farend ; X-RefCI = 5 ; x-farendaddr="+1555";tag=1`), {
    side: 'far', refci: '5', cluster: 'cucm.example', nearUri: 'sip:7001@cucm.example', farUri: 'sip:+1555@cucm.example',
  });
  t.end();
});

t.test('older call managers name no cluster and no near address: the host and the user serve', (t) => {
  t.match(readBuiltInBridge('<sip:4002@192.0.2.28;x-nearend;x-refci=1;x-nearenddevice=SEP1;x-farendrefci=2;x-farenddevice=SEP2;x-farendaddr=4006>;tag=1'), {
    cluster: '192.0.2.28', nearUri: 'sip:4002@192.0.2.28', farUri: 'sip:4006@192.0.2.28',
  });
  t.equal(readBuiltInBridge('<sip:4002@h;x-farend;x-refci=1>')?.farUri, '', 'who is not named is nobody');
  t.end();
});

t.test('any other From is of no built-in bridge', (t) => {
  for (const from of ['', '<sip:a@b>;tag=1', '"x-nearend;x-refci=1" <sip:a@b>', '<sip:a@b;x-nearend>', '<sip:a@b;x-refci=1>', `<sip:a@b;x-nearend;x-refci=1;x=${'y'.repeat(5_000)}>`]) {
    t.equal(readBuiltInBridge(from), undefined, from.slice(0, 40));
  }
  t.end();
});

t.test('no header makes the reader throw', (t) => {
  const pieces = fc.array(fc.constantFrom(';', 'x-nearend', 'x-refci=', '1', '<', '>', '"', 'sip:', '@', ' ', '[', '\\', 'x-farendaddr'), { maxLength: 40 }).map((all) => all.join(''));
  fc.assert(fc.property(fc.oneof(fc.string(), pieces), (from) => {
    const bridge = readBuiltInBridge(from);
    return bridge === undefined || bridge.refci !== '';
  }));
  t.end();
});
