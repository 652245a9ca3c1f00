/** The configuration's groups of recorders and classes of retention, and whether rules name and ask for what there is. */
import { z } from 'zod';
import { toldBy, type AnchorSettings } from '../anchor/index.js';
import { audioFormats } from '../media/index.js';
import { recorderPoolSettings } from '../recorder-pool/index.js';
import { configuredName, type Outcome, type PolicySettings } from '../policy/index.js';
import { groupOf, retentionClassOf } from './recording-terms.js';
import { sipUri } from './trunk-settings.js';

export const recordingSettings = z
  .strictObject({
    recorder: sipUri.optional().describe('the recorder that takes the recording sessions (SIPREC): short for a group `default` of this one'),
    recorders: z
      .record(configuredName, z.strictObject({
          uris: z
            .array(z.union([sipUri, z.strictObject({ uri: sipUri.describe('the recorder'), priority: z.int().min(1).max(100).describe('the least is asked first; those of one priority share the calls') })]))
            .min(1)
            .max(8)
            .describe('recorders, each as its URI, which is asked after those before it, or with a priority'),
        }))
      .default({})
      .describe('groups of recorders, by the names that rules give'),
    pool: recorderPoolSettings.describe('how it is seen which recorders are there'),
    answerTimeoutMs: z.int().min(100).max(30_000).default(4_000).describe('how long one recorder may take to answer'),
    withinMs: z.int().min(100).max(60_000).default(8_000).describe('how long recorders of the group are tried one after the other'),
    afterCallMs: z.int().min(0).max(10_000).default(8_000).describe('how long after the end of a call recorders are asked for the rest of it that none has taken'),
    keys: z.enum(['siprec', 'none']).default('siprec').describe('none: SRTP keys are never in what the recorder is offered; they come by themselves, sealed'),
    keysInClear: z
      .boolean()
      .default(false)
      .describe('true: SRTP keys may travel to the recorder over UDP or TCP unencrypted even when it is not on this machine'),
    format: z.enum(audioFormats).default('wav').describe('what the stitcher makes recordings as'),
    parties: z.enum(['separate', 'mixed']).default('separate').describe('of more than two parties: a channel each, or the caller left and all others right'),
  })
  .refine((settings) => settings.recorder === undefined || !Object.hasOwn(settings.recorders, 'default'), {
    path: ['recorder'],
    message: 'say recorder or recorders.default, not both',
  })
  .prefault({});

export type RecordingSettings = z.infer<typeof recordingSettings>;

export const retentionSettings = z.record(
  configuredName,
  z.strictObject({ days: z.int().min(1).max(36_500).optional().describe('for how many days; left out: without an end') }),
);

export type RetentionSettings = z.infer<typeof retentionSettings>;

interface Whole {
  readonly policy: Pick<PolicySettings, 'rules' | 'otherwise' | 'announcements'>;
  readonly anchor: AnchorSettings;
  readonly recording: RecordingSettings;
  readonly retention: RetentionSettings;
}

/** What only one who has the media, or the recording session, can do. */
const beyondASwitch = ({ record, pausable, commands, mandatory, recorders: { group }, retention, dtmfMasked }: Outcome): readonly string[] =>
  Object.entries({ record: record === 'on-demand', pausable, commands: commands !== undefined, mandatory, recorders: group !== 'default', retention: retention !== 'standard', dtmfMasked })
    .filter(([, asked]) => asked)
    .map(([key]) => key);

/** Names in rules that the configuration does not have, and what it has no means for. */
export function checkOutcomes({ policy, anchor, recording, retention }: Whole, complain: (path: (string | number)[], message: string) => void): void {
  const check = (outcome: Outcome, path: (string | number)[]): void => {
    const { recorders: { group, redundancy }, retention: name, announcement, beep } = outcome;
    // That there is a group `default` is checked below.
    if (group !== 'default' && groupOf(recording, group) === undefined) complain([...path, 'recorders', 'group'], `there is no group "${group}" in recording.recorders`);
    if ((redundancy === 'dual' || redundancy === 'split') && anchor.none !== undefined) complain([...path, 'recorders', 'redundancy'], 'a Cisco gateway makes one copy of a call: say single or primary-backup');
    if ((redundancy === 'dual' || redundancy === 'split') && groupOf(recording, group)?.length === 1) complain([...path, 'recorders', 'redundancy'], `${redundancy} needs two recorders, the group "${group}" has one`);
    if (retentionClassOf(retention, name) === undefined) complain([...path, 'retention'], `there is no class "${name}" in retention`);
    if (announcement !== undefined && !Object.hasOwn(policy.announcements, announcement.name)) {
      complain([...path, 'announcement', 'name'], `there is no "${announcement.name}" in policy.announcements`);
    }
    for (const [key, notice] of Object.entries({ announcement, beep })) {
      if (notice === undefined || anchor.relay !== undefined || anchor.freeswitch?.sounds !== undefined) continue;
      complain([...path, key], 'it is played by the built-in relay, or by FreeSWITCH out of a folder: say anchor.relay, or anchor.freeswitch.sounds');
    }
    if (outcome.decrypt !== undefined && anchor.rtpengine === undefined) complain([...path, 'decrypt'], 'only rtpengine decrypts copies: say anchor.rtpengine');
    if (anchor.none === undefined) {
      if (outcome.tell !== undefined) complain([...path, 'tell'], 'nobody is told: the switch does not fork (anchor.none)');
    } else if (outcome.tell === 'xmf' && anchor.none.xmf === undefined) complain([...path, 'tell'], 'there is no anchor.none.xmf');
    else if (toldBy(outcome.tell, anchor.none) === 'header') {
      for (const key of beyondASwitch(outcome)) complain([...path, key], 'the switch forks by itself (anchor.none) and is told no more than that a call is to be recorded');
    } else if (outcome.dtmfMasked) complain([...path, 'dtmfMasked'], 'pressed keys cannot be kept out of copies that a Cisco gateway makes');
  };
  const encrypted = [policy.otherwise, ...policy.rules].some(({ record, decrypt = anchor.rtpengine?.decrypt }) => record !== 'never' && decrypt === false);
  if (recording.keys === 'none' && encrypted) complain(['recording', 'keys'], 'rtpengine sends no SRTP without a key in the answer: say anchor.rtpengine.decrypt, in rules too, or leave this at siprec');
  if ((anchor.none === undefined || anchor.none.xmf !== undefined) && groupOf(recording, 'default') === undefined) {
    complain(['recording', 'recorder'], 'say which recorder is asked where a rule names none: recorder, or recorders.default');
  }
  policy.rules.forEach((rule, n) => check(rule, ['policy', 'rules', n]));
  check(policy.otherwise, ['policy', 'otherwise']);
}
