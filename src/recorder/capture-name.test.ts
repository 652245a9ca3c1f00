import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import t from 'tap';
import { captureFileName, readCaptureFileName } from './capture-name.js';

t.test('the name of a capture tells its ID and its session, whatever characters that has', (t) => {
  fc.assert(fc.property(fc.string({ minLength: 1, maxLength: 120, unit: 'grapheme' }), (sessionId) => {
    const captureId = randomUUID();
    const name = captureFileName(captureId, sessionId);
    const read = readCaptureFileName(name);
    return !/[/\0]/.test(name) && read?.captureId === captureId && read.sessionId === sessionId;
  }));
  t.end();
});

t.test('the longest session ID of ours fits a file name', (t) => {
  t.ok(Buffer.byteLength(captureFileName(randomUUID(), 'x'.repeat(128))) <= 255);
  t.end();
});

t.test('other files are no captures', (t) => {
  for (const name of ['', 'readme.txt', `${randomUUID()}.capture`, `${randomUUID()}..capture`, `${randomUUID()}.YQ.capture.tmp`, `x${randomUUID()}.YQ.capture`, 'short.YQ.capture']) {
    t.equal(readCaptureFileName(name), undefined, name);
  }
  t.end();
});
