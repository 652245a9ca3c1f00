/** For tests: how the messages of RFC 4475 are written down here. */

/** A message as the RFC prints it, with a line break before it: CRLF on the wire, one byte per character. */
export const wire = (text: string): string => text.slice(1).replaceAll('\n', '\r\n');

/** UTF-8 as bytes, one per character. */
export const utf8 = (text: string): string => Buffer.from(text).toString('latin1');

/** The body that most of the RFC's INVITEs have. */
export const sdpBody = (origin: string, connection = origin, time = '0 0'): string => `v=0
o=mhandley 29739 7272939 IN IP4 ${origin}
s=-
c=IN IP4 ${connection}
t=${time}
m=audio 49217 RTP/AVP 0 12
m=video 3227 RTP/AVP 31
a=rtpmap:31 LPC
`;
