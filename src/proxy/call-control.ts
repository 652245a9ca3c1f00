/**
 * The control of one recording while its call runs: takes commands, and has them done.
 *
 * Owns       the state, and what was said so far: pauses, tags, who asked for what.
 * Leaves to  control-states.ts what a command means; policy/ who may give it; the anchor the copies, which stop with
 *            the command itself; the recording client what the recorder is told, which may be later.
 */
import type { AnchoredCall } from '../anchor/index.js';
import { allowedCommands, type CommandSource, type Decision } from '../policy/index.js';
import { controlBounds, type RecordingControl } from '../sip/index.js';
import { controlTransitions, isCopied, isKept, type ControlState, type ControlStep } from './control-states.js';

export type ControlCommand = { readonly command: ControlStep } | { readonly command: 'tag'; readonly name: string; readonly value: string };

/** What came of a command, and what the recording is now. */
export type ControlAnswer = { readonly state: ControlState; readonly refused?: string };

export interface CallControlOptions {
  readonly decision: Decision;
  readonly media: Pick<AnchoredCall, 'pauseFork' | 'resumeFork'>;
  /** The recorder is to be told. */
  readonly onChanged: () => void;
  /** Each command, for the log and the metrics. */
  readonly onCommand: (command: ControlCommand['command'], source: CommandSource, answer: ControlAnswer) => void;
  /** Unix ms. */
  readonly now: () => number;
}

const tagName = /^[\w.-]{1,64}$/;
/** No line of its own, nothing that a terminal obeys. */
const tagValue = /^[^\p{C}]{1,256}$/u;

export class CallControl {
  readonly #options: CallControlOptions;
  readonly #tags = new Map<string, string>();
  #state: ControlState;
  #pauses: readonly { readonly fromMs: number; readonly toMs?: number }[] = [];
  #said: RecordingControl['said'] = [];

  constructor(options: CallControlOptions) {
    this.#options = options;
    this.#state = options.decision.record === 'on-demand' ? 'waiting' : 'recording';
  }

  get state(): ControlState {
    return this.#state;
  }

  /** False: nobody has asked for this recording. */
  get kept(): boolean {
    return isKept(this.#state);
  }

  /** What was noted on the call. */
  get tags(): Readonly<Record<string, string>> {
    return Object.fromEntries(this.#tags);
  }

  /** What the recorder is to know; undefined while there is nothing that it would not do anyway. */
  get wishes(): RecordingControl | undefined {
    if (this.kept && this.#said.length === 0) return undefined;
    return { keep: this.kept, pauses: this.#pauses, said: this.#said, tags: this.tags };
  }

  /** @param by who, as the report tells it: `api`, `dtmf caller`. */
  command(command: ControlCommand, source: CommandSource, by: string): ControlAnswer {
    const refused = this.#refusal(command, source);
    if (refused === undefined) this.#obey(command, by);
    const answer = { state: this.#state, ...(refused === undefined ? {} : { refused }) };
    this.#options.onCommand(command.command, source, answer);
    return answer;
  }

  #refusal(command: ControlCommand, source: CommandSource): string | undefined {
    const { decision } = this.#options;
    if (!decision.commandsFrom.includes(source)) return `${decision.decidedBy} takes no commands from ${source}`;
    if (!allowedCommands(decision).has(command.command)) return `${decision.decidedBy} does not allow ${command.command}`;
    if (command.command !== 'tag') return undefined;
    if (!tagName.test(command.name)) return 'the name of a tag has 1 to 64 letters, digits, dots, hyphens and underscores';
    if (!tagValue.test(command.value)) return 'the value of a tag has 1 to 256 characters, none of them for control';
    if (this.#tags.size >= controlBounds.tags && !this.#tags.has(command.name)) return `the call has ${controlBounds.tags} tags, no more are taken`;
    return undefined;
  }

  /** What changes nothing is not told to anybody. */
  #obey(command: ControlCommand, by: string): void {
    if (command.command === 'tag') {
      if (this.#tags.get(command.name) === command.value) return;
      this.#tags.set(command.name, command.value);
    } else {
      const next = controlTransitions[this.#state][command.command];
      if (next === this.#state) return;
      this.#enter(next);
    }
    // What the report has room for: a call that is commanded more often keeps the newest.
    this.#said = [...this.#said, { atMs: this.#options.now(), command: command.command, by }].slice(-controlBounds.said);
    this.#options.onChanged();
  }

  #enter(next: ControlState): void {
    const before = this.#state;
    this.#state = next;
    if (isCopied(before) === isCopied(next)) return;
    const { media, now } = this.#options;
    if (isCopied(next)) {
      void media.resumeFork();
      this.#pauses = this.#pauses.map(({ fromMs, toMs = now() }) => ({ fromMs, toMs }));
      return;
    }
    void media.pauseFork();
    this.#pauses = bounded([...this.#pauses, { fromMs: now() }]);
  }
}

/** The oldest two become one: what was copied between them is sound, whatever the list says of it. */
function bounded(pauses: RecordingControl['pauses']): RecordingControl['pauses'] {
  const [first, second, ...rest] = pauses;
  if (first === undefined || second === undefined || pauses.length <= controlBounds.pauses) return pauses;
  return [{ ...second, fromMs: first.fromMs }, ...rest];
}
