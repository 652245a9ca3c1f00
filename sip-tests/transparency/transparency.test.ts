/**
 * A call comes out as it went in: each thing that SIP can do, through the whole product, proxied and back to
 * back, with SIPp at both ends, and what one end received compared with what the other sent.
 */
import t from 'tap';
import { passages, withoutAddedSessionId } from './comparison.js';
import type { Phases } from './crossing-line.js';
import { modes, openTestbed, type Crossing } from './testbed.js';
import type { Mode } from './scenario.js';

interface Item {
  /** Of uac-….xml and uas-….xml. */
  readonly scenario: string;
  /** What is shown. */
  readonly shows: string;
  /** Kinds of messages that the product answers or makes by itself. */
  readonly ours?: readonly string[];
  /** Only in this mode. */
  readonly oursIn?: Partial<Record<Mode, readonly string[]>>;
  /** Messages of both ends have to be on their way at the same time. */
  readonly crossing?: Crossing;
}

const refusals: Phases = [
  { holds: /^SIP\/2\.0 491 /u, until: /^SIP\/2\.0 491 /u },
  { holds: /^ACK /u, until: /^ACK /u },
];
const glareAtOnce: Crossing = { atOnce: /^INVITE [^]*\r\nTo:[^\r]*;tag=/iu, uac: refusals, uas: refusals };
const byeCrossing: Crossing = {
  uac: [{ holds: /^SIP\/2\.0 [4-6]/u, until: /^SIP\/2\.0 200 [^]*\r\nCSeq: *\d+ BYE/iu }],
  uas: [{ holds: /^SIP\/2\.0 200 [^]*\r\nCSeq: *\d+ BYE/iu, until: /^SIP\/2\.0 487 /u }],
};

const items: readonly Item[] = [
  { scenario: 'headers', shows: 'headers known and unknown, repeated and odd, in the INVITE, its answers and the BYE' },
  { scenario: 'early-media', shows: 'provisional responses with and without early media' },
  { scenario: 'forked', shows: 'several branches that ring before one answers' },
  { scenario: 'delayed-offer', shows: 'an INVITE and a re-INVITE without an offer, which the 2xx makes and the ACK answers' },
  { scenario: 'reinvite', shows: 're-INVITEs from both ends: another codec, hold by sendonly, inactive and 0.0.0.0, and resuming' },
  { scenario: 'prack', shows: 'provisional responses that the caller acknowledges, with and without SDP' },
  { scenario: 'prack-lost', shows: 'a PRACK that only the third copy of a response brings about' },
  { scenario: 'forked-prack', shows: 'reliable provisional responses of two branches, each acknowledged' },
  { scenario: 'early-info', shows: 'INFO and MESSAGE from both ends before the answer' },
  { scenario: 'update', shows: 'UPDATE from both ends, before the answer and after it, one of them refused' },
  { scenario: 'glare', shows: '491 to a re-INVITE, the other end\'s re-INVITE, and the first once more' },
  { scenario: 'glare-at-once', shows: 're-INVITEs of both ends on their way at once: 491 to both, and both once more', crossing: glareAtOnce },
  { scenario: 'reinvite-refused', shows: '488 to a re-INVITE, after which the call goes on' },
  { scenario: 'fax', shows: 'switching to T.38 and back' },
  { scenario: 'transfer', shows: 'REFER, and the NOTIFYs that tell how it went' },
  { scenario: 'transfer-refused', shows: 'REFER from both ends, one of them refused, after which the call goes on' },
  { scenario: 'inside', shows: 'INFO, MESSAGE, OPTIONS, SUBSCRIBE and NOTIFY in the dialog, accepted and refused' },
  { scenario: 'cancel', shows: 'CANCEL while it rings, with its reasons', ours: ['487 INVITE'] },
  { scenario: 'cancel-early', shows: 'CANCEL before anything came back but 100', ours: ['487 INVITE'] },
  { scenario: 'cancel-late', shows: 'CANCEL that crosses the answer: the callee is hung up', ours: ['487 INVITE', 'BYE', 'ACK', '200 BYE', '200 INVITE'] },
  { scenario: 'redirected', shows: '302 with the places to try' },
  { scenario: 'refused', shows: '486 with all that was said of it' },
  { scenario: 'challenged', shows: '407 with its challenge' },
  { scenario: 'timer', shows: 'a session timer, and its refreshes' },
  { scenario: 'timer-refused', shows: '422 with Min-SE' },
  { scenario: 'timer-left-out', shows: 'a session timer that the callee knows nothing of' },
  { scenario: 'isup', shows: 'bodies of several parts, and bytes that are no text' },
  { scenario: 'ack-lost', shows: 'an ACK that comes late, after the answer has been repeated' },
  { scenario: 'bye-crossing', shows: 'a BYE that crosses a re-INVITE', ours: ['487 INVITE', '408 INVITE', '481 INVITE', '503 INVITE'], crossing: byeCrossing },
  { scenario: 'replaces', shows: 'Replaces, Target-Dialog and In-Reply-To with dialogs of others' },
];

/** Calls at once: more would only wait for the processor. */
const atOnce = 6;

const only = process.env['TRANSPARENCY_ONLY'];
const wanted = items.filter(({ scenario }) => only === undefined || only.split(',').includes(scenario));

t.jobs = atOnce;
void openTestbed(wanted.map(({ scenario }) => scenario)).then((bed) => {
  t.teardown(() => bed.close());
  for (const { scenario, shows, ours = [], oursIn = {}, crossing } of wanted) {
    for (const mode of modes) {
      void t.test(`${mode}: ${shows}`, { timeout: 60_000, buffered: true }, async (t) => {
        const { caller, callee, objections } = await bed.call(scenario, mode, crossing);
        t.equal(objections, '', 'both ends saw what their scenarios say');
        const made = [...ours, ...(oursIn[mode] ?? [])];
        for (const { kind, sent, received } of [...passages(caller, callee, mode, made), ...passages(callee, caller, mode, made)].map(withoutAddedSessionId)) {
          t.strictSame(received, sent, `${kind} arrives as it was sent`);
        }
      });
    }
  }
  t.end();
});
