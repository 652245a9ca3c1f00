#!/usr/bin/env node
/**
 * The command line. Exit status: 0 done, 1 a failure that the message explains, 2 wrong usage.
 *
 * Owns       arguments and exit status.
 * Leaves to  one file a command what is done.
 */
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { parseTag } from '../api/index.js';
import { defaultConfigFile, loadConfig, type Config } from '../config/index.js';
import { Failure } from '../errors/index.js';
import { parseRtpRule, type RtpRule } from '../ingest/index.js';
import { listedStates, type ListedState, type ListFilter } from '../ledger/index.js';
import { audioFormats, srtpSuites, type AudioFormat } from '../media/index.js';
import { loadAnnouncements } from '../proxy/index.js';
import { roleNames, type Role } from '../roles/index.js';
import { call, type CallOptions } from './call.js';
import { ingest, type IngestCommand } from './ingest.js';
import { explain, type ExplainOptions } from './explain.js';
import { sealKeys, sendKeys, type SealOptions } from './keys.js';
import { openLibrary } from './library.js';
import { allRecordings, exportAudio, list, show, verify } from './recordings.js';
import { start } from './start.js';
import { print } from './terminal.js';
import { version } from './version.js';

const ingestHelp = `
--rtp ADDRESS:PORT=CODEC[,CODEC...][,caller|,callee]
  What comes from there is of these codecs; what goes there is of its peer. CODEC is a name, with @NUMBER where
  RFC 3551 gives it no payload type: --rtp 192.0.2.1:4000=PCMU,telephone-event@101,caller --rtp 192.0.2.7:6000=opus@111

--keys FILE: lines of [SELECTOR...] SUITE inline:BASE64, as in an a=crypto line. Selectors, all of which must hold:
  192.0.2.1:4000   packets from there            call:CALL-ID    of the leg with that Call-ID
  ssrc:0x1a2b3c4d  packets of that source        session:ID      of that session
  caller, callee   of that party                 (without any)   tried for every encrypted stream
  Or what \`twintrack keys seal\` printed; it is opened with the vault's keys of the configuration.
`;

interface WithConfig {
  readonly config: string;
}

const configOf = ({ config }: WithConfig): Promise<Config> => loadConfig(config);

const program = new Command('twintrack')
  .description('Records the calls of SIP trunks: both sides in their place, sealed, and every call accounted for.')
  .version(version)
  .exitOverride()
  .showHelpAfterError()
  .enablePositionalOptions();

const configOption = (): Option => new Option('--config <file>', 'the configuration').default(defaultConfigFile, 'everything on the loopback').env('TWINTRACK_CONFIG');

const command = (usage: string, description: string): Command =>
  program
    .command(usage)
    .description(description)
    .exitOverride()
    .addOption(configOption());

command('start', 'run the product until it is stopped')
  .option('--roles <names>', `which roles, with commas: ${roleNames.join(', ')}`, parseRoles, [...roleNames])
  .action(async (options: WithConfig & { roles: Role[] }) => start(await configOf(options), options.roles, () => configOf(options)));

command('call', 'place a test call through the running product and compare its recording with what was said')
  .option('--to <uri>', "who is called; with --via, its host and port are where the call's other end answers (default: the first trunk's next hop)")
  .option('--via <host:port>', "the proxy (default: where the configuration's proxy listens)")
  .addOption(new Option('--srtp [suite]', 'encrypt the media (SDES)').choices(srtpSuites).preset('AES_CM_128_HMAC_SHA1_80'))
  .addOption(new Option('--codec <name>', 'G.711 µ-law or A-law').choices(['PCMU', 'PCMA']).default('PCMU'))
  .option('--seconds <n>', 'how long both ends speak (default: 5, or the length of --wav)', parseSeconds)
  .option('--wav <file>', 'what is played: left by the caller, right by the callee; mono by both')
  .option('--json', 'print one JSON document', false)
  .action(async (options: WithConfig & CallOptions) => finish(await call(await configOf(options), options)));

command('ingest <files...>', 'make recordings from packet captures (pcap, pcapng, also with gzip): one WAV and one report a call')
  .option('--keys <file>', 'SRTP keys of calls whose signalling does not have them, one a line, or what `keys seal` prints; see below')
  .option('--rtp <rule>', 'what RTP is that no SIP describes; may be said again; see below', parseRule, [])
  .option('--out <dir>', 'where the files go', '.')
  .option('--json', 'print one JSON document', false)
  .addHelpText('after', ingestHelp)
  .action(async (files: string[], options: WithConfig & IngestCommand) => finish(await ingest(files, options, () => configOf(options))));

command('list', 'the calls, newest first, recorded or not')
  .option('--limit <n>', 'how many at most', parseLimit, 50)
  .addOption(new Option('--state <state>', 'only those in this state').choices(listedStates))
  .option('--party <text>', "only those with this in the caller's or callee's address")
  .option('--tag <key[=value]>', 'only those with this tag, set during the call', parseTagOption)
  .option('--json', 'print one JSON document', false)
  .action(async (options: WithConfig & { limit: number; state?: ListedState; party?: string; tag?: NonNullable<ListFilter['tag']>; json: boolean }) => {
    const { limit, state, party, tag, json } = options;
    await withLibrary(options, (library) => list(library, { limit, state, party, tag }, json));
  });

command('show <id>', 'one recording or session: its report')
  .option('--json', 'print one JSON document', false)
  .action(async (id: string, options: WithConfig & { json: boolean }) => withLibrary(options, (library) => show(library, id, options.json)));

command('export <id>', 'take a recording out of the vault, in clear')
  .requiredOption('--out <file>', 'the file to write')
  .addOption(new Option('--format <format>', 'what it is written as (default: as it rests)').choices(audioFormats))
  .action(async (id: string, options: WithConfig & { out: string; format?: AudioFormat }) => withLibrary(options, (library) => exportAudio(library, id, options.out, options.format)));

command('verify [id]', 'prove that a recording is as it was made')
  .option('--all', 'every recording', false)
  .option('--json', 'print one JSON document', false)
  .action(async (id: string | undefined, options: WithConfig & { all: boolean; json: boolean }) => {
    if ((id === undefined) === !options.all) throw new CommanderError(2, 'twintrack.usage', 'error: name one recording, or --all');
    await withLibrary(options, async (library) => finish(await verify(library, id === undefined ? await allRecordings(library) : [id], options.json)));
  });

command('explain', 'say which rule decides whether a call is recorded, and why, and where the call goes')
  .requiredOption('--from <party>', 'who calls: a number, a name or a SIP URI')
  .requiredOption('--to <party>', 'who is called')
  .option('--trunk <name>', 'the trunk it comes in by (default: the first)')
  .option('--header <line>', 'a header of its INVITE, as "Name: value"; may be said again', parseHeader, [])
  .option('--at <time>', 'when it comes, as 2026-11-25T13:30:00Z (default: now)', parseInstant, Date.now())
  .option('--session-id <id>', 'its session ID, for rules that record a share', '00000000000000000000000000000000')
  .option('--ask', 'ask the policy service too, once', false)
  .option('--json', 'print one JSON document', false)
  .action(async (options: WithConfig & ExplainOptions) => explain(await configOf(options), options));

const keys = program.command('keys').description('SRTP keys that come to a recording by themselves');
keys
  .command('seal [file]')
  .description('seal keys for a session: crypto lines (a=crypto, RFC 4568), one a line, from a file or the standard input')
  .exitOverride()
  .addOption(configOption())
  .requiredOption('--session <id>', 'the session ID of the call')
  .addOption(new Option('--for <side>', 'whose stream it is (default: tried for both)').choices(['caller', 'callee']))
  .action(async (file: string | undefined, options: WithConfig & SealOptions) => withLibrary(options, async (library) => sealKeys(await library.publicKey(), options, file ?? '-')));
keys
  .command('send [file]')
  .description('send what `seal` printed, from a file or the standard input')
  .exitOverride()
  .addOption(configOption())
  .requiredOption('--session <id>', 'the session ID of the call')
  .action(async (file: string | undefined, options: WithConfig & { session: string }) => withLibrary(options, (library) => sendKeys(library, options.session, file ?? '-')));

program
  .command('check-config <file>')
  .description('say what is wrong with a configuration, by line')
  .exitOverride()
  .action(async (file: string) => {
    await loadAnnouncements((await loadConfig(file)).policy);
    print(`${file}: nothing is wrong with it`);
  });

async function withLibrary(options: WithConfig, use: (library: Awaited<ReturnType<typeof openLibrary>>) => Promise<void>): Promise<void> {
  const library = await openLibrary(await configOf(options));
  try {
    await use(library);
  } finally {
    await library.close();
  }
}

function parseRule(text: string, before: readonly RtpRule[]): RtpRule[] {
  const rule = parseRtpRule(text);
  if (typeof rule === 'string') throw new InvalidArgumentError(`${rule}.`);
  return [...before, rule];
}

function finish(well: boolean): void {
  if (!well) process.exitCode = 1;
}

function parseRoles(text: string): Role[] {
  const roles = text.split(',').map((name) => name.trim());
  const unknown = roles.find((name) => !(roleNames as readonly string[]).includes(name));
  if (unknown !== undefined) throw new InvalidArgumentError(`there is no role "${unknown}".`);
  return roleNames.filter((role) => roles.includes(role));
}

function parseSeconds(text: string): number {
  const seconds = Number(text);
  if (!(seconds >= 0.1 && seconds <= 3_600)) throw new InvalidArgumentError('a call lasts 0.1 to 3600 seconds.');
  return seconds;
}

function parseHeader(line: string, before: readonly string[]): string[] {
  if (!/^[^:\s]+\s*:/u.test(line)) throw new InvalidArgumentError('write it as "Name: value".');
  return [...before, line];
}

function parseInstant(text: string): number {
  const at = Date.parse(text);
  if (Number.isNaN(at)) throw new InvalidArgumentError('write it as 2026-11-25T13:30:00Z.');
  return at;
}

function parseTagOption(text: string): NonNullable<ListFilter['tag']> {
  const tag = parseTag(text);
  if (typeof tag === 'string') throw new InvalidArgumentError(`${tag}.`);
  return tag;
}

function parseLimit(text: string): number {
  const limit = Number(text);
  if (!Number.isInteger(limit) || limit < 1 || limit > 1_000) throw new InvalidArgumentError('a whole number from 1 to 1000.');
  return limit;
}

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    // Help and version leave by here too, with 0.
    if (error.code === 'twintrack.usage') console.error(error.message);
    process.exitCode = error.exitCode === 0 ? 0 : 2;
  } else if (error instanceof Failure) {
    console.error(`${error.message} (${error.code})`);
    process.exitCode = 1;
  } else {
    throw error;
  }
}
