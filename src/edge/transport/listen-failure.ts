/** The one failure that a person meets when an edge starts: an address that cannot be listened on. */
import { Failure, messageOf } from '../../errors/index.js';

const causes: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another process already listens there; stop it or choose another port',
  EADDRNOTAVAIL: 'this machine has no such address; name one of its own, or 0.0.0.0 for all',
  EACCES: 'this user may not use that port; choose one above 1023',
  ENOTFOUND: 'that host name has no address; name an address instead',
};

/** `setting` is the key of the configuration that names the address. */
export function listenFailure(what: string, host: string, port: number, setting: string, thrown: unknown): Failure {
  const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : '';
  const advice = causes[code] ?? messageOf(thrown);
  return new Failure('EDGE_LISTEN', `the SIP edge cannot listen on ${what} ${host}:${port}: ${advice} (setting: ${setting})`, {
    cause: thrown,
    facts: { what, host, port, code },
  });
}
