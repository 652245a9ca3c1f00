/**
 * An SBC that forks by itself: the proxy tells it which calls to record, it opens its own recording session (SIPREC), and
 * what comes of it, or does not, stands in the ledger.
 */
import { createSocket } from 'node:dgram';
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { encodePcmu, encodeRtp } from '../../src/media/index.js';
import { connectSip, encodeMetadata, encodeMultipart, encodeRecordingOffer, hangUp, metadataContentType, readSdp, type SipConnection, type SipDialog } from '../../src/sip/index.js';
import { listed, startProduct, until } from '../support/product.js';
import { openWorkspace } from '../support/workspace.js';

const [loopback, packets] = ['127.0.0.1', 100];
const sdp = ['v=0', `o=- 1 1 IN IP4 ${loopback}`, 's=-', `c=IN IP4 ${loopback}`, 't=0 0', 'm=audio 40000 RTP/AVP 0', ''].join('\r\n');

const openSip = (port: number): Promise<SipConnection> =>
  connectSip({ settings: { listen: [{ transport: 'udp', host: loopback, port }, { transport: 'tcp', host: loopback, port }] }, onCrash: () => undefined, onTrouble: () => undefined });

/** What the SBC does: a recording session of its own, with two seconds of each party. */
async function record(sbc: SipConnection, recorderPort: number, sessionId: string): Promise<void> {
  const codecs = [{ payloadType: 0, name: 'PCMU', clockRate: 8_000, channels: 1 }];
  const stream = (label: string) => ({ label, protocol: 'RTP/AVP' as const, codecs, crypto: [], direction: 'sendonly' as const, port: 40_002 });
  const at = new Date().toISOString();
  const { contentType, body } = encodeMultipart(
    [
      { contentType: 'application/sdp', content: encodeRecordingOffer({ address: loopback, origin: '1', sessionVersion: 1, media: [stream('1'), stream('2')] }) },
      {
        contentType: metadataContentType,
        disposition: 'recording-session',
        content: encodeMetadata({
          dataMode: 'complete',
          associatedAt: at,
          sessions: [{ id: 'c2Vzc2lvbg==', sipSessionIds: [`${sessionId};remote=${'0'.repeat(32)}`], startedAt: at }],
          participants: [
            { id: 'Y2FsbGVy', aor: 'sip:ann@127.0.0.1', sends: ['b25l'], receives: ['dHdv'] },
            { id: 'Y2FsbGVl', aor: 'sip:bob@127.0.0.1', sends: ['dHdv'], receives: ['b25l'] },
          ],
          streams: [{ id: 'b25l', label: '1', sessionId: 'c2Vzc2lvbg==' }, { id: 'dHdv', label: '2', sessionId: 'c2Vzc2lvbg==' }],
        }),
      },
    ],
    'switch',
  );
  const dialog = await sbc.srf.createUAC(`sip:rec@${loopback}:${recorderPort};transport=tcp`, { localSdp: body, headers: { 'Content-Type': contentType, Require: 'siprec', Contact: '<sip:sbc@localhost>;+sip.src' } });
  const answer = readSdp(dialog.remote.sdp);
  if (typeof answer === 'string') throw new Error(`the recorder's answer cannot be read: ${answer}`);
  const sockets = answer.media.map(() => createSocket('udp4'));
  for (let n = 0; n < packets; n += 1) {
    answer.media.forEach(({ port }, side) => {
      const payload = encodePcmu(Int16Array.from({ length: 160 }, (_, k) => 8_000 * Math.sin(((n * 160 + k) * (side + 1)) / 4)));
      sockets[side]?.send(encodeRtp({ payloadType: 0, sequenceNumber: n, timestamp: n * 160, ssrc: side + 1, payload }), port, loopback);
    });
    await delay(20);
  }
  await hangUp(dialog);
  for (const socket of sockets) socket.close();
}

t.test('the SBC is told which calls to record; what it records is paired by session ID, and what it forgets is lost, with the reason', { timeout: 90_000 }, async (t) => {
  const workspace = await openWorkspace({
    anchor: { none: { header: { name: 'X-Record', value: 'yes;session={sessionId}' }, captureWithinSeconds: 2 } },
    policy: { rules: [{ name: 'private', when: { callee: ['+49!'] }, record: 'never' }] },
  });
  t.teardown(() => workspace.remove());
  const product = await startProduct(workspace);
  t.teardown(() => product.stop());
  const [sbc, caller] = [await openSip(workspace.nextHopPort), await openSip(0)];
  t.teardown(() => Promise.all([sbc.close(), caller.close()]));

  const told: (string | undefined)[] = [];
  const recorded: Promise<void>[] = [];
  sbc.srf.invite((request, response) => {
    const header = request.has('x-record') ? request.get('x-record') : undefined;
    told.push(header);
    const sessionId = /session=([0-9a-f]{32})/u.exec(header ?? '')?.[1];
    // It forgets the calls of one number.
    if (sessionId !== undefined && !request.uri.includes('+4466')) recorded.push(record(sbc, workspace.recorderPort, sessionId));
    void sbc.srf.createUAS(request, response, { localSdp: sdp });
  });
  const call = async (number: string): Promise<SipDialog> => caller.srf.createUAC(`sip:${number}@${loopback}:${workspace.sipPort}`, { localSdp: sdp, headers: { From: '<sip:ann@127.0.0.1>' } });
  const dialogs = [await call('+4420'), await call('+4466'), await call('+4930')];
  await Promise.all(recorded);
  for (const dialog of dialogs) await hangUp(dialog);
  t.match(told, [/^yes;session=[0-9a-f]{32}$/u, /^yes;session=[0-9a-f]{32}$/u, undefined]);
  const byCallee = async (number: string) => (await listed(workspace)).find(({ callee }) => callee.includes(number));
  await until(async () => (await byCallee('+4466'))?.state === 'lost' && (await byCallee('bob'))?.state === 'complete', 'a recording of the one and the loss of the other are in the ledger');
  t.match(await byCallee('+4466'), { state: 'lost', reason: /the switch was to record it, and no capture came within 2 s/ });
  t.match(await byCallee('+4930'), { state: 'excluded', reason: 'not to be recorded: rule private' });
  const made = await byCallee('bob');
  t.match(told[0], made?.sessionId ?? 'none', 'under the session ID of the call');
  t.ok(Math.abs((made?.durationMs ?? 0) - packets * 20) < 100, `${made?.durationMs} ms of ${packets * 20}`);
  t.equal((await listed(workspace)).length, 3);
});
