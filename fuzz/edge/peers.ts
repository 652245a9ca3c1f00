/**
 * The SIP side of the world: user agents that call, answer, and carry conversations on, as far as they
 * remember them. They write what is valid; `spoil` does the rest.
 */
import type { Path } from '../../src/edge/transport/path.js';
import type { Random } from '../mutate.js';
import { EDGE, type MemoryNetwork } from './memory-network.js';
import { between, fieldOf, linesOf, Recent, tagOf, uriOf, valuesOf } from './text.js';

/** A peer's own request, as it remembers it for its ACK, CANCEL and PRACK. */
interface Asked {
  readonly method: string;
  readonly path: Path;
  readonly uri: string;
  readonly top: string;
  readonly callId: string;
  readonly cseq: number;
  readonly from: string;
  to: string;
  routes: string;
  target: string;
}

/** A dialog as one of its peers has it. */
interface PeerDialog {
  readonly path: Path;
  readonly callId: string;
  readonly local: string;
  readonly remote: string;
  readonly target: string;
  readonly routes: string;
  cseq: number;
}

/** A message ready to be given to the edge. */
export interface Arrival {
  readonly text: string;
  readonly path: Path;
}

const outside = ['INVITE', 'INVITE', 'INVITE', 'INVITE', 'INVITE', 'OPTIONS', 'MESSAGE', 'SUBSCRIBE', 'REFER', 'REGISTER', 'INFO', 'NOTIFY', 'PUBLISH', 'BYE', 'FOO'];
const inside = ['BYE', 'BYE', 'INVITE', 'UPDATE', 'INFO', 'NOTIFY', 'REFER', 'MESSAGE', 'PRACK', 'SUBSCRIBE', 'OPTIONS'];
const statuses = [100, 180, 183, 183, 200, 200, 200, 200, 202, 302, 401, 404, 407, 408, 481, 486, 503, 603];
const hosts = ['192.0.2.1', '192.0.2.2', '192.0.2.3', '192.0.2.4'];
const strangeTargets = ['sip:x@ok.example', 'sip:x@late.example', 'sip:x@lost.example', 'sip:x@none.example', 'sip:x@[2001:db8::1]', 'tel:+1', 'sip:x@192.0.2.9;transport=tcp', 'sip:x@192.0.2.9;transport=ws', `sip:x@${EDGE}`, 'sips:x@192.0.2.1'];
const SDP = 'v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\n';

export class Peers {
  random: Random = () => 0;
  #count = 0;
  readonly #asked = new Map<string, Asked>();
  readonly #latest = new Recent<Asked>(24);
  readonly #dialogs = new Recent<PeerDialog>(24);
  readonly #requests = new Recent<Arrival>(24);
  /** What a real peer would send next: ACKs, PRACKs. */
  readonly #due = new Recent<Arrival>(64);

  constructor(private readonly network: MemoryNetwork) {}

  reset(random: Random): void {
    this.random = random;
    this.#count = 0;
    this.#asked.clear();
    for (const each of [this.#latest, this.#dialogs, this.#requests, this.#due]) each.clear();
  }

  /** The URI of some peer, mostly of one that exists. */
  someUri(): string {
    const { random } = this;
    if (random(8) === 0) return strangeTargets[random(strangeTargets.length)] ?? '';
    return `sip:b${random(10)}@${hosts[random(4)]}:${5060 + random(2)}${random(4) === 0 ? ';transport=tcp' : ''}`;
  }

  /** The edge has sent something to a peer. */
  got(text: string, path: Path): void {
    if (!text.startsWith('SIP/2.0 ')) {
      if (!text.startsWith('ACK ')) this.#requests.add({ text, path });
      return;
    }
    const asked = this.#asked.get(between(fieldOf(text, 'Via'), 'branch=', ';'));
    if (asked === undefined) return;
    const status = Number(text.slice(8, 11));
    if (status > 100) {
      asked.to = fieldOf(text, 'To');
      asked.target = uriOf(fieldOf(text, 'Contact')) || asked.uri;
      asked.routes = valuesOf(text, 'Record-Route').reverse().map((value) => `Route: ${value}\r\n`).join('');
    }
    const dialog = { path: asked.path, callId: asked.callId, local: asked.from, remote: asked.to, target: asked.target, routes: asked.routes, cseq: asked.cseq };
    if (asked.method === 'INVITE' && status > 100 && status < 200 && text.includes('\r\nRSeq: ')) {
      dialog.cseq += 1;
      this.#due.add({ text: this.#within(dialog, 'PRACK', dialog.cseq, `RAck: ${fieldOf(text, 'RSeq')} ${asked.cseq} INVITE\r\n`), path: asked.path });
    }
    if (status < 200 || (asked.method !== 'INVITE' && asked.method !== 'SUBSCRIBE')) return;
    if (asked.method === 'INVITE') this.#due.add({ text: status < 300 ? this.#within(dialog, 'ACK', asked.cseq, '') : this.#again(asked, 'ACK'), path: asked.path });
    if (status < 300) this.#dialogs.add(dialog);
  }

  /** Something that a peer might send now. */
  next(): Arrival | undefined {
    const { random } = this;
    const dice = random(100);
    if (dice < 22) return this.#begin();
    if (dice < 45) return this.#due.take(random) ?? this.#answer();
    if (dice < 80) return this.#answer();
    if (dice < 86) {
      const asked = this.#latest.any(random);
      return asked?.method === 'INVITE' ? { text: this.#again(asked, random(8) === 0 ? 'ACK' : 'CANCEL'), path: asked.path } : undefined;
    }
    return this.#carryOn();
  }

  #path(): Path {
    const { random } = this;
    const host = hosts[random(4)] ?? '';
    return random(3) === 0 ? this.network.connection(host, 5060 + random(4)) : this.network.datagram(host, 5060 + random(2));
  }

  #via(path: Path): { readonly branch: string; readonly top: string } {
    const branch = `z9hG4bKf${(this.#count += 1)}`;
    const top = `Via: SIP/2.0/${path.protocol.toUpperCase()} ${path.address}:${path.port};branch=${branch}${this.random(2) === 0 ? ';rport' : ''}\r\n`;
    return { branch, top };
  }

  #begin(): Arrival {
    const { random } = this;
    const method = outside[random(outside.length)] ?? '';
    const path = this.#path();
    const { branch, top } = this.#via(path);
    const uri = random(3) === 0 ? this.someUri() : `sip:service@${EDGE}`;
    const n = this.#count;
    const from = `<sip:a${n}@${path.address}>;tag=p${n}`;
    const to = `<sip:service@${EDGE}>`;
    const asked: Asked = { method, path, uri, top, callId: `call${n}@${path.address}`, cseq: 1 + random(50), from, to, routes: '', target: uri };
    this.#asked.set(branch, asked);
    this.#latest.add(asked);
    let headers = `Contact: <sip:a${n}@${path.address}:${path.port}${path.protocol === 'tcp' ? ';transport=tcp' : ''}>\r\n`;
    if (random(12) === 0) headers = random(2) === 0 ? '' : `Contact: <${this.someUri()}>\r\n`;
    if (random(2) === 0) headers += 'Supported: 100rel, timer\r\n';
    if (random(6) === 0) headers += 'Record-Route: <sip:192.0.2.4:5061;lr>\r\n';
    if (random(16) === 0) headers += `Route: <sip:${EDGE};lr>\r\n`;
    if (method === 'SUBSCRIBE' || random(10) === 0) headers += `Event: presence\r\nExpires: ${[0, 60, 3_600, 4_294_967_295][random(4)]}\r\n`;
    if (random(10) === 0) headers += `Session-Expires: ${[90, 1_800, 4_294_967_295][random(3)]}${random(2) === 0 ? ';refresher=uac' : ''}\r\n`;
    if (method === 'REFER') headers += 'Refer-To: <sip:c@192.0.2.3>\r\n';
    return { text: this.#write(`${method} ${uri} SIP/2.0\r\n${top}`, from, to, asked.callId, `${asked.cseq} ${method}`, headers, method === 'INVITE' ? SDP : ''), path };
  }

  /** The ACK to a failure, or the CANCEL: what belongs to the INVITE's own transaction. */
  #again(asked: Asked, method: string): string {
    return this.#write(`${method} ${asked.uri} SIP/2.0\r\n${asked.top}`, asked.from, asked.to, asked.callId, `${asked.cseq} ${method}`, '', '');
  }

  #within(dialog: PeerDialog, method: string, cseq: number, headers: string): string {
    const { branch, top } = this.#via(dialog.path);
    if (method === 'INVITE' || method === 'SUBSCRIBE') {
      const asked: Asked = { method, path: dialog.path, uri: dialog.target, top, callId: dialog.callId, cseq, from: dialog.local, to: dialog.remote, routes: dialog.routes, target: dialog.target };
      this.#asked.set(branch, asked);
      this.#latest.add(asked);
    }
    return this.#write(`${method} ${dialog.target} SIP/2.0\r\n${top}`, dialog.local, dialog.remote, dialog.callId, `${cseq} ${method}`, `${dialog.routes}${headers}`, '');
  }

  #carryOn(): Arrival | undefined {
    const { random } = this;
    const dialog = this.#dialogs.any(random);
    if (dialog === undefined) return undefined;
    if (random(8) !== 0) dialog.cseq += 1;
    const method = inside[random(inside.length)] ?? '';
    const contact = random(4) === 0 ? '' : `Contact: <${random(6) === 0 ? this.someUri() : `sip:x@${dialog.path.address}:${dialog.path.port}`}>\r\n`;
    const extra = method === 'PRACK' ? 'RAck: 1 1 INVITE\r\n' : method === 'NOTIFY' ? `Event: presence\r\nSubscription-State: ${random(3) === 0 ? 'terminated' : 'active;expires=60'}\r\n` : '';
    return { text: this.#within(dialog, method, dialog.cseq, contact + extra), path: dialog.path };
  }

  /** A response to something that the edge has sent. */
  #answer(): Arrival | undefined {
    const { random } = this;
    const request = this.#requests.any(random);
    if (request === undefined) return undefined;
    const { text, path } = request;
    const method = text.slice(0, text.indexOf(' '));
    const status = statuses[random(statuses.length)] ?? 200;
    let to = fieldOf(text, 'To');
    // Mostly the same answerer; now and then another one, as forking finds.
    if (status !== 100 && !to.includes(';tag=')) to += `;tag=${random(6) === 0 ? 'other' : 'b'}${random(2)}`;
    let headers = `Contact: <${random(8) === 0 ? this.someUri() : `sip:b@${path.address}:${path.port}${path.protocol === 'tcp' ? ';transport=tcp' : ''}`}>\r\n`;
    if (status === 302 && random(2) === 0) headers += `Contact: <${this.someUri()}>, <${this.someUri()}>\r\n`;
    if (status < 300) headers += linesOf(text, 'Record-Route');
    if (status === 183 && random(2) === 0) headers += `Require: 100rel\r\nRSeq: ${1 + random(3)}\r\n`;
    if (random(12) === 0) headers += 'Session-Expires: 90;refresher=uac\r\nRequire: timer\r\n';
    const callId = fieldOf(text, 'Call-ID');
    if (status >= 200 && status < 300 && (method === 'INVITE' || method === 'SUBSCRIBE') && tagOf(to) !== '') {
      this.#dialogs.add({ path, callId, local: to, remote: fieldOf(text, 'From'), target: uriOf(fieldOf(text, 'Contact')) || `sip:${EDGE}`, routes: valuesOf(text, 'Record-Route').map((value) => `Route: ${value}\r\n`).join(''), cseq: random(50) });
    }
    return { text: this.#write(`SIP/2.0 ${status} Some Words\r\n${linesOf(text, 'Via')}`, fieldOf(text, 'From'), to, callId, fieldOf(text, 'CSeq'), headers, status === 200 && method === 'INVITE' ? SDP : ''), path };
  }

  #write(top: string, from: string, to: string, callId: string, cseq: string, headers: string, body: string): string {
    const type = body === '' ? '' : 'Content-Type: application/sdp\r\n';
    return `${top}${top.startsWith('SIP/') ? '' : 'Max-Forwards: 70\r\n'}From: ${from}\r\nTo: ${to}\r\nCall-ID: ${callId}\r\nCSeq: ${cseq}\r\n${headers}${type}Content-Length: ${body.length}\r\n\r\n${body}`;
  }
}
