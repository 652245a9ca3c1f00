/**
 * For tests: what a Cisco gateway does by XMF, as Cisco's documents say. It is no gateway: none of ours has been near one.
 *
 * It registers who asks, tells of the connections that a test lets it have, probes, and copies the packets that a test
 * gives it to where it was told.
 */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Test } from 'tap';
import { readXml, type XmlElement } from '../../sip/index.js';
import type { ConnectionDirection } from './messages.js';

export interface DoubleFork {
  readonly callId: string;
  readonly connectionId: string;
  readonly near: { readonly address: string; readonly port: number };
  readonly far: { readonly address: string; readonly port: number };
  readonly tone: boolean;
}

const soap = 'xmlns:SOAP="http://www.w3.org/2003/05/soap-envelope"';
const xmf = 'xmlns="http://www.cisco.com/schema/cisco_xmf/v1_0"';
const envelope = (body: string): string => `<?xml version="1.0" encoding="UTF-8"?><SOAP:Envelope ${soap}><SOAP:Body>${body}</SOAP:Body></SOAP:Envelope>`;

const at = (from: XmlElement | undefined, ...names: string[]): XmlElement | undefined =>
  names.reduce<XmlElement | undefined>((element, name) => element?.children.find((child) => child.name === name), from);
const textAt = (from: XmlElement | undefined, ...names: string[]): string => at(from, ...names)?.text ?? '';

export class GatewayDouble {
  /** By connection. */
  readonly forks = new Map<string, DoubleFork>();
  /** Names of requests, in their order. */
  readonly asked: string[] = [];
  registrationId = '';
  applicationUrl = '';
  /** What it answers to a request for media forking; then says of it. */
  forking: 'started' | 'failed' | 'refused' | 'silent' = 'started';
  registers = true;
  #registrations = 0;
  readonly #changed = new Set<() => void>();

  private constructor(
    private readonly server: Server,
    private readonly socket: Socket,
  ) {}

  static async start(t: Pick<Test, 'teardown'>): Promise<GatewayDouble> {
    const [server, socket] = [createServer(), createSocket('udp4')];
    const double = new GatewayDouble(server, socket);
    server.on('request', (request, response) => {
      let text = '';
      request.setEncoding('utf8').on('data', (part: string) => (text += part));
      request.on('end', () => {
        const { status, body, then } = double.#answer(text);
        response.writeHead(status, { 'Content-Type': 'application/soap+xml' }).end(body);
        then?.();
        for (const look of double.#changed) look();
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    t.teardown(() => double.stop());
    return double;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/cisco_xmf`;
  }

  async stop(): Promise<void> {
    if (!this.server.listening) return;
    const closed = once(this.server, 'close');
    this.server.close();
    this.server.closeAllConnections();
    this.socket.close();
    await closed;
  }

  until(met: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const giveUp = setTimeout(() => reject(new Error(`it did not come to that: ${this.asked.join(', ')}`)), 10_000);
      const look = (): void => {
        if (!met()) return;
        clearTimeout(giveUp);
        this.#changed.delete(look);
        resolve();
      };
      this.#changed.add(look);
      look();
    });
  }

  connect(callId: string, connectionId: string, guid: string, direction: ConnectionDirection): Promise<string> {
    const detail = `<connDetailData><connData><connID>${connectionId}</connID><state>CONNECTED</state></connData><guid>${guid}</guid><connDirectionType>${direction.toUpperCase()}</connDirectionType></connDetailData>`;
    return this.#connectionTold(callId, connectionId, 'CONNECTED', `<connected>${detail}</connected>`);
  }

  disconnect(callId: string, connectionId: string): Promise<string> {
    return this.#connectionTold(callId, connectionId, 'DISCONNECTED', '<disconnected><mediaData><type>VOICE</type></mediaData><discCause>16</discCause></disconnected>');
  }

  probe(sequence: number, { registered = true, interval = 'PT5S' } = {}): Promise<string> {
    const header = this.#header();
    return this.say(`<SolicitXmfProbing ${xmf}>${header}<sequence>${sequence}</sequence><interval>${interval}</interval><failureCount>0</failureCount><registered>${registered}</registered><providerStatus>IN_SERVICE</providerStatus></SolicitXmfProbing>`);
  }

  status(status: string): Promise<string> {
    return this.say(`<NotifyXmfProviderStatus ${xmf}>${this.#header()}<providerStatus>${status}</providerStatus></NotifyXmfProviderStatus>`);
  }

  leave(): Promise<string> {
    return this.say(`<SolicitXmfProviderUnRegister ${xmf}>${this.#header()}</SolicitXmfProviderUnRegister>`);
  }

  /** Says it to the application; resolves with the answer. */
  async say(body: string): Promise<string> {
    const response = await fetch(this.applicationUrl, { method: 'POST', headers: { 'Content-Type': 'application/soap+xml' }, body: envelope(body) });
    return `${response.status} ${await response.text()}`;
  }

  /** A packet came to it by a connection, or left by it. */
  copy(connectionId: string, which: 'near' | 'far', packet: Buffer): void {
    const fork = [...this.forks.values()].find((one) => one.connectionId === connectionId);
    if (fork !== undefined) this.socket.send(packet, fork[which].port, fork[which].address);
  }

  #connectionTold(callId: string, connectionId: string, state: string, event: string): Promise<string> {
    return this.say(
      `<NotifyXmfConnectionData ${xmf}>${this.#header()}<callData><callID>${callId}</callID><state>ACTIVE</state></callData>` +
        `<connData><connID>${connectionId}</connID><state>${state}</state></connData><event>${event}</event></NotifyXmfConnectionData>`,
    );
  }

  #header(): string {
    return `<msgHeader><transactionID>546CF8:25</transactionID><registrationID>${this.registrationId}</registrationID></msgHeader>`;
  }

  #answer(text: string): { status: number; body: string; then?: () => void } {
    const document = readXml(text);
    const request = typeof document === 'string' ? undefined : at(document, 'body')?.children[0];
    const transaction = textAt(request, 'msgheader', 'transactionid');
    const header = (registration: string): string => `<msgHeader><transactionID>${transaction}</transactionID><registrationID>${registration}</registrationID></msgHeader>`;
    const fault = (reason: string) => ({
      status: 500,
      body: envelope(`<SOAP:Fault><SOAP:Code><SOAP:Value>SOAP:Receiver</SOAP:Value></SOAP:Code><SOAP:Reason><SOAP:Text xml:lang="en">${reason}</SOAP:Text></SOAP:Reason></SOAP:Fault>`),
    });
    this.asked.push(request?.name ?? 'nothing');
    switch (request?.name) {
      case 'requestxmfregister': {
        if (!this.registers) return fault('the application is not configured');
        this.#registrations += 1;
        this.registrationId = `4CA5E4:XMF:${textAt(request, 'applicationdata', 'name')}:${this.#registrations}`;
        this.applicationUrl = textAt(request, 'applicationdata', 'url');
        return { status: 200, body: envelope(`<ResponseXmfRegister ${xmf}>${header(this.registrationId)}<providerStatus>IN_SERVICE</providerStatus></ResponseXmfRegister>`) };
      }
      case 'requestxmfunregister': {
        const registration = this.registrationId;
        this.registrationId = '';
        return { status: 200, body: envelope(`<ResponseXmfUnRegister ${xmf}>${header(registration)}</ResponseXmfUnRegister>`) };
      }
      case 'requestxmfconnectionmediaforking': {
        if (textAt(request, 'msgheader', 'registrationid') !== this.registrationId || this.forking === 'refused') return fault('media forking is not to be had');
        const [callId, connectionId] = [textAt(request, 'callid'), textAt(request, 'connid')];
        const enable = at(request, 'action', 'enablemediaforking');
        const place = (name: string) => ({ address: textAt(enable, name, 'ipv4'), port: Number(textAt(enable, name, 'port')) });
        if (enable === undefined) this.forks.delete(connectionId);
        else this.forks.set(connectionId, { callId, connectionId, near: place('nearendaddr'), far: place('farendaddr'), tone: at(enable, 'nearendaddr', 'recordtone') !== undefined });
        const state = enable === undefined ? 'FORK_DONE' : this.forking === 'failed' ? 'FORK_FAILED' : 'FORK_STARTED';
        const told = this.forking === 'silent' ? undefined : () => void this.#connectionTold(callId, connectionId, 'CONNECTED', `<mediaForking><mediaForkingState>${state}</mediaForkingState></mediaForking>`);
        return { status: 200, body: envelope(`<ResponseXmfConnectionMediaForking ${xmf}>${header(this.registrationId)}</ResponseXmfConnectionMediaForking>`), ...(told === undefined ? {} : { then: told }) };
      }
      default: return fault('what is that?');
    }
  }
}
