/**
 * The log: one line a fact, JSON for machines or plain for a terminal, on standard error, since
 * standard output belongs to `--json`.
 *
 * Nothing gets past scrub.ts: facts, those of child logs and messages alike.
 * Never called per packet; who counts packets uses metrics.ts.
 */
import { pino, type DestinationStream, type Logger } from 'pino';
import { prettyLines } from './pretty-lines.js';
import { scrubFacts, scrubText } from './scrub.js';

export const logLevels = ['debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof logLevels)[number];

/** Facts first, then the sentence: `log.info({ sessionId }, 'the call was answered')`. An error goes under `error`. */
export interface LogLine {
  (message: string): void;
  (facts: object, message: string): void;
}

export interface Log {
  readonly debug: LogLine;
  readonly info: LogLine;
  readonly warn: LogLine;
  readonly error: LogLine;
  /** A log whose every line has these facts too. */
  child(facts: object): Log;
}

export interface LogOptions {
  readonly level: LogLevel;
  /** Which process this is, in every line. */
  readonly name: string;
  /** For a person at a terminal. */
  readonly pretty?: boolean;
  /** Standard error when absent, written at once: the last words of a crash are not lost. */
  readonly to?: DestinationStream;
}

export const createLog = ({ level, name, pretty = false, to }: LogOptions): Log => {
  const destination = to ?? pino.destination({ dest: 2, sync: true });
  return wrap(
    pino(
      {
        level,
        base: { name },
        timestamp: pino.stdTimeFunctions.isoTime,
        messageKey: 'message',
        formatters: { level: (label) => ({ level: label }) },
      },
      pretty ? prettyLines(destination) : destination,
    ),
  );
};

const wrap = (logger: Logger): Log => {
  const line =
    (level: Exclude<LogLevel, 'silent'>): LogLine =>
    (factsOrMessage: object | string, message: string = ''): void => {
      if (!logger.isLevelEnabled(level)) return;
      if (typeof factsOrMessage === 'string') logger[level](scrubText(factsOrMessage));
      else logger[level](factsOf(factsOrMessage), scrubText(message));
    };
  return {
    debug: line('debug'),
    info: line('info'),
    warn: line('warn'),
    error: line('error'),
    child: (facts) => wrap(logger.child(scrubFacts(facts))),
  };
};

/** An error in place of facts is taken for what it is. */
const factsOf = (facts: object): object => scrubFacts(facts instanceof Error ? { error: facts } : facts);
