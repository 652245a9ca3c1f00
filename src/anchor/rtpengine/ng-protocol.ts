/**
 * rtpengine's ng control protocol (its docs/ng_control_protocol.md): a cookie, a space, a dictionary. Pure.
 *
 * Written as JSON, which rtpengine takes in place of bencode, and answers in kind.
 */
/** What is asked: `command`, and what goes with it. SDP holds keys: never log one. */
export type NgCommand = Readonly<Record<string, unknown>> & { readonly command: string };

export interface NgAnswer {
  readonly cookie: string;
  /** `ok`, `pong`, `error`, … */
  readonly result: string;
  /** Of an error, for people. */
  readonly reason?: string;
  readonly sdp?: string;
  readonly toTag?: string;
}

export const encodeCommand = (cookie: string, command: NgCommand): string => `${cookie} ${JSON.stringify(command)}`;

/** Undefined for what is no answer. */
export function parseAnswer(text: string): NgAnswer | undefined {
  const space = text.indexOf(' ');
  if (space < 1) return undefined;
  let said: unknown;
  try {
    said = JSON.parse(text.slice(space + 1));
  } catch {
    return undefined;
  }
  const answer = (typeof said === 'object' && said !== null ? said : {}) as Readonly<Record<string, unknown>>;
  const result = answer['result'];
  if (typeof result !== 'string') return undefined;
  return { cookie: text.slice(0, space), result, ...textOf('reason', answer['error-reason']), ...textOf('sdp', answer['sdp']), ...textOf('toTag', answer['to-tag']) };
}

const textOf = <Name extends string>(name: Name, value: unknown): Partial<Record<Name, string>> => (typeof value === 'string' ? ({ [name]: value } as Record<Name, string>) : {});
