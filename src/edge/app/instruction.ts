/**
 * What a routing service answers: what is to become of a request. Pure.
 *
 * `{"action": "reject"|"redirect"|"proxy"|"route", "data": {…}}`, with the defaults of drachtio-server.
 */
export type Instruction =
  | { readonly action: 'reject'; readonly status: number; readonly reason: string | undefined }
  | { readonly action: 'redirect'; readonly contacts: readonly string[] }
  /** The tokens of a `proxy` command, after its transaction id. */
  | { readonly action: 'proxy'; readonly tokens: readonly string[] }
  | { readonly action: 'connect'; readonly host: string; readonly port: number; readonly tls: boolean }
  | { readonly action: 'tag'; readonly tag: string };

export type InstructionReason = 'no-json' | 'no-action' | 'no-data' | 'bad-status' | 'bad-contact' | 'bad-destination' | 'bad-route';

/** Where drachtio-srf listens unless it is told otherwise. */
const DEFAULT_PORT = 9021;

/** Text for a SIP header, as bytes; undefined when a control character would break its line. */
const lineOf = (value: unknown): string | undefined =>
  typeof value === 'string' && value !== '' && !/\p{Cc}/u.test(value) ? Buffer.from(value, 'utf8').toString('latin1') : undefined;

const linesOf = (value: unknown): string[] | undefined => {
  const values: unknown[] = Array.isArray(value) ? value : [value];
  const lines = values.flatMap((each) => lineOf(each) ?? []);
  return lines.length > 0 && lines.length === values.length ? lines : undefined;
};

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** `host`, `host:port` or `[v6]:port`, with `;transport=tcp` or `tls`. */
export function parseApplicationAddress(text: string): { host: string; port: number; tls: boolean } | undefined {
  const found = /^(?:\[([\da-f:.]+)\]|([^\s:;[\]/]+))(?::(\d{1,5}))?(?:;transport=(tcp|tls))?$/iu.exec(text);
  const host = found?.[1] ?? found?.[2];
  const port = found?.[3] === undefined ? DEFAULT_PORT : Number(found[3]);
  if (host === undefined || port < 1 || port > 65_535) return undefined;
  return { host, port, tls: found?.[4]?.toLowerCase() === 'tls' };
}

function parseProxy(data: Record<string, unknown>): Instruction | InstructionReason {
  const destinations = linesOf(data['destination']);
  if (destinations === undefined) return 'bad-destination';
  const timeout = (value: unknown, standard: string): string => lineOf(value) ?? standard;
  return {
    action: 'proxy',
    tokens: [
      data['recordRoute'] === true ? 'remainInDialog' : '',
      '',
      data['followRedirects'] === false ? '' : 'followRedirects',
      data['simultaneous'] === true ? 'simultaneous' : 'serial',
      timeout(data['provisionalTimeout'], '5s'),
      timeout(data['finalTimeout'], '60s'),
      ...destinations.map((each) => (/^(sips?|tel):/iu.test(each) ? each : `sip:${each}`)),
    ],
  };
}

export function parseInstruction(text: string): Instruction | InstructionReason {
  const answer = parseJson(text);
  if (!isRecord(answer)) return 'no-json';
  const { action, data } = answer;
  if (!isRecord(data)) return 'no-data';
  switch (action) {
    case 'reject': {
      const { status, reason } = data;
      if (typeof status !== 'number' || !Number.isInteger(status) || status < 300 || status > 699) return 'bad-status';
      return { action, status, reason: lineOf(reason) };
    }
    case 'redirect': {
      const contacts = linesOf(data['contact']);
      return contacts === undefined ? 'bad-contact' : { action, contacts };
    }
    case 'proxy':
      return parseProxy(data);
    case 'route': {
      const { uri, tag } = data;
      const address = typeof uri === 'string' ? parseApplicationAddress(uri) : undefined;
      if (address !== undefined) return { action: 'connect', ...address };
      return uri === undefined && typeof tag === 'string' ? { action: 'tag', tag } : 'bad-route';
    }
    default:
      return 'no-action';
  }
}
