/**
 * The scenarios of this folder: SIPp's own, in which what every message has in common is written once.
 *
 * A template word stands between two @ in capitals, with what it takes behind it: `@INSIDE BYE 2@`.
 *
 *   both      @SDP word…@       Content-Type, Content-Length and an SDP; see `sdp` below for the words
 *             @EMPTY@           Content-Length: 0
 *             @ANSWER 200 OK@   a response to the request that came last
 *             @RECEIVED BYE@    receives a request and keeps what its answer repeats; @ANSWER_RECEIVED 200 OK@ that answer, whatever
 *                               came meanwhile
 *             @INSIDE BYE 2@    a request in the dialog, by method and CSeq
 *             @ACK_REFUSED 2@   the ACK to a 3xx and above to an INVITE in the dialog
 *             @BYE 2@, @GET_BYE@ ending the call, with a Reason: sent and answered, or received and answered
 *   uac-      @INVITE 1@        the INVITE, without end of headers; @PEER@ inside a <recv> learns the To tag
 *             @ANSWERED@        receives the 200 and learns from it; @ACK 1@ sends the ACK without a body
 *             @CANCEL 1@, @ACK_REFUSAL 1@  the CANCEL of that INVITE, without end of headers, and the ACK to its 3xx and above
 *   uas-      @INVITED@         receives the INVITE and keeps what its responses repeat; @INVITED Replaces@ also $replaces, if it has that
 *             @REPLY 180 Ringing@, @FORK a 180 Ringing@  a response to that INVITE, from another branch;
 *             @REPLY_ELSEWHERE 302 Moved@  the same without a Contact
 *
 * Pure.
 */
export type Mode = 'proxied' | 'back-to-back';
export type Role = 'uac' | 'uas';

const callerLine = '<sip:caller@[local_ip]:[local_port]>;tag=c[call_number]';
const calleeLine = '<sip:callee@[remote_ip]:[remote_port]>';
const via = 'Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]';

const described = (body: string): string => `Content-Type: application/sdp\nContent-Length: [len]\n\n${body}`;

/** Words: a direction, `pcmu` instead of A-law, `t38` instead of audio, `unset` for c=0.0.0.0, a number for the version. */
function sdp(role: Role, words: readonly string[]): string {
  const port = role === 'uac' ? 41_000 : 42_000;
  const version = words.find((word) => /^\d+$/.test(word)) ?? '1';
  const direction = words.find((word) => /^(?:sendrecv|sendonly|recvonly|inactive)$/.test(word)) ?? 'sendrecv';
  const head = ['v=0', `o=${role} 7 ${version} IN IP4 [local_ip]`, 's=-', `c=IN IP4 ${words.includes('unset') ? '0.0.0.0' : '[local_ip]'}`, 't=0 0'];
  const audio = words.includes('pcmu') ? ['0', 'a=rtpmap:0 PCMU/8000'] : ['8', 'a=rtpmap:8 PCMA/8000'];
  const media = words.includes('t38')
    ? [`m=image ${port + 100} udptl t38`, 'a=T38FaxVersion:0', 'a=T38MaxBitRate:14400', 'a=T38FaxUdpEC:t38UDPRedundancy']
    : [`m=audio ${port} RTP/AVP ${audio[0] ?? ''} 101`, audio[1] ?? '', 'a=rtpmap:101 telephone-event/8000', 'a=fmtp:101 0-15', 'a=ptime:20', `a=${direction}`];
  return `${[...head, ...media].join('\n')}\n`;
}

const send = (message: string, attributes = ''): string => `<send${attributes}><![CDATA[\n${message}\n]]></send>`;
const empty = 'Content-Length: 0\n\n';
const contactOf = (role: Role): string => `Contact: <sip:${role === 'uac' ? 'caller' : 'callee'}@[local_ip]:[local_port]>`;

/** The ACK of a refusal has the branch of its INVITE (RFC 3261 section 17.1.1.3): without it the refusal is repeated. */
const viaOfInvite = (cseq: string): string => via.replace('[branch]', `z9hG4bK-[pid]-[call_number]-invite-${cseq}`);

function inside(role: Role, method: string, cseq: string, viaLine = method === 'INVITE' ? viaOfInvite(cseq) : via): string {
  const [from, to] = role === 'uac' ? [callerLine, `${calleeLine};tag=[$peer]`] : ['[$callee];tag=s', '[$caller]'];
  return [
    `${method} [next_url] SIP/2.0`, viaLine, '[routes]', 'Max-Forwards: 70', `From: ${from}`, `To: ${to}`, 'Call-ID: [call_id]', `CSeq: ${cseq} ${method}`,
    ...(method === 'BYE' || method === 'ACK' ? [] : [contactOf(role)]),
  ].join('\n');
}

/** An INVITE outside a dialog, its CANCEL, and the ACK to its refusal have one branch (RFC 3261 §9.1, §17.1.1.3). */
const ofInvite = (method: string, cseq: string, to: string): string =>
  [
    `${method} sip:callee@[remote_ip]:[remote_port] SIP/2.0`, viaOfInvite(cseq), 'Max-Forwards: 70',
    `From: ${callerLine}`, `To: ${to}`, 'Call-ID: [call_id]', `CSeq: ${cseq} ${method}`,
  ].join('\n');

const answer = (role: Role, status: string): string =>
  [`SIP/2.0 ${status}`, '[last_Via:]', '[last_From:]', '[last_To:]', '[last_Call-ID:]', '[last_CSeq:]', contactOf(role)].join('\n');

/** Not `[last_Via:]`: other requests may have come since. Through a proxy there are two, and a Record-Route. */
const reply = (mode: Mode, status: string, tag: string): string =>
  [
    `SIP/2.0 ${status}`, 'Via: [$via]', ...(mode === 'proxied' ? ['Via: [$via2]', 'Record-Route: [$route]'] : []),
    'From: [$caller]', `To: [$callee];tag=${tag}`, 'Call-ID: [call_id]', 'CSeq: [$invited]', contactOf('uas'),
  ].join('\n');

const keep = (header: string, variable: string, more = ''): string =>
  `<ereg regexp=".*" search_in="hdr" header="${header}:" ${more}assign_to="${variable}"/>`;

function invited(mode: Mode, more: readonly string[]): string {
  const proxied = mode === 'proxied' ? [keep('Via', 'via2', 'occurrence="2" '), keep('Record-Route', 'route')] : [];
  const kept = [keep('Via', 'via'), ...proxied, keep('From', 'caller'), keep('To', 'callee'), keep('CSeq', 'invited'), ...more.map((header) => keep(header, header.toLowerCase()).replace('.*', '.+'))];
  return `<recv request="INVITE" rrs="true"><action>${kept.join('')}</action></recv>`;
}

function received(mode: Mode, method: string): string {
  const kept = [keep('Via', 'via'), ...(mode === 'proxied' ? [keep('Via', 'via2', 'occurrence="2" ')] : []), keep('From', 'from'), keep('To', 'to'), keep('CSeq', 'cseq')];
  return `<recv request="${method}"><action>${kept.join('')}</action></recv>`;
}

const answerReceived = (mode: Mode, role: Role, status: string): string =>
  [
    `SIP/2.0 ${status}`, 'Via: [$via]', ...(mode === 'proxied' ? ['Via: [$via2]'] : []),
    'From: [$from]', 'To: [$to]', 'Call-ID: [call_id]', 'CSeq: [$cseq]', contactOf(role),
  ].join('\n');

const learnsPeer = '<action><ereg regexp="tag=([^;&gt; ]*)" search_in="hdr" header="To:" assign_to="tagged,peer"/></action>';

function expand(mode: Mode, role: Role, word: string, rest: string): string {
  const [first = '', ...others] = rest.split(' ');
  switch (word) {
    case 'SDP': return described(sdp(role, rest.split(' ')));
    case 'EMPTY': return empty;
    case 'ANSWER': return answer(role, rest);
    case 'REPLY': return reply(mode, rest, 's');
    case 'REPLY_ELSEWHERE': return reply(mode, rest, 's').replace(/\nContact:.*$/, '');
    case 'FORK': return reply(mode, others.join(' '), first);
    case 'RECEIVED': return received(mode, first);
    case 'ANSWER_RECEIVED': return answerReceived(mode, role, rest);
    case 'INSIDE': return inside(role, first, others[0] ?? '1');
    case 'BYE': return `${send(`${inside(role, 'BYE', first)}\nReason: Q.850;cause=16;text="Terminated"\n${empty}`, ' retrans="500"')}\n<recv response="200"/>`;
    case 'GET_BYE': return `<recv request="BYE"/>\n${send(`${answer(role, '200 OK')}\n${empty}`)}`;
    case 'INVITE': return `${ofInvite('INVITE', first, calleeLine)}\n${contactOf('uac')}`;
    case 'CANCEL': return ofInvite('CANCEL', first, calleeLine);
    case 'ACK_REFUSAL': return send(`${ofInvite('ACK', first, `${calleeLine};tag=[$peer]`)}\n${empty}`);
    case 'ACK_REFUSED': return send(`${inside(role, 'ACK', first, viaOfInvite(first))}\n${empty}`);
    case 'PEER': return learnsPeer;
    case 'ANSWERED': return `<recv response="100" optional="true"/><recv response="180" optional="true"/><recv response="200" rrs="true">${learnsPeer}</recv>`;
    case 'ACK': return send(`${inside(role, 'ACK', first)}\n${empty}`);
    case 'INVITED': return invited(mode, rest.split(' ').filter((header) => header !== ''));
    default: throw new Error(`no template word ${word}`);
  }
}

/** The scenario as SIPp takes it. */
export function expandScenario(mode: Mode, role: Role, template: string): string {
  const text = template.replace(/@([A-Z_]{3,})(?: ([^@\n]*))?@/g, (_, word: string, rest: string | undefined) => expand(mode, role, word, rest ?? ''));
  // SIPp refuses a variable that is set and never read.
  const variables = ['via', 'via2', 'route', 'caller', 'callee', 'invited', 'tagged', 'peer', 'rseq', 'elsewhere', 'from', 'to', 'cseq'].filter((name) => new RegExp(`assign_to="(?:\\w+,)*${name}[",]`).test(text));
  return text.replace('</scenario>', variables.length === 0 ? '</scenario>' : `<Reference variables="${variables.join(',')}"/>\n</scenario>`);
}
