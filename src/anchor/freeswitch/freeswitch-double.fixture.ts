/**
 * For tests: a double of a FreeSWITCH that has mod_audio_fork. It is none: it does what FreeSWITCH 1.10.12 was seen to do.
 *
 * It has an event socket, answers INVITEs with drachtio-srf on an edge of its own, connects back as the dialplan would
 * have it, relays RTP between bridged channels, and sends samples over a WebSocket. Unlike FreeSWITCH it knows PCMU
 * only, sends packets on as they came, and keeps no time but that of the fork.
 */
import { randomUUID } from 'node:crypto';
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { Test } from 'tap';
import { WebSocket } from 'ws';
import { decodePcmu, isRtcp, parseRtp } from '../../media/index.js';
import { connectSip, hangUp, readSdp, requestInDialog, type SipConnection, type SipDialog, type SipRequest, type SipResponse } from '../../sip/index.js';
import { freePort } from '../../udp/free-port.fixture.js';

const loopback = '127.0.0.1';
const tickMs = 20;
const frameSamples = 160;
/** Stereo of more than a second. */
const mostQueued = 64;
const jitterMs = 60;

export interface DoubleOptions {
  readonly secret?: string;
  readonly profile?: string;
  readonly modules?: readonly string[];
  /** False: a firewall is between its channels and who asked for them. */
  readonly connectsBack?: boolean;
  /** True: its profile has `enable-3pcc` true, not `proxy`, so what it offers by itself has a line with SRTP and one without. */
  readonly offersSrtp?: boolean;
  /** More are refused for now. */
  readonly mostChannels?: number;
  /** How many re-INVITEs cross one of its own, and are refused for it (RFC 3261 §14.2). */
  readonly crossings?: number;
}

export interface FreeswitchDouble {
  readonly host: string;
  readonly port: number;
  readonly secret: string;
  /** What it was ordered beside what every call needs: `uuid_displace …`, `uuid_audio …`, `uuid_audio_fork …`. Without tokens. */
  readonly orders: readonly string[];
  readonly channels: readonly DoubleChannel[];
  /** Resolves when `holds` does, looked at whenever something was ordered or a channel came or went. */
  until(holds: () => boolean): Promise<void>;
  /** Whoever is connected to its event socket is no more; channels keep theirs. Resolves when they have noticed. */
  breakEventSocket(): Promise<void>;
  /** It dies: connections break, nothing answers. */
  kill(): Promise<void>;
}

export async function startDouble(t: Pick<Test, 'teardown'>, options: DoubleOptions = {}): Promise<FreeswitchDouble> {
  const double = new Double(options);
  await double.start();
  t.teardown(() => double.kill());
  return double;
}

class Double implements FreeswitchDouble {
  readonly host = loopback;
  readonly secret: string;
  readonly orders: string[] = [];
  readonly #profile: string;
  readonly #modules: readonly string[];
  readonly #connectsBack: boolean;
  readonly #offersSrtp: boolean;
  readonly #mostChannels: number;
  #crossings: number;
  readonly #channels = new Map<string, DoubleChannel>();
  readonly #sockets = new Set<Socket>();
  /** Of them, those that others opened. */
  readonly #inbound = new Set<Socket>();
  readonly #waiting = new Set<() => void>();
  #sip: SipConnection | undefined;
  #sipPort = 0;
  #server: Server | undefined;
  #ticks: NodeJS.Timeout | undefined;
  #dead = false;
  port = 0;

  constructor({ secret = 'known-to-both', profile = 'drachtio_mrf', modules = ['mod_audio_fork'], connectsBack = true, offersSrtp = false, mostChannels = Infinity, crossings = 0 }: DoubleOptions) {
    this.#connectsBack = connectsBack;
    this.#offersSrtp = offersSrtp;
    this.#mostChannels = mostChannels;
    this.#crossings = crossings;
    this.secret = secret;
    this.#profile = profile;
    this.#modules = modules;
  }

  get channels(): readonly DoubleChannel[] {
    return [...this.#channels.values()];
  }

  async start(): Promise<void> {
    this.#sipPort = await freePort();
    this.#sip = await connectSip({ settings: { listen: [{ transport: 'udp', host: loopback, port: this.#sipPort }] }, onCrash: () => undefined, onTrouble: () => undefined });
    this.#sip.srf.invite((request, response) => void this.#answer(request, response));
    this.#server = createServer((socket) => this.#serve(socket)).listen(0, loopback);
    await once(this.#server, 'listening');
    this.port = (this.#server.address() as { port: number }).port;
    this.#ticks = setInterval(() => this.channels.forEach((channel) => channel.tick()), tickMs);
  }

  async until(holds: () => boolean): Promise<void> {
    while (!holds()) await new Promise<void>((resolve) => this.#waiting.add(resolve));
  }

  async breakEventSocket(): Promise<void> {
    const broken = [...this.#inbound];
    await Promise.all(broken.map(async (socket) => {
      const closed = once(socket, 'close');
      socket.destroy();
      await closed;
    }));
  }

  async kill(): Promise<void> {
    if (this.#dead) return;
    this.#dead = true;
    clearInterval(this.#ticks);
    for (const socket of this.#sockets) socket.destroy();
    for (const channel of this.channels) channel.end();
    this.#server?.close();
    await this.#sip?.close();
  }

  /** The event socket that others connect to. */
  #serve(socket: Socket): void {
    this.#keep(socket);
    this.#inbound.add(socket);
    socket.on('close', () => this.#inbound.delete(socket));
    socket.write('Content-Type: auth/request\n\n');
    readCommands(socket, ([command]) => {
      if (command.startsWith('auth ')) reply(socket, command === `auth ${this.secret}` ? '+OK accepted' : '-ERR invalid');
      else if (command.startsWith('api ')) this.#api(socket, command.slice(4), undefined);
      else if (command === 'exit') socket.end('Content-Type: command/reply\nReply-Text: +OK bye\n\n');
      else reply(socket, '+OK');
    });
  }

  async #answer(request: SipRequest, response: SipResponse): Promise<void> {
    const offer = request.body === '' ? undefined : readSdp(request.body);
    const audio = offer === undefined || typeof offer === 'string' ? undefined : offer.media[0];
    if (offer !== undefined && audio?.codecs.some(({ name }) => name === 'PCMU') !== true) {
      response.send(488);
      return;
    }
    if (this.#channels.size >= this.#mostChannels) {
      response.send(503, 'Maximum Calls In Progress', { headers: { 'Retry-After': '300' } });
      return;
    }
    const channel = new DoubleChannel(await openRtp(), () => this.#told());
    this.#channels.set(channel.uuid, channel);
    channel.pointAt(request.body);
    const offersSrtp = offer === undefined && this.#offersSrtp;
    const dialog = await this.#sip?.srf.createUAS(request, response, { localSdp: offersSrtp ? withSrtp(channel.sdp) : channel.sdp });
    if (dialog === undefined) return;
    channel.held = offer === undefined || (audio !== undefined && audio.direction !== 'sendrecv');
    channel.dialog = dialog;
    dialog.on('modify', (change: SipRequest, answer: SipResponse) => {
      if (this.#crossings > 0) {
        this.#crossings -= 1;
        answer.send(491);
      } else if (channel.pointAt(change.body)) answer.send(200, { body: channel.sdp, headers: { 'Content-Type': 'application/sdp' } });
      else answer.send(488);
    });
    dialog.on('destroy', () => {
      channel.end();
      this.#channels.delete(channel.uuid);
      this.#told();
    });
    const [host = '', port = ''] = request.get('x-esl-outbound').split(':');
    if (this.#connectsBack) channel.control = this.#connectBack(channel, request, host, Number(port));
    this.#told();
  }

  /** The event socket of one channel. */
  #connectBack(channel: DoubleChannel, request: SipRequest, host: string, port: number): Socket {
    const socket = connect({ host, port });
    this.#keep(socket);
    readCommands(socket, ([command]) => {
      if (command === 'connect') {
        const headers = {
          'Event-Name': 'CHANNEL_DATA', 'Unique-ID': channel.uuid, 'Channel-Unique-ID': channel.uuid,
          variable_sip_user_agent: request.get('user-agent'), variable_rtp_local_sdp_str: channel.sdp, variable_switch_r_sdp: request.body,
        };
        socket.write(`Content-Type: command/reply\nReply-Text: +OK\n${Object.entries(headers).map(([name, value]) => `${name}: ${encodeURIComponent(value)}\n`).join('')}\n`);
      } else if (command.startsWith('api ')) this.#api(socket, command.slice(4), channel);
      else reply(socket, '+OK');
    });
    return socket;
  }

  #api(socket: Socket, line: string, channel: DoubleChannel | undefined): void {
    const [command = '', ...rest] = line.split(' ');
    // FreeSWITCH's own way to say what parts the arguments.
    const args = rest[0]?.startsWith('^^|') === true ? separated(rest.join(' ').slice(3)) : rest;
    if (['uuid_displace', 'uuid_audio', 'uuid_audio_fork'].includes(command)) this.orders.push([command, ...args].filter((arg) => !/^wss?:/u.test(arg)).join(' '));
    const body = this.#do(command, args);
    socket.write(`Content-Type: api/response\nContent-Length: ${Buffer.byteLength(body)}\n\n${body}`);
    if (channel !== undefined) this.#told();
  }

  #do(command: string, args: readonly string[]): string {
    const [first = '', second = '', third = '', fourth = '', , bug = '', metadata = ''] = args;
    const channel = this.#channels.get(first);
    switch (command) {
      case 'status': return 'UP 0 years\n';
      case 'sofia': return `Name Type Data State\n  ${this.#profile}\tprofile\tsip:mod_sofia@${loopback}:${this.#sipPort}\tRUNNING (0)\n1 profile 0 aliases\n`;
      case 'module_exists': return String(this.#modules.includes(first));
      case 'file_exists': return String(existsSync(first));
      case 'uuid_bridge': {
        const other = this.#channels.get(second);
        if (channel === undefined || other === undefined) return '-ERR Invalid uuid\n';
        channel.other = other;
        other.other = channel;
        for (const one of [channel, other]) void one.offerAnew();
        return '+OK\n';
      }
      case 'uuid_audio_fork':
        if (channel === undefined) return '-ERR Operation Failed\n';
        return (second === 'start' ? channel.fork(third, fourth, bug, metadata) : channel.unfork(third)) ? '+OK Success\n' : '-ERR Operation Failed\n';
      case 'uuid_displace':
        if (channel === undefined) return '-ERR Cannot locate session!\n';
        if (second === 'start' && (!existsSync(third) || channel.displaced.has(third))) return '-ERR Cannot displace session!\n';
        if (second === 'start') channel.displaced.set(third, { mixed: args[4]?.includes('m') === true });
        else if (!channel.displaced.delete(third)) return '-ERR Cannot stop displace session!\n';
        return '+OK Success\n';
      case 'uuid_audio':
        if (channel === undefined) return '-ERR No such channel!\n';
        channel.muted = second === 'start';
        return '+OK\n';
      default: return '-ERR command not found\n';
    }
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => this.#sockets.delete(socket));
  }

  #told(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const resolve of waiting) resolve();
  }
}

interface Fork {
  readonly socket: WebSocket;
  readonly stereo: boolean;
  /** Of the channel's party, and of the other. */
  readonly queues: readonly [JitterBuffer, JitterBuffer];
  /** Frames are sent by the clock. */
  sentUntilMs: number;
}

/** Lets what comes unevenly go on evenly, as FreeSWITCH does before its own clock reads it. */
class JitterBuffer {
  readonly #frames: Int16Array[] = [];
  #fromMs = 0;

  push(samples: Int16Array, nowMs: number): void {
    if (this.#frames.length === 0) this.#fromMs = nowMs + jitterMs;
    if (this.#frames.length < mostQueued) this.#frames.push(samples);
  }

  pop(nowMs: number): Int16Array | undefined {
    return nowMs < this.#fromMs ? undefined : this.#frames.shift();
  }
}

export class DoubleChannel {
  readonly uuid = randomUUID();
  readonly displaced = new Map<string, { readonly mixed: boolean }>();
  readonly #forks = new Map<string, Fork>();
  #version = 0;
  #remote: { address: string; port: number } | undefined;
  other: DoubleChannel | undefined;
  /** Its party is not to hear the other one. */
  muted = false;
  /** Its party was not said to send and hear. */
  held = false;
  dialog: SipDialog | undefined;
  control: Socket | undefined;

  constructor(readonly rtp: UdpSocket, private readonly onChange: () => void) {
    rtp.on('message', (packet) => {
      const { other } = this;
      // What displaces without being mixed silences its own party too.
      if (other === undefined || [...this.displaced.values()].some(({ mixed }) => !mixed)) return;
      if (!other.muted) other.send(packet);
      const read = isRtcp(packet) ? 'malformed' : parseRtp(packet);
      if (typeof read === 'string' || read.payloadType !== 0) return;
      const samples = new Int16Array(read.payload.length);
      decodePcmu(read.payload, samples, 0);
      this.#heard(0, samples);
      other.#heard(1, samples);
    });
  }

  get sdp(): string {
    const address = this.rtp.address();
    this.#version += 1;
    return ['v=0', `o=FreeSWITCH 1700000000 ${this.#version} IN IP4 ${loopback}`, 's=FreeSWITCH', `c=IN IP4 ${loopback}`, 't=0 0', `m=audio ${address.port} RTP/AVP 0`, 'a=rtpmap:0 PCMU/8000', 'a=ptime:20', 'a=sendrecv', ''].join('\r\n');
  }

  /** Whether it can take that SDP; none is an offer of its own. */
  pointAt(text: string): boolean {
    if (text === '') return true;
    const sdp = readSdp(text);
    const audio = typeof sdp === 'string' ? undefined : sdp.media[0];
    if (audio === undefined || !audio.codecs.some(({ name }) => name === 'PCMU')) return false;
    this.#remote = { address: audio.address, port: audio.port };
    return true;
  }

  /**
   * When it is bridged and takes its party for held, it makes an offer of its own. An endpoint that made an offer first is
   * held by the ACK, and free again when a re-INVITE has been taken in, which it here never is before the bridge.
   */
  async offerAnew(): Promise<void> {
    const { dialog } = this;
    if (!this.held || dialog === undefined) return;
    this.held = false;
    const answer = await requestInDialog(dialog, { method: 'INVITE', headers: { 'Content-Type': 'application/sdp' }, body: this.sdp });
    // An answer without SDP costs the call.
    if (answer.status < 300 && !this.pointAt(answer.body === '' ? 'none' : answer.body)) await hangUp(dialog);
  }

  send(packet: Buffer): void {
    if (this.#remote !== undefined) this.rtp.send(packet, this.#remote.port, this.#remote.address);
  }

  /** An event about this channel, on its connection. */
  tell(name: string, headers: Readonly<Record<string, string>>): void {
    const body = JSON.stringify({ 'Event-Name': name, 'Unique-ID': this.uuid, ...headers });
    this.control?.write(`Content-Length: ${Buffer.byteLength(body)}\nContent-Type: text/event-json\n\n${body}`);
  }

  fork(uri: string, mix: string, bug: string, metadata: string): boolean {
    if (bug === '' || this.#forks.has(bug)) return false;
    const socket = new WebSocket(uri, 'audio.drachtio.org', { perMessageDeflate: false });
    this.#forks.set(bug, { socket, stereo: mix === 'stereo', queues: [new JitterBuffer(), new JitterBuffer()], sentUntilMs: 0 });
    let open = false;
    socket.on('open', () => {
      open = true;
      const fork = this.#forks.get(bug);
      if (fork !== undefined) fork.sentUntilMs = performance.now();
      this.tell('CUSTOM', { 'Event-Subclass': 'mod_audio_fork::connect' });
      socket.send(metadata);
    });
    socket.on('error', () => {
      if (!open) this.tell('CUSTOM', { 'Event-Subclass': 'mod_audio_fork::connect_failed', _body: '{"reason":"refused"}' });
    });
    socket.on('close', () => this.onChange());
    return true;
  }

  unfork(bug: string): boolean {
    const fork = this.#forks.get(bug);
    fork?.socket.close();
    return this.#forks.delete(bug);
  }

  /** What is due of each fork, silence where nothing came. */
  tick(): void {
    const nowMs = performance.now();
    for (const fork of this.#forks.values()) {
      if (fork.socket.readyState !== WebSocket.OPEN) continue;
      for (; fork.sentUntilMs + tickMs <= nowMs; fork.sentUntilMs += tickMs) this.#sendFrame(fork, fork.sentUntilMs + tickMs);
    }
  }

  #sendFrame({ socket, stereo, queues }: Fork, nowMs: number): void {
    const [own, others] = [queues[0].pop(nowMs), queues[1].pop(nowMs)];
    const frame = Buffer.alloc(2 * frameSamples * (stereo ? 2 : 1));
    for (let n = 0; n < frameSamples; n += 1) {
      frame.writeInt16LE(own?.[n] ?? 0, stereo ? 4 * n : 2 * n);
      if (stereo) frame.writeInt16LE(others?.[n] ?? 0, 4 * n + 2);
    }
    socket.send(frame);
  }

  end(): void {
    for (const bug of [...this.#forks.keys()]) this.unfork(bug);
    this.control?.destroy();
    try {
      this.rtp.close();
    } catch {
      // It has ended before.
    }
    if (this.other !== undefined) this.other.other = undefined;
  }

  #heard(channel: 0 | 1, samples: Int16Array): void {
    for (const { socket, queues } of this.#forks.values()) {
      // What comes before the connection stands mod_audio_fork drops.
      if (socket.readyState === WebSocket.OPEN) queues[channel].push(samples, performance.now());
    }
  }
}

/** The line is offered with keys of its own first, and once more without, at the same port. */
const withSrtp = (sdp: string): string => {
  const [head = '', line = ''] = sdp.split(/(?=m=)/u);
  return `${head}${line.replace('RTP/AVP', 'RTP/SAVP')}a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:${'A'.repeat(40)}\r\n${line}`;
};

async function openRtp(): Promise<UdpSocket> {
  const socket = createSocket({ type: 'udp4', recvBufferSize: 4e6 }).bind(0, loopback);
  await once(socket, 'listening');
  return socket;
}

const reply = (socket: Socket, text: string): boolean => socket.write(`Content-Type: command/reply\nReply-Text: ${text}\n\n`);

/** Commands end with an empty line. */
function readCommands(socket: Socket, take: (lines: readonly [string, ...string[]]) => void): void {
  let text = '';
  socket.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      const [command = '', ...more] = text.slice(0, end).split('\n');
      text = text.slice(end + 2);
      take([command, ...more]);
    }
  });
}

/** Arguments between "|", where "'" quotes. */
function separated(text: string): string[] {
  const args = [''];
  let quoted = false;
  for (const sign of text) {
    if (sign === "'") quoted = !quoted;
    else if (sign === '|' && !quoted) args.push('');
    else args[args.length - 1] = `${args.at(-1) ?? ''}${sign}`;
  }
  return args;
}
