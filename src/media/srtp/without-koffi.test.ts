import Module from 'node:module';
import t from 'tap';
import { encodeRtp } from '../rtp.js';

type Load = (name: string, ...rest: unknown[]) => unknown;

t.test('where koffi is not installed, JavaScript and WebAssembly serve', async (t) => {
  const load = Reflect.get(Module, '_load') as Load;
  t.teardown(() => Reflect.set(Module, '_load', load));
  let asked = 0;
  Reflect.set(Module, '_load', (name: string, ...rest: unknown[]) => {
    if (name !== 'koffi') return load(name, ...rest);
    asked += 1;
    throw new Error('there is no koffi');
  });
  const { keySaltBytes, srtpBy, SrtpReceiver, SrtpSender, srtpSuites } = await import('./index.js');
  t.equal(srtpBy(), 'JavaScript');
  const packet = encodeRtp({ payloadType: 0, sequenceNumber: 1, timestamp: 160, ssrc: 7, payload: Buffer.alloc(160, 3) });
  for (const suite of srtpSuites) {
    const line = { suite, keySalt: Buffer.alloc(keySaltBytes(suite), 5) };
    t.strictSame(new SrtpReceiver(line).unprotectRtp(new SrtpSender(line).protectRtp(packet)), packet, suite);
  }
  t.equal(asked, 1, 'it is looked for once');
});
