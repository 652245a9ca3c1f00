/**
 * A recording client as a SIPp scenario, step by step: what it sends is given line by line, as a maker writes it; the
 * test that runs it says when it goes on, and learns what it was answered.
 *
 * Owns       the scenario's text, SIPp's process, and how both keep in step.
 * Leaves to  the offers what a maker says; voices.ts the audio.
 */
import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { freePort } from '../../src/udp/free-port.fixture.js';
import { readSdp, type SdpMedia } from '../../src/sip/index.js';
import { sippMediaPort } from '../support/ports.js';
import { until } from '../support/product.js';
import { runSipp, sippLog, type SippRun } from '../support/sipp.js';
import type { Workspace } from '../support/workspace.js';

export interface Said {
  /** Header lines beside those that every request has; `From` and `Contact` take the place of the usual ones. */
  readonly headers?: readonly string[];
  readonly contentType?: string;
  readonly body?: string;
}

export type Step =
  | { readonly kind: 'invite' | 'update'; readonly said: Said; readonly expect: number; readonly answerInAck?: string }
  /** The test says when. */
  | { readonly kind: 'wait' }
  /** A request of the recorder, and the answer to it. */
  | { readonly kind: 'asked'; readonly method: 'UPDATE' | 'OPTIONS' | 'BYE'; readonly status: 200 | 481 }
  | { readonly kind: 'bye' };

export const invite = (said: Said, answerInAck?: string): Step => ({ kind: 'invite', said, expect: 200, ...(answerInAck === undefined ? {} : { answerInAck }) });
export const refusedInvite = (said: Said, expect: number): Step => ({ kind: 'invite', said, expect });
export const update = (said: Said): Step => ({ kind: 'update', said, expect: 200 });
export const wait: Step = { kind: 'wait' };
export const asked = (method: 'UPDATE' | 'OPTIONS' | 'BYE', status: 200 | 481 = 200): Step => ({ kind: 'asked', method, status });
export const bye: Step = { kind: 'bye' };

export interface Flow {
  readonly callId: string;
  /** The media lines of the nth answer (or offer) of the recorder, once it is there; and its whole text. */
  answer(nth: number): Promise<{ readonly media: readonly SdpMedia[]; readonly text: string }>;
  /** Lets it go on from where it waits. */
  go(): Promise<void>;
  /** Resolves when all steps are done; rejects with SIPp's words when one did not go as it should. */
  readonly done: Promise<void>;
  readonly run: SippRun;
  /** The file of what it has logged: answers, and warnings of refusals. */
  readonly log: string;
}

const answerWithinMs = 20_000;

export async function startFlow(workspace: Workspace, name: string, steps: readonly Step[]): Promise<Flow> {
  const port = await freePort();
  const callId = `${name}-${randomBytes(6).toString('hex')}`;
  const options = { scenario: name, text: scenarioOf(name, steps), callId, remote: `127.0.0.1:${workspace.recorderPort}`, port, calls: 1, mediaPort: await freeMediaPort(), dir: workspace.dir };
  const run = runSipp(options);
  run.done.catch(() => undefined);
  let went = 0;
  const log = sippLog(options);
  const logged = async (mark: string): Promise<string> => {
    let text = '';
    await Promise.race([until(async () => (text = await readFile(log, 'utf8').catch(() => '')).includes(mark), `${name}: ${mark}`, answerWithinMs), run.done]);
    return text;
  };
  return {
    callId,
    run,
    log,
    done: run.done,
    async answer(nth) {
      const text = await logged(`END ${nth}.`);
      const body = text.slice(text.indexOf(`ANSWER ${nth}:`) + `ANSWER ${nth}:`.length, text.indexOf(`END ${nth}.`)).trim();
      const sdp = readSdp(body);
      if (typeof sdp === 'string') throw new Error(`${name}: answer ${nth} cannot be read (${sdp}): ${body}`);
      return { media: sdp.media, text: body };
    },
    async go() {
      went += 1;
      await logged(`WAIT ${went}.`);
      await sendGo(port, callId, went);
    },
  };
}

let nextMediaPort = sippMediaPort(0);

/** SIPp takes four ports whether it has media or not, and ends when one is not to be had. */
async function freeMediaPort(): Promise<number> {
  for (;;) {
    const first = nextMediaPort;
    nextMediaPort += 4;
    const sockets = [0, 1, 2, 3].map(() => createSocket('udp4'));
    const bound = await Promise.all(sockets.map(async (socket, n) => {
      socket.bind(first + n, '127.0.0.1');
      return once(socket, 'listening').then(() => true, () => false);
    }));
    for (const socket of sockets) socket.close();
    if (bound.every(Boolean)) return first;
  }
}

/** SIPp waits for a request of its call; nobody waits for an answer to this one. */
function sendGo(port: number, callId: string, went: number): Promise<void> {
  const branch = randomBytes(8).toString('hex');
  const text = [`INFO sip:go@127.0.0.1:${port} SIP/2.0`, `Via: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bK${branch}`, 'From: <sip:test@127.0.0.1>;tag=go', 'To: <sip:test@127.0.0.1>', `Call-ID: ${callId}`, `CSeq: ${went} INFO`, 'Content-Length: 0', '', ''].join('\r\n');
  const socket = createSocket('udp4');
  return new Promise((resolve, reject) => socket.send(text, port, '127.0.0.1', (error) => {
    socket.close();
    if (error === null) resolve();
    else reject(error);
  }));
}

function scenarioOf(name: string, steps: readonly Step[]): string {
  let cseq = 0;
  let answers = 0;
  let waits = 0;
  let from = `<sip:${name}@[local_ip]:[local_port]>`;
  let established = false;
  const message = (method: string, number: number, { headers = [], contentType, body = '' }: Said): string => {
    const named = (header: string): string | undefined => headers.find((line) => line.toLowerCase().startsWith(`${header}:`))?.replace(/^[^:]*:\s*/u, '');
    from = named('from') ?? from;
    const rest = headers.filter((line) => !/^(?:from|contact):/iu.test(line));
    return [
      '<![CDATA[',
      `${method} ${established ? '[next_url]' : 'sip:recorder@[remote_ip]:[remote_port]'} SIP/2.0`,
      'Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]',
      ...(established ? ['[routes]'] : []),
      `From: ${from};tag=[pid]m[call_number]`,
      established ? 'To: <sip:recorder@[remote_ip]:[remote_port]>[peer_tag_param]' : 'To: <sip:recorder@[remote_ip]:[remote_port]>',
      'Call-ID: [call_id]',
      `CSeq: ${number} ${method}`,
      'Max-Forwards: 70',
      ...(method === 'BYE' ? [] : [`Contact: ${named('contact') ?? '<sip:client@[local_ip]:[local_port]>;+sip.src'}`]),
      ...rest,
      ...(body === '' ? [] : [`Content-Type: ${contentType ?? 'application/sdp'}`]),
      'Content-Length: [len]',
      '',
      ...body.split(/\r?\n/u),
      ']]>',
    ].join('\n');
  };
  const send = (method: string, number: number, said: Said): string => `<send${method === 'ACK' ? '' : ' retrans="500"'}>${message(method, number, said)}</send>`;
  const answered = (status: 200 | 481): string =>
    `<send><![CDATA[\nSIP/2.0 ${status === 200 ? '200 OK' : '481 Call/Transaction Does Not Exist'}\n[last_Via:]\n[last_From:]\n[last_To:]\n[last_Call-ID:]\n[last_CSeq:]\nContact: <sip:client@[local_ip]:[local_port]>\nContent-Length: 0\n\n]]></send>`;
  const lines = steps.map((step): string => {
    switch (step.kind) {
      case 'invite':
      case 'update': {
        const method = step.kind.toUpperCase();
        cseq += 1;
        const request = send(method, cseq, step.said);
        const provisional = '<recv response="100" optional="true"/>';
        if (step.expect !== 200) {
          // RFC 3261 §17.1.1.3: a refusal is acknowledged in its own transaction, which SIPp does by itself.
          return `${request}${provisional}<recv response="${step.expect}"><action><ereg regexp=".*" search_in="hdr" header="Warning:" assign_to="body"/><log message="WARNED [$body] END"/></action></recv>${method === 'INVITE' ? `<send>${message('ACK', cseq, {})}</send>` : ''}`;
        }
        established = true;
        if (step.kind === 'update') return `${request}${provisional}<recv response="200"/>`;
        answers += 1;
        const answer = `<recv response="200" rrs="true"><action><ereg regexp=".*" search_in="body" assign_to="body"/><log message="ANSWER ${answers}: [$body] END ${answers}."/></action></recv>`;
        return `${request}${provisional}${answer}${send('ACK', cseq, step.answerInAck === undefined ? {} : { body: step.answerInAck })}`;
      }
      case 'wait':
        waits += 1;
        return `<nop><action><log message="WAIT ${waits}."/></action></nop><recv request="INFO"/>`;
      case 'asked':
        return `<recv request="${step.method}"><action><ereg regexp=".*" search_in="body" assign_to="body"/><log message="ASKED ${step.method}: [$body] ."/></action></recv>${answered(step.status)}`;
      case 'bye':
        cseq += 1;
        return `${send('BYE', cseq, {})}<recv response="200"/>`;
    }
  });
  return `<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE scenario SYSTEM "sipp.dtd">\n<scenario name="${name}">\n${lines.join('\n')}\n</scenario>\n`;
}
