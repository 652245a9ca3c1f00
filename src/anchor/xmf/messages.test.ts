import fc from 'fast-check';
import t from 'tap';
import { readXml } from '../../sip/index.js';
import { encodeForking, encodeProbed, encodeProviderLeft, encodeRegister, encodeUnregister, readXmf } from './messages.js';

const soap = (body: string): string => `<?xml version="1.0"?><SOAP:Envelope xmlns:SOAP="http://www.w3.org/2003/05/soap-envelope"><SOAP:Body>${body}</SOAP:Body></SOAP:Envelope>`;
const header = '<msgHeader><transactionID>\n546CF8:25</transactionID><registrationID>4CA5E4:XMF:myapp:4</registrationID></msgHeader>';
const told = { transactionId: '546CF8:25', registrationId: '4CA5E4:XMF:myapp:4' };
const notify = (event: string): string => soap(`<NotifyXmfConnectionData xmlns="http://www.cisco.com/schema/cisco_xmf/v1_0">${header}<callData><callID>25</callID><state>\nACTIVE</state></callData><connData><connID>132</connID><state>ALERTING</state></connData><event>${event}</event></NotifyXmfConnectionData>`);

t.test('what a gateway tells of a connection', (t) => {
  const leg = { ...told, callId: '25', connectionId: '132' };
  const connected = notify('<connected><connDetailData><connData><connID>132</connID><state>CONNECTED</state></connData><guid>AB</guid><guidAltFormat>1-2-3-4</guidAltFormat><connDirectionType>OUTGOING</connDirectionType></connDetailData></connected>');
  t.strictSame(readXmf(connected), { ...leg, kind: 'connected', guids: ['AB', '1-2-3-4'], direction: 'outgoing' });
  t.match(readXmf(notify('<connected/>')), { kind: 'connected', guids: [], direction: undefined });
  t.strictSame(readXmf(notify('<disconnected><discCause>16</discCause></disconnected>')), { ...leg, kind: 'disconnected' });
  t.strictSame(readXmf(notify('<mediaForking>\n<mediaForkingState>FORK_FAILED</mediaForkingState></mediaForking>')), { ...leg, kind: 'forking', state: 'FORK_FAILED' });
  t.match(readXmf(notify('<handoffLeave/>')), { kind: 'other', name: 'handoffleave' });
  t.end();
});

t.test('what it asks and answers', (t) => {
  const probing = (interval: string) => readXmf(soap(`<SolicitXmfProbing>${header}<sequence>7</sequence><interval>${interval}</interval><registered>true</registered></SolicitXmfProbing>`));
  t.strictSame(probing('PT5S'), { ...told, kind: 'probing', sequence: '7', intervalMs: 5_000, registered: true });
  t.match([probing('PT1M30S'), probing('255'), probing('PT4M15.000S'), probing('soon'), probing('')], [90_000, 255_000, 255_000, undefined, undefined].map((intervalMs) => ({ intervalMs })));
  t.match(readXmf(soap(`<SolicitXmfProviderUnRegister>${header}</SolicitXmfProviderUnRegister>`)), { kind: 'provider-leaves' });
  t.match(readXmf(soap(`<NotifyXmfProviderStatus>${header}<providerStatus>SHUTDOWN</providerStatus></NotifyXmfProviderStatus>`)), { kind: 'status', inService: false });
  t.match(readXmf(soap(`<ResponseXmfRegister>${header}<providerStatus>IN_SERVICE</providerStatus></ResponseXmfRegister>`)), { ...told, kind: 'response', inService: true });
  t.match(readXmf(soap('<SOAP:Fault><SOAP:Code><SOAP:Value>SOAP:Sender</SOAP:Value></SOAP:Code><SOAP:Reason><SOAP:Text>no such call</SOAP:Text></SOAP:Reason></SOAP:Fault>')), { kind: 'fault', reason: 'no such call' });
  t.end();
});

t.test('what it is asked is as the document has it, and what stands in it is escaped', (t) => {
  const near = { address: '192.0.2.1', port: 30_000 };
  const far = { address: '192.0.2.1', port: 30_002 };
  const fork = encodeForking(told, { callId: '42', connectionId: '5<4' }, { near, far, tone: false });
  t.match(fork, '<RequestXmfConnectionMediaForking xmlns="http://www.cisco.com/schema/cisco_xmf/v1_0"><msgHeader><transactionID>546CF8:25</transactionID><registrationID>4CA5E4:XMF:myapp:4</registrationID></msgHeader><callID>42</callID><connID>5&lt;4</connID><action><enableMediaForking><nearEndAddr><ipv4>192.0.2.1</ipv4><port>30000</port></nearEndAddr><farEndAddr><ipv4>192.0.2.1</ipv4><port>30002</port></farEndAddr><preserve>true</preserve></enableMediaForking></action></RequestXmfConnectionMediaForking>');
  t.equal(encodeForking(told, { callId: '42', connectionId: '5' }, { near, far, tone: true }).split('<recordTone>').length, 3, 'both parties hear it');
  t.match(encodeForking(told, { callId: '42', connectionId: '5' }, undefined), '<action><disableMediaForking/></action>');
  t.match(encodeRegister({ transactionId: '1', name: 'app', applicationUrl: 'http://a/xmf?a&b', providerUrl: 'http://b/cisco_xmf' }), '<msgHeader><transactionID>1</transactionID></msgHeader><applicationData><name>app</name><url>http://a/xmf?a&amp;b</url></applicationData><providerData><url>http://b/cisco_xmf</url></providerData><connectionEventsFilter>CONNECTED DISCONNECTED</connectionEventsFilter>');
  for (const text of [fork, encodeUnregister(told), encodeProbed(told, '7'), encodeProviderLeft(told)]) {
    t.not(typeof readXml(text), 'string');
    t.match(readXmf(text), told);
  }
  t.end();
});

const isRead = (read: ReturnType<typeof readXmf>): boolean => typeof read === 'string' || read.kind.length > 0;

t.test('any text is a message or a reason', (t) => {
  const whole = notify('<connected><connDetailData><guid>AB</guid></connDetailData></connected>');
  for (let end = 0; end < whole.length; end += 1) readXmf(whole.slice(0, end));
  fc.assert(fc.property(fc.string(), (text) => isRead(readXmf(text))));
  fc.assert(fc.property(fc.nat(whole.length - 1), fc.string({ maxLength: 8 }), (at, text) => isRead(readXmf(whole.slice(0, at) + text + whole.slice(at + text.length)))));
  t.match([readXmf(''), readXmf('<a/>'), readXmf(soap(''))], ['empty', 'malformed', 'malformed']);
  t.end();
});
