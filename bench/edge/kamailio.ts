/** Kamailio as a stateful, record-routing proxy: the peer of the proxied shapes. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync, openSync, closeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { memoryBytes, portTaken, processTree, usageOf } from '../process-usage.js';
import { takePort } from './ports.js';
import type { Site, Subject } from './shapes.js';

/** Undefined when it is not installed. */
export function kamailioVersion(): string | undefined {
  const { error, stdout } = spawnSync('kamailio', ['-v'], { encoding: 'utf8' });
  return error === undefined ? /kamailio (\S+)/.exec(stdout)?.[1] : undefined;
}

/**
 * The least that a proxy of a trunk does, as the embedded edge does it: Max-Forwards, 100 Trying, transactions,
 * Record-Route. Nothing is logged. Two workers a transport: the machines this runs on have few cores, and more
 * only wait for each other.
 */
const config = (port: number, calleePort: number): string => `#!KAMAILIO
debug=0
log_stderror=yes
children=2
tcp_children=2
auto_aliases=no
dns=no
rev_dns=no
disable_sctp=yes
listen=udp:127.0.0.1:${port}
listen=tcp:127.0.0.1:${port}

loadmodule "sl.so"
loadmodule "tm.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "maxfwd.so"
loadmodule "textops.so"
loadmodule "siputils.so"

request_route {
  if (!mf_process_maxfwd_header("70")) {
    sl_send_reply("483", "Too Many Hops");
    exit;
  }
  if (is_method("CANCEL")) {
    if (t_check_trans()) t_relay();
    exit;
  }
  if (has_totag()) {
    if (loose_route()) {
      if (!t_relay()) sl_reply_error();
    } else if (is_method("ACK")) {
      if (t_check_trans()) t_relay();
    } else {
      sl_send_reply("404", "Not here");
    }
    exit;
  }
  if (!t_newtran()) exit;
  record_route();
  if ($proto == "tcp") {
    $ru = "sip:callee@127.0.0.1:${calleePort};transport=tcp";
  } else {
    $ru = "sip:callee@127.0.0.1:${calleePort}";
  }
  if (!t_relay()) sl_reply_error();
}
`;

/** It ends by itself after this long, should the bench not be there any more to end it. */
const livesSeconds = 4 * 3_600;
const startsWithinMs = 10_000;

/** Throws when it does not start, with what it said. */
export async function openKamailio({ calleePort, dir }: Site): Promise<Subject> {
  const port = takePort();
  const home = join(dir, `kamailio-${port}`);
  mkdirSync(home);
  const file = join(home, 'kamailio.cfg');
  writeFileSync(file, config(port, calleePort));
  const said = join(home, 'stderr');
  const output = openSync(said, 'w');
  // -DD: in the foreground, with its workers.
  const child = spawn('timeout', ['--kill-after=5', String(livesSeconds), 'kamailio', '-DD', '-E', '-f', file, '-Y', home, '-w', home, '-m', '256'], { stdio: ['ignore', output, output] });
  closeSync(output);
  const exited = once(child, 'exit');
  const ended = (): boolean => child.exitCode !== null || child.signalCode !== null;
  const close = async (): Promise<void> => {
    if (ended()) return;
    child.kill('SIGTERM');
    await exited;
  };
  const deadline = Date.now() + startsWithinMs;
  while (!(portTaken('udp', port) && portTaken('tcp', port))) {
    if (ended() || Date.now() > deadline) {
      await close();
      throw new Error(`Kamailio did not start: ${readFileSync(said, 'utf8').slice(-2_000)}`);
    }
    await sleep(50);
  }
  // Its workers come after its ports; there are no others later.
  await sleep(500);
  const [, ...pids] = processTree(child.pid ?? 0);
  return {
    name: 'kamailio',
    host: '127.0.0.1',
    port,
    usage: () => usageOf(pids),
    memoryBytes: () => memoryBytes(pids),
    inside: () => Promise.resolve(undefined),
    profile: () => Promise.resolve(),
    close,
  };
}
