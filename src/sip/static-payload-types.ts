/**
 * Payload types whose meaning is fixed by RFC 3551 §6, for media lines that give no rtpmap.
 *
 * 19 was comfort noise before 13 was; Cisco gateways still send it.
 */

export interface StaticPayloadType {
  name: string;
  clockRate: number;
  channels: number;
}

const audio = (name: string, clockRate = 8_000, channels = 1): StaticPayloadType => ({ name, clockRate, channels });
const video = (name: string): StaticPayloadType => ({ name, clockRate: 90_000, channels: 1 });

export const staticPayloadTypes: ReadonlyMap<number, StaticPayloadType> = new Map([
  [0, audio('PCMU')],
  [3, audio('GSM')],
  [4, audio('G723')],
  [5, audio('DVI4')],
  [6, audio('DVI4', 16_000)],
  [7, audio('LPC')],
  [8, audio('PCMA')],
  // G.722 samples at 16000, but its RTP clock says 8000 (RFC 3551 §4.5.2).
  [9, audio('G722')],
  [10, audio('L16', 44_100, 2)],
  [11, audio('L16', 44_100)],
  [12, audio('QCELP')],
  [13, audio('CN')],
  [14, audio('MPA', 90_000)],
  [15, audio('G728')],
  [16, audio('DVI4', 11_025)],
  [17, audio('DVI4', 22_050)],
  [18, audio('G729')],
  [19, audio('CN')],
  [25, video('CelB')],
  [26, video('JPEG')],
  [28, video('nv')],
  [31, video('H261')],
  [32, video('MPV')],
  [33, video('MP2T')],
  [34, video('H263')],
]);
