import fc from 'fast-check';
import t from 'tap';
import { StreamFraming } from './stream-framing.js';

const message = (body: string, name = 'Content-Length'): string => `MESSAGE sip:a SIP/2.0\r\nX: 1\r\n${name}: ${body.length}\r\n\r\n${body}`;

t.test('messages are found whatever the segmentation', (t) => {
  fc.assert(fc.property(fc.array(fc.string({ unit: 'binary-ascii' }), { maxLength: 5 }), fc.array(fc.nat(400)), (bodies, cuts) => {
    const stream = bodies.map((body) => message(body)).join('\r\n');
    const framing = new StreamFraming(65_536);
    const found: string[] = [];
    const places = [0, ...cuts.map((cut) => Math.min(cut, stream.length)).sort((a, b) => a - b), stream.length];
    for (let i = 1; i < places.length; i += 1) {
      const framed = framing.push(stream.slice(places[i - 1], places[i]));
      if (framed.reason !== undefined) return false;
      found.push(...framed.messages);
    }
    return JSON.stringify(found) === JSON.stringify(bodies.map((body) => message(body)));
  }));
  t.end();
});

t.test('a double CRLF between messages is a keep-alive, in one piece or in two (RFC 5626)', (t) => {
  const framing = new StreamFraming(1_000);
  t.strictSame(framing.push('\r\n\r\n'), { messages: [], pings: 1 });
  t.strictSame(framing.push('\r\n'), { messages: [], pings: 0 });
  t.strictSame(framing.push('\r\n'), { messages: [], pings: 1 });
  t.strictSame(framing.push(`\r\n${message('x')}`), { messages: [message('x')], pings: 0 });
  t.end();
});

t.test('the compact name counts, and no length at all is none', (t) => {
  const framing = new StreamFraming(1_000);
  t.strictSame(framing.push(message('abc', 'l')).messages, [message('abc', 'l')]);
  t.strictSame(framing.push('A sip:a SIP/2.0\r\n\r\nB sip:b SIP/2.0\r\n\r\n').messages, ['A sip:a SIP/2.0\r\n\r\n', 'B sip:b SIP/2.0\r\n\r\n']);
  t.end();
});

t.test('what can not be followed is said: a length of letters, a message or a head too large', (t) => {
  t.equal(new StreamFraming(1_000).push('A sip:a SIP/2.0\r\nContent-Length: x\r\n\r\n').reason, 'bad-content-length');
  t.equal(new StreamFraming(1_000).push('A sip:a SIP/2.0\r\nContent-Length: 1000\r\n\r\n').reason, 'too-large');
  t.equal(new StreamFraming(1_000).push('x'.repeat(1_001)).reason, 'too-large');
  t.end();
});

t.test('no bytes make it throw', (t) => {
  fc.assert(fc.property(fc.array(fc.string({ unit: 'binary' })), (chunks) => {
    const framing = new StreamFraming(100);
    for (const chunk of chunks) if (framing.push(chunk).reason !== undefined) return;
  }));
  t.end();
});
