import t from 'tap';
import { encodeRtcp, encodeRtp, ntpFromUnixMs, parseRtcp, readLossSummaries, type ReceiverReport } from '../media/index.js';
import { ReceiverReports } from './receiver-reports.js';

const packet = (sequenceNumber: number, ssrc = 5): Buffer => encodeRtp({ payloadType: 0, sequenceNumber, timestamp: sequenceNumber * 160, ssrc, payload: Buffer.alloc(160) });

function reported(reports: ReceiverReports, nowMs = 1_000): ReceiverReport['reports'] {
  const compound = reports.compound(9, 'recorder', nowMs);
  const packets = compound === undefined ? [] : parseRtcp(compound);
  if (typeof packets === 'string') throw new Error(packets);
  const [report] = packets;
  return report?.type === 'RR' ? report.reports : [];
}

t.test('the highest sequence number is what is written, not what came', (t) => {
  const reports = new ReceiverReports(8_000);
  t.strictSame(reported(reports), [], 'before anything came nothing is said');
  for (const n of [65_534, 65_535, 0]) reports.rtp(packet(n), n);
  reports.mark(3, 0);
  t.strictSame(reported(reports), [], 'nothing is written yet');
  for (const n of [1, 2]) reports.rtp(packet(n), n);
  reports.mark(5, 3);
  t.match(reported(reports), [{ ssrc: 5, extendedHighest: 65_536, cumulativeLost: 0 }], 'the first three, of which the last began another cycle');
  reports.mark(5, 4);
  t.match(reported(reports), [{ extendedHighest: 65_536 }], 'four are in the file, but which of them is not known');
  reports.mark(5, 5);
  t.match(reported(reports), [{ extendedHighest: 65_538 }]);
  t.end();
});

t.test('losses, the last sender report and its age stand in the block', (t) => {
  const reports = new ReceiverReports(8_000);
  for (const n of [1, 2, 4]) reports.rtp(packet(n), n * 20);
  reports.rtcp(encodeRtcp([{ type: 'SR', ssrc: 5, ntp: ntpFromUnixMs(1_700_000_000_000), rtpTimestamp: 0, packetCount: 3, octetCount: 480, reports: [], profileExtension: Buffer.alloc(0) }]), 100);
  reports.mark(4, 4);
  const [block] = reported(reports, 600);
  t.match(block, { cumulativeLost: 1, fractionLost: 64, delaySinceLastSenderReport: 32_768 });
  t.not(block?.lastSenderReport, 0);
  t.end();
});

t.test('sources are reported apart, a silent one no more, and of many only the latest eight', (t) => {
  const reports = new ReceiverReports(8_000);
  for (let ssrc = 1; ssrc <= 10; ssrc += 1) reports.rtp(packet(1, ssrc), ssrc);
  reports.mark(10, 10);
  t.strictSame(reported(reports).map(({ ssrc }) => ssrc), [3, 4, 5, 6, 7, 8, 9, 10]);
  reports.rtp(packet(2, 10), 60_000);
  t.strictSame(reported(reports, 60_000).map(({ ssrc }) => ssrc), [10]);
  t.end();
});

t.test('a disk that hangs costs no memory, and what it writes later is reported', (t) => {
  const reports = new ReceiverReports(8_000);
  for (let n = 1; n <= 1_000; n += 1) {
    reports.rtp(packet(n), n);
    reports.mark(n, 0);
  }
  t.strictSame(reported(reports), []);
  reports.mark(1_000, 1_000);
  reports.mark(1_000, 1_000);
  t.match(reported(reports), [{ extendedHighest: 1_000 }]);
  t.end();
});

t.test('a client that asks for loss summaries is told from which packet on it is counted: RFC 3611 §4.6', (t) => {
  const reports = new ReceiverReports(8_000);
  const summaries = (asked: boolean): unknown => {
    const packets = parseRtcp(reports.compound(9, 'recorder', 1_000, asked) ?? Buffer.alloc(0));
    if (typeof packets === 'string') throw new Error(packets);
    return packets.flatMap((one) => (one.type === 'other' ? readLossSummaries(one) : []));
  };
  for (const n of [65_534, 65_535, 2]) reports.rtp(packet(n), n);
  reports.mark(3, 3);
  t.strictSame(summaries(false), []);
  t.strictSame(summaries(true), [{ ssrc: 5, begin: 65_534, end: 3, lost: 2 }]);
  reports.rtp(packet(65_530), 100);
  reports.mark(4, 3);
  t.match(summaries(true), [{ begin: 65_534 }], 'what came before the first is not written yet');
  reports.mark(4, 4);
  t.strictSame(summaries(true), [{ ssrc: 5, begin: 65_530, end: 3, lost: 5 }]);
  for (let n = 3; n <= 65_527; n += 1) reports.rtp(packet(n), n);
  reports.mark(65_529, 65_529);
  t.match(summaries(true), [{ begin: 65_530, end: 65_528 }]);
  reports.rtp(packet(65_528), 0);
  reports.rtp(packet(65_529), 0);
  reports.mark(65_531, 65_531);
  t.strictSame(summaries(true), [], 'its numbers have 16 bits');
  t.end();
});

t.test('what is no RTP or RTCP changes nothing', (t) => {
  const reports = new ReceiverReports(8_000);
  reports.rtp(Buffer.alloc(11), 0);
  reports.rtcp(Buffer.from([1, 2, 3]), 0);
  reports.mark(1, 1);
  t.strictSame(reported(reports), []);
  t.end();
});
