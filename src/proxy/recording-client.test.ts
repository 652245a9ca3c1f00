import { EventEmitter } from 'node:events';
import t from 'tap';
import { sides, type CallFork, type ForkTrouble, type RecordingOffer } from '../anchor/index.js';
import { systemClock, type Clock } from '../recorder-pool/index.js';
import { parseMetadata, readBody, senderOf, type RecordingControl, type SipConnection, type SipDialog } from '../sip/index.js';
import { RecordingBodies } from './recording-body.js';
import { RecordingClient, type RecordingClientOptions } from './recording-client.js';

const sdpOf = (version: number, port = 4_000): string => `v=0\r\no=- 1 ${version} IN IP4 127.0.0.1\r\ns=-\r\nm=audio ${port} RTP/AVP 0\r\na=label:1\r\n`;
const sessionId = 'a'.repeat(32);
const turns = async (): Promise<void> => {
  for (let turn = 0; turn < 4; turn += 1) await new Promise((resolve) => setImmediate(resolve));
};

/** Everything that is due now has been done. */
const settled = async (): Promise<void> => {
  // A BYE gives what came before it a turn of the loop; who leaves a recorder asks another when a timer of no length is due.
  await turns();
  await new Promise((resolve) => setTimeout(resolve, 0));
  await turns();
};

const until = async (holds: () => boolean): Promise<void> => {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve));
};

/** The recorder's end of the dialog: what it was asked, and how it answers. */
class FakeDialog extends EventEmitter {
  readonly remote = { sdp: 'first answer' };
  readonly req = {};
  readonly reinvites: { body: string; answer: (status: number) => void }[] = [];
  byes = 0;
  /** What it answers a BYE; undefined: nothing. */
  answersBye: number | undefined = 200;

  readonly srf = {
    request: (options: { method: string; body: string }, sent: (error: null, request: EventEmitter) => void): void => {
      const outgoing = new EventEmitter();
      const answer = (status: number): void =>
        void outgoing.emit('response', { status, reason: 'said so', body: `answer ${this.reinvites.length}` }, () => undefined);
      if (options.method !== 'BYE') this.reinvites.push({ body: options.body, answer });
      sent(null, outgoing);
      if (options.method !== 'BYE') return;
      this.byes += 1;
      if (this.answersBye !== undefined) answer(this.answersBye);
    },
  };

  /** Of a dialog that has ended it only forgets. */
  destroy(_options: object, done: () => void): void {
    if (this.byes === 0) this.byes = 1;
    done();
  }
}

interface Invite {
  readonly uri: string;
  readonly options: { localSdp: string; headers: Record<string, string> };
  readonly accept: (dialog?: FakeDialog) => FakeDialog;
  readonly refuse: (error: unknown) => void;
}

const unanswered: Invite[] = [];
const opened: RecordingClient[] = [];
t.afterEach(() => {
  for (const client of opened.splice(0)) void client.end();
  for (const invite of unanswered.splice(0)) invite.refuse(new Error('the test is over'));
});

const nothing = { lost: [], failed: [], forks: [], takenOver: [], resumed: 0, stops: 0, detached: 0, cancels: 0 };

/** Waits that are not to be waited for here: for another search, for a last word, for what was kept to be sent. */
const shortened = (ms: number): number => (ms > 900 && ms <= 1_000 ? 0 : ms > 1_900 && ms <= 8_000 ? 30 : ms > 1_000 && ms <= 1_600 ? 5 : ms);

/** Goes on by what a wait was shortened. */
function shortClock(): Clock {
  let aheadMs = 0;
  return {
    ...systemClock,
    now: () => systemClock.now() + aheadMs,
    setTimeout: (then, ms) =>
      systemClock.setTimeout(() => {
        aheadMs += ms - shortened(ms);
        then();
      }, shortened(ms)),
  };
}

const alone = 'sip:recorder@127.0.0.1:5080;transport=tcp';

interface Given {
  readonly recorder: string;
  /** In place of `recorder`. */
  readonly recorders: readonly string[];
  /** Those that the pool does not let be asked. */
  readonly spared: readonly string[];
  readonly elsewhere: RecordingClientOptions['elsewhere'];
  readonly answerTimeoutMs: number;
  readonly withinMs: number;
  readonly afterCallMs: number;
  readonly keysInClear: boolean;
  /** Each question whether all is written, to be answered here. */
  readonly confirmed: ((confirmed: boolean) => void)[];
}

function open({ recorder = alone, recorders = [recorder], spared = [], elsewhere, confirmed, ...settings }: Partial<Given> = {}, verifiesTls = false) {
  const invites: Invite[] = [];
  const said = { lost: [] as string[], failed: [] as string[], forks: [] as string[], takenOver: [] as string[], resumed: 0, stops: 0, detached: 0, cancels: 0 };
  const pooled = { failed: [] as string[], sessions: [] as string[], suspected: [] as string[] };
  let wished: RecordingControl | undefined;
  let silent = false;
  let awaited: readonly string[] = [];
  let offer: RecordingOffer | undefined = { sdp: sdpOf(1), holdsKeys: false };
  let tellTrouble: (trouble: ForkTrouble) => void = () => undefined;
  let tellDead: (reason: string) => void = () => undefined;
  let tellAskable: (() => void) | undefined;
  const media: CallFork = {
    recordingOffer: () => Promise.resolve(offer),
    startFork: (answer) => {
      if (answer === 'unusable') return Promise.reject(new Error('the answer is of no use'));
      said.forks.push(answer);
      return Promise.resolve();
    },
    detachFork: () => {
      said.detached += 1;
      return Promise.resolve();
    },
    stopFork: () => {
      said.stops += 1;
      return Promise.resolve();
    },
    watchFork: (told) => (tellTrouble = told),
    ...(confirmed === undefined ? {} : { forkConfirmed: () => new Promise<boolean>((resolve) => void confirmed.push(resolve)) }),
  };
  const createUAC = (uri: string, options: Invite['options'], told: { cbRequest: (error: null, request: object) => void }): Promise<SipDialog> =>
    new Promise((resolve, reject) => {
      const accept = (dialog = new FakeDialog()): FakeDialog => {
        resolve(dialog as unknown as SipDialog);
        return dialog;
      };
      invites.push({ uri, options, accept, refuse: reject });
      unanswered.push(...invites.slice(-1));
      const cancel = (): void => {
        said.cancels += 1;
        if (silent) return;
        reject(Object.assign(new Error('cancelled'), { status: 487 }));
      };
      told.cbRequest(null, { cancel });
    });
  const sip = { srf: { createUAC }, contacts: [], verifiesTls, healthy: () => true, close: () => Promise.resolve() } as unknown as SipConnection;
  const session = {
    sessionId,
    sipSessionId: `${sessionId};remote=${'b'.repeat(32)}`,
    startedAt: new Date(1_800_000_000_000),
    caller: { aor: 'sip:anna@example.net', name: 'Anna' },
    callee: { aor: 'sip:bob@example.net' },
  };
  const client = new RecordingClient({
    sip,
    settings: { answerTimeoutMs: 60_000, withinMs: 60_000, afterCallMs: 8_000, keys: 'siprec', keysInClear: false, ...settings },
    members: recorders.map((uri, at) => ({ uri, priority: at })),
    pool: {
      choose: (members) => ({ ask: members.map(({ uri }) => uri).filter((uri) => !spared.includes(uri)), spared: members.filter(({ uri }) => spared.includes(uri)).map(({ uri }) => ({ uri, reason: `${uri} is not asked for now` })) }),
      began: (uri) => void pooled.sessions.push(uri),
      ended: (uri) => void pooled.sessions.splice(pooled.sessions.indexOf(uri), 1),
      failed: (uri) => void pooled.failed.push(uri),
      suspect: (uri) => void pooled.suspected.push(uri),
      watch: (_uri, told) => {
        tellDead = told;
        return () => (tellDead = () => undefined);
      },
      whenAskable: (members, told) => {
        awaited = members.map(({ uri }) => uri);
        tellAskable = told;
        return () => (tellAskable = undefined);
      },
    },
    ...(elsewhere === undefined ? {} : { elsewhere }),
    media,
    of: sides,
    bodies: new RecordingBodies(session),
    sessionId,
    sipSessionId: session.sipSessionId,
    wishes: () => wished,
    clock: shortClock(),
    onRecorderFailed: (reason) => said.failed.push(reason),
    onTakenOver: ({ recorder: by, cause }) => said.takenOver.push(`${by} ${cause}`),
    onLost: (reason) => said.lost.push(reason),
    onResumed: () => (said.resumed += 1),
  });
  opened.push(client);
  return {
    client, invites, said, pooled,
    ignoresCancel: () => (silent = true),
    /** Those of whom one is waited for. */
    awaited: async () => {
      await until(() => tellAskable !== undefined);
      return awaited;
    },
    wishes: (next: RecordingControl) => (wished = next),
    offers: (next: RecordingOffer | undefined) => (offer = next),
    trouble: (trouble: ForkTrouble) => tellTrouble(trouble),
    dead: () => tellDead('it does not answer OPTIONS'),
    /** A recorder may be asked again, once that is waited for. */
    askable: async () => {
      await until(() => tellAskable !== undefined);
      const told = tellAskable;
      tellAskable = undefined;
      told?.();
    },
  };
}

/** A client whose recorder has answered. */
async function live() {
  const whole = open();
  const changed = whole.client.changed();
  await settled();
  const dialog = whole.invites[0]!.accept();
  await changed;
  return { ...whole, dialog };
}

t.test('RFC 7866 §6: the INVITE has offer and metadata, asks for siprec, and the answer starts the fork', async (t) => {
  const { invites, said, client } = await live();
  const { uri, options } = invites[0]!;
  t.equal(uri, 'sip:recorder@127.0.0.1:5080;transport=tcp');
  t.match(options.headers, { Require: 'siprec', Contact: /\+sip\.src/, 'Session-ID': `${sessionId};remote=${'b'.repeat(32)}` });
  const parts = readBody(options.headers['Content-Type'], options.localSdp);
  if (typeof parts === 'string') throw new Error(parts);
  t.strictSame(parts.map(({ contentType }) => contentType), ['application/sdp', 'application/rs-metadata+xml']);
  t.equal(parts[0]!.content, sdpOf(1).trimEnd().concat('\r\n'));
  const metadata = parseMetadata(parts[1]!.content);
  if (typeof metadata === 'string') throw new Error(metadata);
  t.match(metadata, { dataMode: 'complete', sessions: [{ sipSessionIds: [options.headers['Session-ID']] }] });
  t.strictSame(['1', '2'].map((label) => senderOf(metadata, label)), [{ aor: 'sip:anna@example.net', name: 'Anna' }, { aor: 'sip:bob@example.net' }]);
  t.strictSame(said, { ...nothing, forks: ['first answer'], cancels: 0 });
  t.ok(client.accepted);
});

t.test('when nothing changed nothing is sent, a new version of the same SDP included', async (t) => {
  const { client, dialog, offers } = await live();
  await client.changed();
  offers({ sdp: sdpOf(2), holdsKeys: false });
  await client.changed();
  t.strictSame(dialog.reinvites, []);
});

t.test('a change is told in a re-INVITE whose answer the fork follows', async (t) => {
  const { client, dialog, offers, said } = await live();
  offers({ sdp: sdpOf(2, 4_002), holdsKeys: false });
  const changed = client.changed();
  await settled();
  t.match(dialog.reinvites, [{ body: /m=audio 4002/ }]);
  dialog.reinvites[0]!.answer(200);
  await changed;
  t.strictSame(said.forks, ['first answer', 'answer 1']);
});

t.test('RFC 3261 §14.1: of two changes the second waits for the answer to the first', async (t) => {
  const { client, dialog, offers } = await live();
  offers({ sdp: sdpOf(2, 4_002), holdsKeys: false });
  void client.changed();
  await settled();
  offers({ sdp: sdpOf(3, 4_004), holdsKeys: false });
  const last = client.changed();
  await settled();
  t.equal(dialog.reinvites.length, 1);
  dialog.reinvites[0]!.answer(200);
  await settled();
  t.match(dialog.reinvites[1], { body: /m=audio 4004/ });
  dialog.reinvites[1]!.answer(200);
  await last;
});

t.test('a change while the recorder is still answering is told once it has', async (t) => {
  const { client, invites, offers } = open();
  void client.changed();
  await settled();
  offers({ sdp: sdpOf(2, 4_002), holdsKeys: false });
  void client.changed();
  await settled();
  t.equal(invites.length, 1);
  const dialog = invites[0]!.accept();
  await settled();
  t.match(dialog.reinvites, [{ body: /m=audio 4002/ }]);
  dialog.reinvites[0]!.answer(200);
});

t.test('RFC 3261 §13.2.1: in a delayed offer the first SDP is of one side; the session begins with the second', async (t) => {
  const { client, invites, offers, said } = open();
  offers(undefined);
  await client.changed();
  t.strictSame([invites.length, said.lost], [0, []]);
  offers({ sdp: sdpOf(1), holdsKeys: false });
  void client.changed();
  await settled();
  t.equal(invites.length, 1);
});

t.test('when the call ends while the recorder is answering, it is waited for a moment: it gets what was kept, and its BYE', async (t) => {
  const { client, invites, said } = open();
  void client.changed();
  await settled();
  const ended = client.end();
  const dialog = invites[0]!.accept();
  await ended;
  await settled();
  t.strictSame(said, { ...nothing, forks: ['first answer'] });
  t.ok(client.accepted);
  t.equal(dialog.byes, 1);
});

t.test('one that does not answer within that moment is cancelled, and nothing is told lost', async (t) => {
  const { client, said } = open();
  const changed = client.changed();
  await settled();
  await client.end();
  await changed;
  t.strictSame(said, { ...nothing, cancels: 1 });
  t.notOk(client.accepted);
});

t.test('a 200 that crosses the CANCEL is ended with BYE, and nothing is copied', async (t) => {
  const { client, invites, said, ignoresCancel } = open();
  ignoresCancel();
  const changed = client.changed();
  await settled();
  await client.end();
  const dialog = invites[0]!.accept();
  await changed;
  await settled();
  t.equal(dialog.byes, 1);
  t.strictSame(said, { ...nothing, cancels: 1 });
});

t.test('when the call ends before the INVITE is out, none is sent', async (t) => {
  const { client, invites } = open();
  const changed = client.changed();
  client.end();
  await changed;
  t.equal(invites.length, 0);
  await client.changed();
  t.equal(invites.length, 0);
});

t.test('the end of a call ends the session with one BYE', async (t) => {
  const { client, dialog, said } = await live();
  client.end();
  client.end();
  await settled();
  dialog.emit('destroy');
  await settled();
  t.equal(dialog.byes, 1);
  t.strictSame(said.lost, []);
});

for (const [how, status] of [['answers nothing', undefined], ['knows of no session', 481]] as const) {
  t.test(`a recorder that ${how} at the end of a call has died unseen: another gets what it may not have written`, async (t) => {
    const { client, invites, said, pooled } = open({ recorders: ['sip:one@127.0.0.1', 'sip:two@127.0.0.1'] });
    void client.changed();
    await until(() => invites.length === 1);
    const dialog = invites[0]!.accept();
    await until(() => said.forks.length === 1);
    dialog.answersBye = status;
    const ended = client.end();
    await until(() => invites.length === 2);
    t.equal(invites[1]!.uri, 'sip:two@127.0.0.1');
    t.equal(said.detached, 1, 'what was not confirmed is for the next one');
    t.strictSame(pooled.failed, ['sip:one@127.0.0.1']);
    const second = invites[1]!.accept();
    await ended;
    t.equal(said.forks.length, 2);
    t.equal(dialog.byes, 1);
    t.equal(second.byes, 1, 'the one that took over has its BYE');
    t.strictSame(said.takenOver.map((recorder) => recorder.split(' ')[0]), ['sip:two@127.0.0.1']);
    t.strictSame(said.lost, []);
    t.strictSame(pooled.sessions, []);
  });
}

t.test('where nobody takes the rest of a call whose recorder died at its end, it is told, and the end comes', async (t) => {
  const { client, dialog, said } = await live();
  dialog.answersBye = undefined;
  await client.end();
  t.match(said.lost, [/did not answer the end/u]);
  t.equal(said.lost.length, 1);
});

t.test('with afterCallMs 0 nobody is asked for a call that is over, and a session that runs gets its BYE', async (t) => {
  const { client, invites } = open({ afterCallMs: 0 });
  const changed = client.changed();
  await settled();
  invites[0]!.refuse({ status: 503 });
  await changed;
  await client.end();
  await settled();
  t.equal(invites.length, 1);
  const running = await liveAtOne({ afterCallMs: 0 });
  await running.client.end();
  await settled();
  t.equal(running.dialog.byes, 1);
});

t.test('a recorder that refuses for what the session is is told once, and is not asked again', async (t) => {
  const { client, invites, said } = open();
  const changed = client.changed();
  await settled();
  invites[0]!.refuse({ status: 488 });
  await changed;
  t.match(said, { lost: [/refused with 488/], stops: 1 });
  client.end();
  await client.changed();
  t.strictSame([invites.length, said.lost.length], [1, 1]);
});

t.test('one that is unwell, or cannot be reached, is told once, left alone, and asked again when it may be: what the anchor has kept goes there', async (t) => {
  for (const [error, reason] of [[{ status: 503 }, /refused with 503/], [new Error('ECONNREFUSED'), /could not be reached: ECONNREFUSED/]] as const) {
    const { client, invites, said, pooled, askable } = open();
    const changed = client.changed();
    await settled();
    invites[0]!.refuse(error);
    await changed;
    t.match(said, { lost: [reason], stops: 0, detached: 1 });
    t.strictSame(pooled.failed, [alone]);
    await client.changed();
    t.equal(invites.length, 1, 'not before it may be asked');
    await askable();
    await settled();
    invites[1]!.refuse(error);
    await settled();
    t.equal(said.lost.length, 1, 'told once');
    client.end();
    await client.changed();
    t.equal(invites.length, 2);
  }
});

t.test('a lost recording that is taken up again is told as such', async (t) => {
  const { client, invites, said, askable } = open();
  const changed = client.changed();
  await settled();
  invites[0]!.refuse({ status: 503 });
  await changed;
  await askable();
  await settled();
  const dialog = invites[1]!.accept();
  await settled();
  t.match(said, { resumed: 1, stops: 0 });
  t.strictSame(said.forks, ['first answer']);
  await client.end();
  await settled();
  t.equal(dialog.byes, 1);
});

t.test('a recorder that does not answer in time is cancelled', async (t) => {
  const { client, said } = open({ answerTimeoutMs: 1 });
  await client.changed();
  t.match(said, { cancels: 1, lost: [/did not answer in time/], stops: 0 });
  client.end();
});

t.test('a recorder that leaves gets no BYE; alone in its group it is not asked again at once', async (t) => {
  const { client, dialog, said, invites, pooled, askable } = await live();
  dialog.emit('destroy');
  dialog.emit('destroy');
  await settled();
  t.match(said, { lost: [/recorder@127.0.0.1:5080;transport=tcp was left: it ended the recording session/], detached: 2, stops: 0 });
  t.match(said.failed, [/it ended the recording session/]);
  t.strictSame([dialog.byes, invites.length, pooled], [0, 1, { failed: [], sessions: [], suspected: [] }]);
  await askable();
  await settled();
  t.equal(invites.length, 2);
  client.end();
});

t.test('a recorder that refuses a change, or answers what cannot be used, is left and gets its BYE', async (t) => {
  const { dialog, offers, said, client, pooled } = await live();
  offers({ sdp: sdpOf(2, 4_002), holdsKeys: false });
  const changed = client.changed();
  await settled();
  dialog.reinvites[0]!.answer(488);
  await changed;
  await settled();
  t.match(said, { lost: [/refused a change: 488/], failed: [/refused a change: 488/], detached: 2 });
  t.strictSame([dialog.byes, pooled.failed], [1, []]);
  client.end();
  const other = open();
  const opening = other.client.changed();
  await settled();
  const unusable = Object.assign(new FakeDialog(), { remote: { sdp: 'unusable' } });
  other.invites[0]!.accept(unusable);
  await opening;
  await settled();
  t.strictSame([unusable.byes, other.said.lost.length], [1, 1]);
  other.client.end();
});

t.test('keys are not sent to a recorder on another machine, unless by TLS to one that proves itself, or where that is allowed', async (t) => {
  for (const [recorder, keysInClear, sent, verifiesTls] of [
    ['sip:r@127.0.0.1:5080', false, true, false],
    ['sip:r@[::1]:5080', false, true, false],
    ['sip:r@localhost', false, true, false],
    ['sip:r@192.0.2.1', false, false, true],
    ['sip:r@127.example.com', false, false, true],
    ['sip:r@192.0.2.1', true, true, false],
    ['sip:r@192.0.2.1;Transport=TLS', false, true, true],
    ['sips:r@192.0.2.1', false, true, true],
    ['sips:r@192.0.2.1', false, false, false],
  ] as const) {
    const { client, invites, offers, said } = open({ recorder, keysInClear }, verifiesTls);
    offers({ sdp: sdpOf(1), holdsKeys: true });
    const changed = client.changed();
    await settled();
    t.equal(invites.length, sent ? 1 : 0, recorder);
    if (sent) continue;
    await changed;
    t.match(said, { lost: [/keys are not sent unencrypted/], stops: 1 });
  }
});

t.test('without keys any recorder will do; when keys come later they are held back and the session is ended', async (t) => {
  const { client, invites, offers, said } = open({ recorder: 'sip:r@192.0.2.1' });
  void client.changed();
  await settled();
  const dialog = invites[0]!.accept();
  await settled();
  offers({ sdp: sdpOf(2, 4_002), holdsKeys: true });
  await client.changed();
  t.strictSame(dialog.reinvites, []);
  await settled();
  t.equal(dialog.byes, 1);
  t.match(said, { lost: [/keys are not sent unencrypted/], stops: 1 });
});

t.test('what is wished travels in the metadata of the INVITE, and each change of it in a re-INVITE, the media unchanged', async (t) => {
  const { client, invites, wishes } = open();
  wishes({ keep: false, pauses: [], said: [], tags: {} });
  void client.changed();
  await settled();
  t.match(invites[0]!.options.localSdp, 'keep="false"');
  const dialog = invites[0]!.accept();
  await settled();
  await client.changed();
  t.strictSame(dialog.reinvites, [], 'nothing new');
  wishes({ keep: true, pauses: [], said: [{ atMs: 1, command: 'start', by: 'api' }], tags: {} });
  const changed = client.changed();
  await settled();
  t.match(dialog.reinvites, [{ body: /keep="true".*command="start"/ }]);
  dialog.reinvites[0]!.answer(200);
  await changed;
});

t.test('however many changes come while one is under way, one re-INVITE tells the last of them', async (t) => {
  const { client, dialog, wishes, said } = await live();
  const say = (n: number): Promise<void> => {
    wishes({ keep: true, pauses: [], said: [], tags: { n: String(n) } });
    return client.changed();
  };
  void say(0);
  await settled();
  const all = Array.from({ length: 50 }, (_, n) => say(n + 1));
  await settled();
  t.equal(dialog.reinvites.length, 1);
  dialog.reinvites[0]!.answer(200);
  await settled();
  t.match(dialog.reinvites[1]?.body, '<value>50</value>');
  dialog.reinvites[1]!.answer(200);
  await Promise.all(all);
  t.strictSame([dialog.reinvites.length, said.lost], [2, []]);
});

t.test('when the call ends while a wish is being told, the BYE waits for its answer: what was asked for is not discarded', async (t) => {
  const { client, dialog, wishes } = await live();
  wishes({ keep: true, pauses: [], said: [], tags: {} });
  void client.changed();
  await settled();
  client.end();
  client.end();
  t.strictSame([dialog.reinvites.length, dialog.byes], [1, 0]);
  dialog.reinvites[0]!.answer(200);
  await settled();
  t.equal(dialog.byes, 1);
});

const group = ['sip:one@127.0.0.1', 'sip:two@127.0.0.1', 'sip:three@127.0.0.1'];

t.test('where a recorder of the group refuses or cannot be reached the next one is asked, and has the call from its first packet', async (t) => {
  for (const [error, reason] of [[{ status: 488 }, /one@127.0.0.1 refused with 488/], [new Error('ECONNREFUSED'), /could not be reached/]] as const) {
    const { client, invites, said } = open({ recorders: group });
    const changed = client.changed();
    await settled();
    invites[0]!.refuse(error);
    await settled();
    t.strictSame([invites.length, invites[1]?.uri, said.stops], [2, group[1], 0], 'what the anchor has kept is not dropped');
    t.strictSame(invites[1]?.options.localSdp, invites[0]?.options.localSdp);
    const dialog = invites[1]!.accept();
    await changed;
    t.match(said, { lost: [], failed: [reason], forks: ['first answer'], stops: 0 });
    t.ok(client.accepted);
    client.end();
    await settled();
    t.equal(dialog.byes, 1);
  }
});

t.test('RFC 3261 §9.1: one that says nothing at all is not waited for, since it cannot be cancelled; what it answers later is ended', async (t) => {
  const { client, invites, said, ignoresCancel } = open({ recorders: group, answerTimeoutMs: 5 });
  ignoresCancel();
  const changed = client.changed();
  await until(() => invites.length === 2);
  const dialog = invites[1]!.accept();
  await changed;
  t.match(said, { lost: [], failed: [/one@127.0.0.1 did not answer in time/], forks: ['first answer'], cancels: 1 });
  const late = invites[0]!.accept();
  await settled();
  t.strictSame([late.byes, dialog.byes], [1, 0]);
});

t.test('when none of the group takes it the recording is lost once, and the reason says what became of each', async (t) => {
  const { client, invites, said } = open({ recorders: group });
  const changed = client.changed();
  for (const [n, status] of [503, 486, 403].entries()) {
    await settled();
    invites[n]!.refuse({ status });
  }
  await changed;
  t.strictSame(said.lost, ['the recorder sip:one@127.0.0.1 refused with 503; the recorder sip:two@127.0.0.1 refused with 486; the recorder sip:three@127.0.0.1 refused with 403']);
  t.strictSame([said.stops, said.detached, said.failed.length, invites.length], [0, 1, 2, 3]);
  client.end();
});

t.test('after withinMs no further recorder is asked', async (t) => {
  const { client, invites, said } = open({ recorders: group, answerTimeoutMs: 5, withinMs: 1 });
  await client.changed();
  t.equal(invites.length, 1);
  t.match(said.lost, [/^the recorder sip:one@127.0.0.1 did not answer in time$/]);
  client.end();
});

t.test('when the call ends while the second is being asked, that one is cancelled and no third is asked', async (t) => {
  const { client, invites, said } = open({ recorders: group });
  const changed = client.changed();
  await settled();
  invites[0]!.refuse({ status: 503 });
  await settled();
  await client.end();
  await changed;
  t.match(said, { lost: [], cancels: 1, forks: [] });
  t.equal(invites.length, 2);
});

t.test('keys go only to those of the group that may have them, in the session\'s changes too', async (t) => {
  const { client, invites, offers, said } = open({ recorders: ['sip:r@192.0.2.1', 'sip:r@127.0.0.1'] });
  offers({ sdp: sdpOf(1), holdsKeys: true });
  void client.changed();
  await settled();
  t.strictSame(invites.map(({ uri }) => uri), ['sip:r@127.0.0.1']);
  t.match(said.failed, [/keys are not sent unencrypted to 192.0.2.1/]);
  const dialog = invites[0]!.accept();
  await settled();
  offers({ sdp: sdpOf(2, 4_002), holdsKeys: true });
  const changed = client.changed();
  await settled();
  dialog.reinvites[0]!.answer(200);
  await changed;
  t.strictSame(said.lost, []);
});

/** A client of the group whose first recorder has answered. */
async function liveAtOne(given: Partial<Given> = {}) {
  const whole = open({ recorders: group, ...given });
  const changed = whole.client.changed();
  await settled();
  const dialog = whole.invites[0]!.accept();
  await changed;
  return { ...whole, dialog };
}

t.test('when the media or the pool shows that the recorder is gone, another has the call under the same session ID, and the anchor is told to keep what was not confirmed', async (t) => {
  for (const cause of ['port-unreachable', 'no-reports', 'dead'] as const) {
    const { client, invites, said, pooled, dialog, trouble, dead } = await liveAtOne();
    if (cause === 'dead') dead();
    else trouble(cause);
    t.equal(said.detached, 1, 'at once');
    await settled();
    t.match(invites[1], { uri: group[1], options: { headers: { 'Session-ID': new RegExp(sessionId) } } });
    t.equal(dialog.byes, 1, 'one that is only cut off is not left waiting');
    invites[1]!.accept();
    await settled();
    t.strictSame(said, { ...nothing, forks: ['first answer', 'first answer'], detached: 1, failed: said.failed, takenOver: [`${group[1]!} ${cause}`] });
    t.match(said.failed, [/one@127.0.0.1 was left/]);
    t.strictSame(pooled, { failed: cause === 'dead' ? [] : [group[0]], sessions: [group[1]], suspected: [] });
    trouble('no-reports');
    await settled();
    t.equal(invites[2]?.uri, group[0], 'and from there to the first again, which is not the one that was left');
    client.end();
  }
});

t.test('a recorder that hangs while a change is told is left when the media shows it: its answer is not waited for', async (t) => {
  const { client, invites, dialog, offers, trouble } = await liveAtOne();
  offers({ sdp: sdpOf(2, 4_002), holdsKeys: false });
  void client.changed();
  await settled();
  t.equal(dialog.reinvites.length, 1);
  trouble('no-reports');
  await settled();
  t.match(invites[1]?.options.localSdp, 'm=audio 4002');
  client.end();
  // Late, and to nobody's interest.
  dialog.reinvites[0]!.answer(200);
});

t.test('what is told of a recorder that was left already changes nothing', async (t) => {
  const { client, invites, dialog, said, trouble, dead } = await liveAtOne();
  const deadBefore = dead;
  trouble('port-unreachable');
  trouble('no-reports');
  dialog.emit('destroy');
  deadBefore();
  await settled();
  t.strictSame([invites.length, said.detached, said.failed.length], [2, 1, 1]);
  client.end();
});

t.test('of calls whose recorder dies at once each notices it before the first of them asks another', async (t) => {
  const calls = [await liveAtOne(), await liveAtOne()];
  for (const { trouble } of calls) {
    trouble('port-unreachable');
    // Messages of the media threads come one by one, and all that is promised is done between two.
    for (let step = 0; step < 100; step += 1) await Promise.resolve();
  }
  t.strictSame(calls.map(({ invites, said }) => [invites.length, said.failed.length]), [[1, 1], [1, 1]]);
  await settled();
  t.strictSame(calls.map(({ invites }) => invites.length), [2, 2]);
  for (const { client } of calls) client.end();
});

t.test('when the call ends while another takes over, that one is waited for, has what was kept, and gets its BYE', async (t) => {
  const { client, invites, said, trouble } = await liveAtOne();
  trouble('port-unreachable');
  await settled();
  const ended = client.end();
  const dialog = invites[1]!.accept();
  await ended;
  await settled();
  t.strictSame([said.forks.length, said.cancels, dialog.byes], [2, 0, 1]);
});

t.test('when another has taken over before it is known that the first will confirm nothing more, that one is waited for too', async (t) => {
  const confirmed: ((confirmed: boolean) => void)[] = [];
  const { client, invites, trouble } = await liveAtOne({ confirmed });
  const ended = client.end();
  await until(() => confirmed.length === 1);
  trouble('no-reports');
  await settled();
  const dialog = invites[1]!.accept();
  await settled();
  confirmed[0]!(false);
  await until(() => confirmed.length === 2);
  t.equal(dialog.byes, 0, 'it has yet to write what was kept');
  confirmed[1]!(true);
  await ended;
  t.equal(dialog.byes, 1);
});

t.test('those that the pool spares are not asked, and the reason says why', async (t) => {
  const { client, invites, said } = open({ recorders: group, spared: group.slice(1) });
  const changed = client.changed();
  await settled();
  invites[0]!.refuse({ status: 503 });
  await changed;
  t.strictSame(said.lost, ['sip:two@127.0.0.1 is not asked for now; sip:three@127.0.0.1 is not asked for now; the recorder sip:one@127.0.0.1 refused with 503']);
  client.end();
});

t.test('a recorder that has the call by another fork is not asked, or last', async (t) => {
  for (const [asked, order] of [['never', group.slice(1)], ['last', [...group.slice(1), group[0]!]]] as const) {
    const { client, invites } = open({ recorders: group, elsewhere: { uris: () => group.slice(0, 1), asked } });
    void client.changed();
    for (const uri of order) {
      await settled();
      t.equal(invites.at(-1)?.uri, uri);
      invites.at(-1)!.refuse({ status: 488 });
    }
    await settled();
    t.equal(invites.length, order.length);
    client.end();
  }
});

t.test('the first sign that a recorder is gone has the pool ask it; the session goes on meanwhile', async (t) => {
  const { client, invites, said, pooled, trouble } = await liveAtOne();
  trouble('port-refused');
  await settled();
  t.strictSame([pooled.suspected, invites.length, said.detached], [[group[0]], 1, 0]);
  client.end();
});

t.test('a recorder that has failed others while this search went on is not asked, and may be later', async (t) => {
  const spared: string[] = [];
  const group = ['sip:a@127.0.0.1', 'sip:b@127.0.0.1'];
  const { client, invites, said, pooled, askable } = open({ recorders: group, spared });
  const changed = client.changed();
  await settled();
  spared.push('sip:b@127.0.0.1');
  invites[0]!.refuse({ status: 503 });
  await changed;
  t.strictSame(invites.map(({ uri }) => uri), ['sip:a@127.0.0.1']);
  t.match(said.lost, [/refused with 503; sip:b@127.0.0.1 is not asked for now/u]);
  t.strictSame(pooled.failed, ['sip:a@127.0.0.1'], 'it has not failed this one');
  spared.splice(0);
  await askable();
  await until(() => invites.length === 2);
});

t.test('a recorder that has got the other copy while this search went on is not asked for a second one', async (t) => {
  const taken: string[] = [];
  const { client, invites, said } = open({ recorders: ['sip:a@127.0.0.1', 'sip:b@127.0.0.1'], elsewhere: { uris: () => taken, asked: 'never' } });
  const changed = client.changed();
  await settled();
  taken.push('sip:b@127.0.0.1');
  invites[0]!.refuse({ status: 503 });
  await changed;
  t.strictSame(invites.map(({ uri }) => uri), ['sip:a@127.0.0.1']);
  t.match(said.lost, [/sip:b@127.0.0.1 has the other copy of the call/u]);
});

t.test('a second copy waits for a recorder that does not have the first: another is there all the time, and is not waited for', async (t) => {
  const group = ['sip:a@127.0.0.1', 'sip:b@127.0.0.1'];
  const { client, awaited } = open({ recorders: group, spared: group.slice(1), elsewhere: { uris: () => group.slice(0, 1), asked: 'never' } });
  await client.changed();
  t.strictSame(await awaited(), group.slice(1));
});
