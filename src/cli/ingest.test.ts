import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { ann, annSays, bob, bobSays, plainCall, plainPackets, sdpOf, signalCall, Wire } from '../ingest/conversation.fixture.js';
import { encodeCryptoLine, parseCryptoLine, SrtpSender } from '../media/index.js';
import { loadOrCreateKeys, sealSessionKey } from '../vault/index.js';

const main = fileURLToPath(new URL('./main.js', import.meta.url));

interface Ended {
  readonly status: number | null;
  readonly out: string;
  readonly err: string;
}

const twintrack = (cwd: string, ...args: readonly string[]): Promise<Ended> =>
  new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [main, ...args], { cwd, env: { ...process.env, TMPDIR: cwd }, stdio: ['ignore', 'pipe', 'pipe'] });
    let [out, err] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
    child.on('error', reject).on('close', (status) => resolve({ status, out, err }));
  });

const lines = [1, 2].map((seed) => encodeCryptoLine({ tag: 1, suite: 'AES_CM_128_HMAC_SHA1_80', keySalt: Buffer.alloc(30, seed), sessionParameters: [] }));
const protect = (line = ''): ((packet: Buffer) => Buffer) => {
  const parsed = parseCryptoLine(line);
  if (typeof parsed === 'string') throw new Error(parsed);
  const sender = new SrtpSender(parsed);
  return (packet) => sender.protectRtp(packet);
};

/** The plain call under SRTP, of which signalling has no key. */
function secretCall(): Wire {
  const savp = { protocol: 'RTP/SAVP' };
  const wire = signalCall(new Wire(), { annSdp: sdpOf(ann, savp), bobSdp: sdpOf(bob, savp) });
  return wire.says(annSays, 600, ann, bob, [0, plainPackets], protect(lines[0])).says(bobSays, 610, bob, ann, [0, plainPackets], protect(lines[1]));
}

function nothingLeft(t: Test, dir: string): void {
  t.strictSame(readdirSync(dir).filter((name) => name.startsWith('twintrack-ingest')), []);
}

t.test('a line a call on standard output, what else there is to say on standard error', async (t) => {
  const dir = t.testdir();
  writeFileSync(join(dir, 'a.pcap'), plainCall().pcap());
  const { status, out, err } = await twintrack(dir, 'ingest', 'a.pcap', '--out', 'recordings');
  t.equal(status, 0, err);
  t.match(out, /^2027-01-15 08:00:00 +2\.01 s {2}complete {2}sip:ann@example\.net → sip:bob@example\.net {2}recordings\/call-1\.wav {2}\(every packet that was sent is in it\)\n$/);
  t.match(err, /^1 call\. What is in recordings is in clear: see to it\.\n$/);
  t.strictSame(readdirSync(join(dir, 'recordings')).sort(), ['call-1.json', 'call-1.wav']);
  nothingLeft(t, dir);
});

t.test('--json prints one document and nothing else', async (t) => {
  const dir = t.testdir();
  const wire = signalCall(plainCall(), { callId: 'second', atMs: 20_000, endMs: 21_000 });
  wire.says(annSays, 0, '192.0.2.1:4000', '192.0.2.2:4000', [0, 20]);
  writeFileSync(join(dir, 'a.pcap'), wire.pcap().subarray(0, -1));
  const { status, out } = await twintrack(dir, 'ingest', 'a.pcap', '--json');
  t.equal(status, 0);
  t.match(JSON.parse(out), {
    calls: [{ sessionId: 'call-1', state: 'complete', audioFile: 'call-1.wav', reportFile: 'call-1.json', channels: [{ packetsReceived: 100 }, { packetsReceived: 100 }] }, { sessionId: 'second', state: 'lost' }],
    files: [{ path: 'a.pcap', format: 'pcap', lost: /^it is cut/ }],
    unclaimed: [{ from: '192.0.2.1:4000', to: '192.0.2.2:4000', packets: 20, payloadType: 0 }],
  });
});

t.test('keys come from a file; who else may read it is told, and no key is ever printed', async (t) => {
  const dir = t.testdir();
  writeFileSync(join(dir, 'a.pcap'), secretCall().pcap());
  writeFileSync(join(dir, 'keys'), `call:call-1 caller ${lines[0] ?? ''}\ncall:call-1 callee ${lines[1] ?? ''}\n`);
  chmodSync(join(dir, 'keys'), 0o644);
  const open = await twintrack(dir, 'ingest', 'a.pcap', '--keys', 'keys');
  t.match(open, { status: 0, out: / complete /, err: /^keys: other users may use these keys \(mode 644\)\. Run: chmod 600 keys\n/ });
  chmodSync(join(dir, 'keys'), 0o600);
  writeFileSync(join(dir, 'keys'), `${lines[0] ?? ''}\nnonsense ${lines[1] ?? ''}\n`);
  const wrong = await twintrack(dir, 'ingest', 'a.pcap', '--keys', 'keys');
  t.match(wrong, { status: 1, out: '', err: /^keys: line 2: .*\(KEYS_UNUSABLE\)\n$/ });
});

t.test('keys that were sealed to the vault are opened with its keys, and serve their session alone', async (t) => {
  const dir = t.testdir();
  const keys = await loadOrCreateKeys(join(dir, 'data', 'keys'));
  writeFileSync(join(dir, 'a.pcap'), secretCall().pcap());
  const config = readFileSync(new URL('../../../config/default.yaml', import.meta.url), 'utf8').replace(/^dataDir:.*$/m, 'dataDir: ./data');
  writeFileSync(join(dir, 'site.yaml'), config);
  const seal = async (sessionId: string): Promise<void> => {
    const boxes = await Promise.all(lines.map((crypto, at) => sealSessionKey({ sessionId, for: at === 0 ? 'caller' : 'callee', crypto }, keys.public)));
    writeFileSync(join(dir, 'sealed.json'), JSON.stringify({ keys: boxes.map((box) => box.toString('base64')) }), { mode: 0o600 });
  };
  await seal('call-1');
  t.match(await twintrack(dir, 'ingest', 'a.pcap', '--keys', 'sealed.json', '--config', 'site.yaml'), { status: 0, out: / complete / });
  await seal('call-2');
  t.match(await twintrack(dir, 'ingest', 'a.pcap', '--keys', 'sealed.json', '--config', 'site.yaml'), { status: 0, out: / lost .*no key is known/ });
  mkdirSync(join(dir, 'elsewhere'));
  writeFileSync(join(dir, 'other.yaml'), config.replace('./data', './elsewhere'));
  t.match(await twintrack(dir, 'ingest', 'a.pcap', '--keys', 'sealed.json', '--config', 'other.yaml'), { status: 1, err: /vault\.key is missing.*--config.*\(VAULT_KEYS\)/ });
  t.notOk(existsSync(join(dir, 'elsewhere', 'keys')), 'no keys are made in place of those');
});

t.test('exit status 2 for what is no usage, 1 where nothing came of it, with a reason', async (t) => {
  const dir = t.testdir({ 'text.txt': 'no packets' });
  writeFileSync(join(dir, 'rtp.pcap'), new Wire().says(annSays, 0, ann, bob, [0, 20]).pcap());
  t.match(await twintrack(dir, 'ingest', 'rtp.pcap', '--rtp', 'PCMU'), { status: 2, err: /ADDRESS:PORT=/ });
  t.match(await twintrack(dir, 'ingest', 'text.txt'), { status: 1, err: /text\.txt is no packet capture.*\(INGEST_INPUT\)/ });
  t.match(await twintrack(dir, 'ingest', 'rtp.pcap'), { status: 1, out: '', err: /1 RTP streams belong to no call.*\n {2}10\.0\.0\.1:4000 → 10\.0\.0\.2:6000 {2}SSRC 0x00000001, payload type 0, 20 packets\nThere is no call in it/ });
  t.match(await twintrack(dir, 'ingest', 'rtp.pcap', '--rtp', `${bob}=PCMU,caller`), { status: 0, out: /sip:10\.0\.0\.2:6000 → sip:10\.0\.0\.1:4000/ });
  nothingLeft(t, dir);
});

t.test('where the recordings cannot be written it ends, with the reason, and leaves nothing', async (t) => {
  const dir = t.testdir({ out: { 'call-1.wav': {} } });
  writeFileSync(join(dir, 'a.pcap'), plainCall().pcap());
  t.match(await twintrack(dir, 'ingest', 'a.pcap', '--out', 'out'), { status: 1, err: /out\/call-1\.wav cannot be written: .*\(INGEST_OUTPUT\)/ });
  t.strictSame(readdirSync(join(dir, 'out')), ['call-1.wav']);
  nothingLeft(t, dir);
});
