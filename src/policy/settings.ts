/** The policy's part of the configuration: which calls are recorded. */
import { z } from 'zod';
import { parseNumberPattern, type PatternReason } from './number-pattern.js';
import { commandSources, recordingCommands } from './recording-commands.js';
import { isTimeZone, weekdays } from './schedule.js';

const faults: Readonly<Record<PatternReason, string>> = {
  'empty': 'write a number, as 7100, 72. or +44!',
  'bad-character': 'a number has digits, +, *, #, a dot for any one digit, and ! at the end for any rest; a name has letters and no spaces',
  'rest-not-last': 'the ! for any rest stands at the end',
  'too-long': 'a number has 64 characters at most',
};

export const numberPattern = z.string().superRefine((text, context) => {
  const parsed = parseNumberPattern(text);
  if (typeof parsed === 'string') context.addIssue({ code: 'custom', message: faults[parsed] });
});

export const numberList = z.array(numberPattern).min(1).max(10_000);

const timeOfDay = (latest: string): z.ZodString => z.string().regex(/^(?:[01]\d|2[0-3]):[0-5]\d$|^24:00$/u, 'write a time as 08:00').refine((text) => text <= latest, `${latest} is the latest`);

const schedule = z
  .strictObject({
    from: timeOfDay('23:59').default('00:00').describe('first minute of it'),
    to: timeOfDay('24:00').default('24:00').describe('first minute that is not in it; at or before `from` it is that of the next day'),
    days: z.array(z.enum(weekdays)).min(1).max(7).default([...weekdays]).describe('weekdays on which it begins'),
    timeZone: z.string().refine(isTimeZone, 'write a time zone as Europe/Berlin or UTC').describe('whose days and hours these are'),
  })
  .describe('weekdays and hours');

const headerCondition = z.strictObject({
  name: z.string().regex(/^[-!%*+'`~.\w]{1,64}$/u, 'write the name of a header').describe('a header of the INVITE, in its long form'),
  is: z.string().max(512).optional().describe('its value, whole; upper and lower case are one'),
  has: z.string().min(1).max(512).optional().describe('what its value has in it; upper and lower case are one'),
}).refine(({ is, has }) => is === undefined || has === undefined, 'say `is` or `has`, not both');

/** Who is meant, by number. */
const parties = {
  caller: numberList.optional().describe('patterns of which one fits the caller'),
  callee: numberList.optional().describe('patterns of which one fits the callee'),
  party: numberList.optional().describe('patterns of which one fits the caller or the callee'),
};

const conditions = z
  .strictObject({
    ...parties,
    trunk: z.array(z.string().min(1).max(64)).min(1).optional().describe('names of trunks, of which the call came by one'),
    direction: z.enum(['inbound', 'outbound']).optional().describe('to a number of the site from outside, or from one of its numbers to outside; see `internal`'),
    traffic: z.enum(['internal', 'external']).optional().describe('internal: both parties are numbers of the site'),
    headers: z.array(headerCondition).max(16).default([]).describe('headers that the INVITE has, each of them'),
    hours: schedule.optional(),
    percent: z.number().min(0).max(100).optional().describe('a share of the calls, chosen by session ID: the same ones at every proxy'),
  })
  .describe('what a call must be; all of it');

/** The name of a group of recorders, of a retention class or of an announcement, as the configuration gives it. */
export const configuredName = z.string().regex(/^[\w.-]{1,64}$/u, 'write a name of 1 to 64 letters, digits, dots, hyphens and underscores');

/** By how many recorders a call is recorded. */
export const redundancies = ['single', 'primary-backup', 'dual', 'split'] as const;

const recorders = z
  .strictObject({
    group: configuredName.default('default').describe('a name out of `recording.recorders`'),
    redundancy: z
      .enum(redundancies)
      .default('primary-backup')
      .describe('single: only the first recorder of the group has the call; primary-backup: another one of the group when that does not take it, or is gone in mid-call; dual: two of them have all of it, each followed by another when it is gone; split: one has what the caller says, another what the callee says'),
  })
  .prefault({})
  .describe('where its recordings go');

/** Of all of them together the audio is kept in memory. */
const announcementLimit = 32;

const listeners = z.enum(['caller', 'callee', 'both']).default('both');

/** What the parties are told of being recorded: calls that are not recorded are told nothing. */
const noticeShape = {
  announcement: z
    .strictObject({
      name: configuredName.describe('which one, of `policy.announcements`'),
      to: listeners.describe('who hears it'),
      when: z.enum(['before', 'at']).default('at').describe('at: from when the call is connected, in place of what the other party says; before: and neither party hears the other until it is over'),
    })
    .optional()
    .describe('an audio file that is played when the recording begins: to a call on demand, when somebody asks for it'),
  beep: z
    .strictObject({
      everySeconds: z.int().min(5).max(600).default(15).describe('from the beginning of one to the beginning of the next'),
      to: listeners.describe('who hears it'),
    })
    .optional()
    .describe('a tone of half a second at 1400 Hz, mixed with what is said, as long as the recording runs'),
};

/** What a rule decides, or whoever decides in its place. */
export const outcomeShape = {
  record: z.enum(['always', 'on-demand', 'never']).describe('whether its calls are recorded; on-demand: kept from the beginning once somebody asks, else discarded'),
  pausable: z.boolean().default(false).describe('true: the recording may be paused and resumed while the call runs'),
  commands: z.array(z.enum(recordingCommands)).max(recordingCommands.length).optional().describe('what may be said of the recording while the call runs, in place of what `record` and `pausable` allow'),
  commandsFrom: z.array(z.enum(commandSources)).max(commandSources.length).default([...commandSources]).describe('from where it may be said'),
  mandatory: z.boolean().default(false).describe('true: a call that cannot be recorded is refused'),
  refuseWith: z.int().min(400).max(699).default(503).describe('the status it is refused with'),
  recorders,
  retention: configuredName.default('standard').describe('for how long its recordings are kept: a class out of `retention`'),
  dtmfMasked: z.boolean().default(false).describe('true: which keys the parties press is not in what is recorded'),
  decrypt: z.boolean().optional().describe('with anchor.rtpengine: whether the copies of SRTP calls go to the recorder decrypted; left out: as anchor.rtpengine.decrypt'),
  tell: z.enum(['header', 'xmf']).optional().describe('with anchor.none: how the switch is told; left out: by xmf where anchor.none has it'),
  ...noticeShape,
};

const keySequence = z.string().regex(/^[0-9*#A-D]{1,8}$/u, 'write one to eight keys out of 0 to 9, *, # and A to D').optional();

/** A sequence within another would be taken before the other is complete. */
const apart = (sequences: Readonly<Record<string, string | undefined>>): boolean => {
  const said = Object.values(sequences).filter((sequence) => sequence !== undefined);
  return said.every((one, at) => said.every((other, where) => at === where || !other.includes(one)));
};

const dtmf = z
  .strictObject({
    start: keySequence.describe('keys that say start'),
    stop: keySequence.describe('keys that say stop'),
    pause: keySequence.describe('keys that say pause'),
    resume: keySequence.describe('keys that say resume'),
  })
  .refine(apart, 'one sequence is, or is within, another')
  .prefault({})
  .describe('key sequences by which a party commands the recording of its call');

export const policySettings = z
  .strictObject({
    internal: z.array(numberPattern).max(10_000).default([]).describe('the numbers of the site, for `direction` and `traffic`'),
    deny: z
      .array(z.strictObject(parties).refine((entry) => Object.values(entry).some((list) => list !== undefined), 'say caller, callee or party'))
      .max(10_000)
      .default([])
      .describe('calls that are never recorded, whatever the rules say'),
    rules: z
      .array(z.strictObject({ name: z.string().min(1).max(64).describe('what the ledger calls it'), when: conditions.prefault({}), ...outcomeShape }))
      .max(10_000)
      .refine((rules) => new Set(rules.map(({ name }) => name)).size === rules.length, 'two rules have the same name')
      .default([])
      .describe('the first that fits a call decides'),
    otherwise: z.strictObject({ ...outcomeShape, record: outcomeShape.record.default('always') }).prefault({}).describe('the calls that no rule fits'),
    dtmf,
    announcements: z
      .record(configuredName, z.string().min(1).max(1_024))
      .refine((files) => Object.keys(files).length <= announcementLimit, `at most ${announcementLimit} announcements`)
      .default({})
      .describe('audio files by the names that rules use: WAV, PCM of 16 bits or G.711, of a minute at most'),
  })
  .describe('which calls are recorded');

export type PolicySettings = z.infer<typeof policySettings>;
export type ConditionSettings = z.infer<typeof conditions>;
export type DenySettings = PolicySettings['deny'][number];
export type Outcome = PolicySettings['otherwise'];
