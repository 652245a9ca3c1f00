/**
 * Whether a FreeSWITCH is there, and has what a call needs, by its event socket (mod_event_socket: headers, an empty
 * line, and a body as long as Content-Length says).
 *
 * drachtio-fsmrf takes a missing profile for a bug and ends the process, never comes back from a wrong password, and
 * goes on connecting in the background to what refuses it. So all that is looked at first, by a connection that ends.
 */
import { connect } from 'node:net';
import { Failure, messageOf } from '../../errors/index.js';

export interface EventSocketAddress {
  readonly host: string;
  readonly port: number;
  /** Never in an error. */
  readonly secret: string;
  /** The SIP profile that calls come to. */
  readonly profile: string;
}

interface Message {
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

/** An answer of ours has some kilobytes; more is no FreeSWITCH. */
const mostBytes = 1_000_000;

/** @throws Failure ANCHOR_UNREACHABLE that says what is missing. */
export async function checkEventSocket({ host, port, secret, profile }: EventSocketAddress, withinMs: number): Promise<void> {
  const where = `FreeSWITCH ${host}:${port}`;
  const fault = (why: string, cause?: unknown): Failure => new Failure('ANCHOR_UNREACHABLE', `${where} ${why}`, { cause });
  const socket = connect({ host, port, noDelay: true });
  const deadline = setTimeout(() => socket.destroy(fault(`did not answer within ${withinMs} ms: does it run, with mod_event_socket on that address?`)), withinMs);
  try {
    const messages = messagesOf(socket);
    const next = async (): Promise<Message> => {
      const { value } = await messages.next();
      if (value === undefined) throw fault('closed the connection: does its event socket allow this address (apply-inbound-acl)?');
      return value;
    };
    const ask = (command: string): Promise<Message> => {
      socket.write(`${command}\n\n`);
      return next();
    };
    if ((await next()).headers.get('content-type') !== 'auth/request') throw fault('does not ask for a password: is it its event socket? (apply-inbound-acl may refuse this address)');
    if (!(await ask(`auth ${secret}`)).headers.get('reply-text')?.startsWith('+OK')) throw fault('refused the password');
    const { body: status } = await ask('api sofia status');
    if (!profileLine(profile).test(status)) throw fault(`has no SIP profile ${profile} that runs on an IPv4 address`);
    if ((await ask('api module_exists mod_audio_fork')).body.trim() !== 'true') throw fault('has not loaded mod_audio_fork');
    socket.write('exit\n\n');
  } catch (error) {
    throw error instanceof Failure ? error : fault(`cannot be reached: ${messageOf(error)}`, error);
  } finally {
    clearTimeout(deadline);
    socket.destroy();
  }
}

/** As drachtio-fsmrf looks for it. */
const profileLine = (profile: string): RegExp => new RegExp(`^\\s*${profile}\\s.*sip:mod_sofia@(?:\\d{1,3}\\.){3}\\d{1,3}:\\d+`, 'mu');

async function* messagesOf(socket: AsyncIterable<Buffer>): AsyncGenerator<Message, undefined> {
  let text = '';
  for await (const bytes of socket) {
    text += bytes.toString('latin1');
    if (text.length > mostBytes) return undefined;
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      const headers = new Map(
        text.slice(0, end).split('\n').map((line): [string, string] => {
          const [name = '', ...value] = line.split(': ');
          return [name.trim().toLowerCase(), value.join(': ').trim()];
        }),
      );
      const length = Number(headers.get('content-length') ?? 0);
      if (!Number.isSafeInteger(length) || length < 0) return undefined;
      if (text.length < end + 2 + length) break;
      const body = text.slice(end + 2, end + 2 + length);
      text = text.slice(end + 2 + length);
      yield { headers, body };
    }
  }
  return undefined;
}
