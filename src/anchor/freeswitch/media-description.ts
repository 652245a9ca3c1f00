/**
 * What of an SDP FreeSWITCH can carry, and how the SDP that it made goes on to a party: pure.
 *
 * FreeSWITCH ends the media of each side: codecs, addresses and ports that a party sees are FreeSWITCH's. Of what the
 * other party said only the direction goes on, for holding a call is between the parties.
 */
import type { Sdp, SdpDirection, SdpMedia } from '../../sip/index.js';

/** The audio that it carries, or why it cannot take this SDP without harming the call. */
export function carriedAudio(sdp: Sdp, text: string): SdpMedia | string {
  const live = sdp.media.filter(({ port }) => port !== 0);
  const [audio] = live;
  if (audio === undefined) return 'it has no media that is not refused';
  const foreign = live.find(({ kind }) => kind !== 'audio');
  if (foreign !== undefined) return `it has ${foreign.kind}, and FreeSWITCH is given audio only`;
  if (live.length > 1) return `it has ${live.length} audio lines, and FreeSWITCH takes one`;
  if (!/^RTP\/AVPF?$/iu.test(audio.protocol) || audio.crypto.length > 0 || /^a=fingerprint:/mu.test(text)) return 'its audio is encrypted, and FreeSWITCH would decrypt it';
  return audio;
}

const directionLine = /^a=(?:sendrecv|sendonly|recvonly|inactive)\s*$/u;

/** FreeSWITCH's SDP with the direction that the other party gave, and a session version of ours (RFC 8866 §5.2). */
export function passedOn(text: string, direction: SdpDirection, version: number): string {
  const lines = text.split(/\r?\n/u).filter((line) => line !== '');
  const passed = lines
    .filter((line) => !directionLine.test(line))
    .map((line) => (line.startsWith('o=') ? line.replace(/^(o=\S+\s+\S+\s+)\S+/u, `$1${version}`) : line));
  const audio = passed.findIndex((line) => /^m=audio\s+[1-9]/u.test(line));
  if (audio >= 0) {
    const next = passed.findIndex((line, index) => index > audio && line.startsWith('m='));
    passed.splice(next < 0 ? passed.length : next, 0, `a=${direction}`);
  }
  return `${passed.join('\r\n')}\r\n`;
}
