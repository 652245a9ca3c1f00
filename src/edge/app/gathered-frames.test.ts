import t from 'tap';
import { GatheredFrames } from './gathered-frames.js';

const frame = (call: string, what: string): string => `9#id|sip|…\r\n${what} SIP/2.0\r\nCall-ID: ${call}\r\n\r\n`;

function gathering() {
  const written: string[] = [];
  const ends: (() => void)[] = [];
  return {
    written,
    frames: new GatheredFrames((frames) => written.push(frames), (action) => ends.push(action)),
    endTurn: () => {
      for (const end of ends.splice(0)) end();
    },
  };
}

t.test('frames of several calls go out together at the end of the turn', (t) => {
  const { written, frames, endTurn } = gathering();
  const parts = [frame('a', 'INVITE'), '3#x|y', frame('b', 'BYE'), '3#x|z'];
  for (const part of parts) frames.add(part);
  t.strictSame(written, []);
  endTurn();
  t.strictSame(written, [parts.join('')]);
  frames.add(frame('a', 'ACK'));
  endTurn();
  t.equal(written.length, 2, 'the next turn has its own');
  t.end();
});

t.test('two frames of one call are never written together, and all keep their order', (t) => {
  const { written, frames, endTurn } = gathering();
  const parts = [frame('a', '200'), frame('b', '200'), frame('a', 'BYE'), frame('a', 'again'), frame('b', 'BYE')];
  for (const part of parts) frames.add(part);
  endTurn();
  t.strictSame(written, [`${parts[0]}${parts[1]}`, parts[2], `${parts[3]}${parts[4]}`]);
  endTurn();
  t.equal(written.length, 3, 'a turn that ends again has nothing to write');
  t.end();
});
