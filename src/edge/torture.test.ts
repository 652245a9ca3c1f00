/** RFC 4475, every request and response of it, sent to an edge: what is answered, and what an application sees. */
import t from 'tap';
import * as invalid from './message/torture-invalid.fixture.js';
import * as meaning from './message/torture-meaning.fixture.js';
import * as valid from './message/torture-valid.fixture.js';
import { openParty, until } from './party.fixture.js';
import { openRawUdp, rawCall } from './raw-peer.fixture.js';

const messages = { ...valid, ...invalid, ...meaning };
type Name = keyof typeof messages;

/** `app` for what reaches the application, which answers 603; `none` for what is dropped. */
type Outcome = 'app' | 'none' | 400 | 405 | 416 | 481 | 505;

const outcomes: Readonly<Record<Name, Outcome>> = {
  wsinv: 481, // Its To has a tag that no dialog has.
  intmeth: 405, esc01: 'app', escnull: 'app', esc02: 405, lwsdisp: 'app', longreq: 'app', dblreq: 'app', semiuri: 'app', transports: 'app', mpart01: 'app',
  unreason: 'none', noreason: 'none',
  badinv01: 400, clerr: 400, ncl: 400, scalar02: 400, scalarlg: 'none', quotbal: 400, ltgtruri: 400, lwsruri: 400, lwsstart: 'app', trws: 'app',
  escruri: 'app', baddate: 'app', regbadct: 'app', badaspec: 'app', baddn: 'app', badvers: 505, mismatch01: 400, mismatch02: 400, bigcode: 'none',
  badbranch: 'app', insuf: 'none', unkscm: 416, novelsc: 416, unksm2: 'app', bext01: 'app', invut: 'app', regaut01: 'app', multi01: 400, mcl01: 400,
  bcast: 'none', zeromf: 'app', cparam01: 'app', cparam02: 'app', regescrt: 'app', sdp01: 'app', inv2543: 400,
};

for (const [name, outcome] of Object.entries(outcomes) as [Name, Outcome][]) {
  const what = outcome === 'app' ? 'reaches the application' : outcome === 'none' ? 'gets no answer' : `is answered ${outcome}`;
  t.test(`RFC 4475 ${name} ${what}`, async (t) => {
    const [party, peer] = await Promise.all([openParty(t), openRawUdp(t)]);
    let delivered = 0;
    for (const method of ['invite', 'options', 'register', 'message']) {
      party.srf.use(method, (_request, response) => {
        delivered += 1;
        response.send(603);
      });
    }
    // As if a first hop had passed it on, which is where answers go.
    const via = `Via: SIP/2.0/UDP 127.0.0.1:${peer.port};rport;branch=z9hG4bK${name}`;
    peer.send(messages[name].replace('\r\n', () => `\r\n${via}\r\n`), party.port());
    // Datagrams of one socket keep their order on loopback: what follows is answered after it.
    const marker = rawCall(peer.port, party.uri());
    if (outcome === 'none') peer.send(marker.request('OPTIONS'), party.port());
    // By their text: an answer to a malformed request repeats what was malformed.
    const finals = (): number[] => peer.texts.map((text) => Number(/^SIP\/2\.0 ([2-6]\d\d) /u.exec(text)?.[1] ?? 0)).filter((status) => status !== 0);
    await until('a final response', () => finals().length > 0);
    t.strictSame(finals(), [outcome === 'none' || outcome === 'app' ? 603 : outcome]);
    t.equal(delivered, outcome === 'none' || outcome === 'app' ? 1 : 0);
    if (outcome === 'none') t.match(peer.texts.at(-1), marker.callId);
  });
}
