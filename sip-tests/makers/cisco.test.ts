/** Cisco without SIPREC: the built-in bridge of phones (BIB), and network-based recording of gateways (NBR). */
import { randomInt } from 'node:crypto';
import t from 'tap';
import { afterAPause, isRecorded, openBed, openPair, openSpeaker, packets, portsOf, second, talk } from './bed.js';
import { bye, invite, startFlow, update, wait } from './flow.js';
import { bibAnswer, ciscoBib, ciscoNbr } from './offers.js';

t.jobs = 4;
const bed = openBed({ recorder: { codecs: ['PCMA', 'PCMU', 'G722'] } });
const guid = (): string => Array.from({ length: 4 }, () => String(randomInt(2 ** 32)).padStart(10, '0')).join('-');
const refci = (): string => String(randomInt(2 ** 31));
const hexOf = (text: string): string => text.split('-').map((word) => Number(word).toString(16).padStart(8, '0')).join('');

t.test('BIB: two INVITEs without SDP are offered our codecs, and become one recording: the near end left, the far end right', async (t) => {
  const { workspace } = await bed;
  const [reference, near, far] = [refci(), await openSpeaker(t, 0), await openSpeaker(t, 0)];
  const flows = await Promise.all([
    startFlow(workspace, 'bibnear', [invite(ciscoBib('nearend', reference, guid()), bibAnswer(near.port)), wait, bye]),
    startFlow(workspace, 'bibfar', [invite(ciscoBib('farend', reference, guid()), bibAnswer(far.port)), wait, bye]),
  ]);
  const offers = await Promise.all(flows.map((flow) => flow.answer(1)));
  for (const { media } of offers) t.match(media, [{ kind: 'audio', protocol: 'RTP/AVP', direction: 'recvonly', codecs: [{ name: 'PCMA' }, { name: 'PCMU' }, { name: 'G722' }, { name: 'telephone-event' }] }]);
  const [nearSaid, farSaid] = await Promise.all([near.say(offers[0]?.media[0]?.port ?? 0, packets, second('caller', 0)), far.say(offers[1]?.media[0]?.port ?? 0, packets, second('callee', 0))]);
  for (const flow of flows) await flow.go();
  await Promise.all(flows.map((flow) => flow.done));
  const report = await isRecorded(t, await bed, `${reference}@Cluster1`, [{ party: 'sip:7001@192.0.2.28', spoken: [nearSaid] }, { party: 'sip:4006@192.0.2.28', spoken: [farSaid] }]);
  t.equal(report.captures.length, 2);
});

t.test('BIB: the far side moves, an UPDATE says to whom; a new pair of a phone that took the call over is a recording of its own', async (t) => {
  const { workspace } = await bed;
  const [reference, near, far] = [refci(), await openSpeaker(t, 0), await openSpeaker(t, 0)];
  const flows = await Promise.all([
    startFlow(workspace, 'bibnear', [invite(ciscoBib('nearend', reference, guid()), bibAnswer(near.port)), wait, update(ciscoBib('nearend', reference, guid(), '5005')), wait, bye]),
    startFlow(workspace, 'bibfar', [invite(ciscoBib('farend', reference, guid()), bibAnswer(far.port)), wait, update(ciscoBib('farend', reference, guid(), '5005')), wait, bye]),
  ]);
  const [toNear, toFar] = (await Promise.all(flows.map((flow) => flow.answer(1)))).map(({ media }) => media[0]?.port ?? 0);
  const say = (nth: number) => Promise.all([near.say(toNear ?? 0, packets, second('caller', nth)), far.say(toFar ?? 0, packets, second('callee', nth))]);
  const before = await say(0);
  for (const flow of flows) await flow.go();
  const after = await say(1);
  for (const flow of flows) await flow.go();
  await Promise.all(flows.map((flow) => flow.done));
  await isRecorded(t, await bed, `${reference}@Cluster1`, [{ party: 'sip:7001@192.0.2.28', spoken: [before[0], after[0]] }, { party: 'sip:5005@192.0.2.28', spoken: [before[1], after[1]] }]);
});

t.test('NBR: no metadata; a re-INVITE brings another port and another participant, and both are in the recording', async (t) => {
  const { workspace } = await bed;
  const [id, speakers, third] = [guid(), await openPair(t, 0), await openSpeaker(t, 0)];
  const [ann, bob, carl] = ['sip:708090@192.0.2.5', 'sip:10000@192.0.2.32', 'sip:10001@192.0.2.33'] as const;
  const flow = await startFlow(workspace, 'nbr', [
    invite(ciscoNbr(portsOf(speakers), id, [ann, bob])), wait,
    invite(ciscoNbr([speakers[0].port, third.port], id, [ann, carl], 2)), wait, bye,
  ]);
  const { media, text } = await flow.answer(1);
  t.notMatch(text, /siprec/u);
  const before = await talk(speakers, media);
  await flow.go();
  const moved = await flow.answer(2);
  await afterAPause();
  const after = await talk([speakers[0], third], moved.media, 1);
  await flow.go();
  await flow.done;
  await isRecorded(t, await bed, hexOf(id), [{ party: ann, spoken: [before[0], after[0]] }, { party: carl, spoken: [before[1], after[1]] }]);
});
