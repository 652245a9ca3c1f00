/**
 * What a command makes of a recording: a table, pure.
 *
 * `waiting` is a recording on demand that nobody has asked for: it is captured, and discarded unless somebody asks.
 * A wish to keep is never taken back: `stop` ends what is copied, and what was recorded until then stays. A pause is
 * lifted by `resume` alone, never by `start`: who paused did so for what was being said.
 *
 * Every pair is in the table, so that each command may be repeated, and means what it says whenever it comes.
 */
export type ControlState = 'waiting' | 'waiting-paused' | 'recording' | 'paused' | 'stopped' | 'stopped-paused';
export type ControlStep = 'start' | 'stop' | 'pause' | 'resume';

export const controlTransitions: Readonly<Record<ControlState, Readonly<Record<ControlStep, ControlState>>>> = {
  'waiting': { start: 'recording', stop: 'waiting', pause: 'waiting-paused', resume: 'waiting' },
  'waiting-paused': { start: 'paused', stop: 'waiting-paused', pause: 'waiting-paused', resume: 'waiting' },
  'recording': { start: 'recording', stop: 'stopped', pause: 'paused', resume: 'recording' },
  'paused': { start: 'paused', stop: 'stopped-paused', pause: 'paused', resume: 'recording' },
  'stopped': { start: 'recording', stop: 'stopped', pause: 'stopped-paused', resume: 'stopped' },
  'stopped-paused': { start: 'paused', stop: 'stopped-paused', pause: 'stopped-paused', resume: 'stopped' },
};

export const isKept = (state: ControlState): boolean => state !== 'waiting' && state !== 'waiting-paused';

/** Whether packets go to the recorder. */
export const isCopied = (state: ControlState): boolean => state === 'waiting' || state === 'recording';
