import { readFile } from 'node:fs/promises';
import t from 'tap';
import { definitions, type MetricDefinition } from './metric-definitions.js';
import { createMetrics } from './metrics.js';

/** The documentation, from the sources or from the compiled tree. */
const documentation = async (): Promise<string> => {
  for (const up of ['../../docs/metrics.md', '../../../docs/metrics.md']) {
    try {
      return await readFile(new URL(up, import.meta.url), 'utf8');
    } catch {
      continue;
    }
  }
  throw new Error('docs/metrics.md is missing');
};

t.test('every recorder moves the metric that it is named for', async (t) => {
  const metrics = createMetrics();
  metrics.callEnded('answered');
  metrics.callsActive(7);
  metrics.nextHopUp('carrier', 'sip:192.0.2.9', true);
  metrics.nextHopUp('carrier', 'sip:192.0.2.10', false);
  metrics.captureEnded('cut');
  metrics.capturesOpen(3);
  metrics.relayPackets('caller-to-callee', 500);
  metrics.relayDropped('queue-full', 2);
  metrics.recorderPacketsReceived(900);
  metrics.recorderPacketsLost(4);
  metrics.recorderPacketsLost(-1);
  metrics.recorderPacketsRejected('unknown-source', 1);
  metrics.recordingEnded('partial');
  metrics.stitchSeconds(0.3);
  metrics.stitchFailed();
  metrics.ledgerWaiting(12);
  metrics.edgeRestarted();
  metrics.mediaThreadRestarted();
  metrics.sipRejected('no-trunk');
  metrics.policyDecided('stale');
  metrics.policyUnanswered('timeout');
  metrics.policyServiceSeconds(0.15);
  metrics.policyBreaker('open');
  const text = await metrics.text();
  for (const line of [
    'twintrack_calls_total{outcome="answered"} 1',
    'twintrack_calls_total{outcome="failed"} 0',
    'twintrack_calls_active 7',
    'twintrack_next_hop_up{trunk="carrier",hop="sip:192.0.2.9"} 1',
    'twintrack_next_hop_up{trunk="carrier",hop="sip:192.0.2.10"} 0',
    'twintrack_captures_total{state="cut"} 1',
    'twintrack_captures_open 3',
    'twintrack_relay_packets_total{direction="caller-to-callee"} 500',
    'twintrack_relay_dropped_total{reason="queue-full"} 2',
    'twintrack_recorder_packets_received_total 900',
    'twintrack_recorder_packets_lost_total 4',
    'twintrack_recorder_packets_rejected_total{reason="unknown-source"} 1',
    'twintrack_recordings_total{state="partial"} 1',
    'twintrack_stitch_seconds_bucket{le="0.25"} 0',
    'twintrack_stitch_seconds_bucket{le="0.5"} 1',
    'twintrack_stitch_failures_total 1',
    'twintrack_ledger_entries_waiting 12',
    'twintrack_edge_restarts_total 1',
    'twintrack_media_thread_restarts_total 1',
    'twintrack_sip_rejected_total{reason="no-trunk"} 1',
    'twintrack_policy_decisions_total{by="stale"} 1',
    'twintrack_policy_unanswered_total{reason="timeout"} 1',
    'twintrack_policy_service_seconds_bucket{le="0.1"} 0',
    'twintrack_policy_service_seconds_bucket{le="0.15"} 1',
    'twintrack_policy_breaker_state 2',
  ]) {
    t.ok(text.split('\n').includes(line), line);
  }
  t.match(metrics.contentType, /^text\/plain; version=0\.0\.4/);
});

t.test('two products in one process do not share their counts', async (t) => {
  createMetrics().edgeRestarted();
  t.match(await createMetrics().text(), /^twintrack_edge_restarts_total 0$/m);
});

t.test('the documentation lists exactly the metrics and label values that exist', async (t) => {
  const text = await createMetrics().text();
  const exposed = [...text.matchAll(/^# TYPE (twintrack_\S+) (\S+)$/gm)].map(([, name, kind]) => ({ name, kind }));
  t.same(exposed.map(({ name, kind }) => `${name} ${kind}`).sort(), Object.entries(definitions).map(([name, { kind }]) => `${name} ${kind}`).sort());

  const rows = [...(await documentation()).matchAll(/^\| `(twintrack_\w+)` \| (\w+) \| ([^|]*) \| ([^|]*) \|$/gm)];
  const documented = rows.map(([, name, kind, labels, help]) => ({ name, kind, labels: labels!.trim(), help: help!.trim() }));
  const defined = Object.entries(definitions as Record<string, MetricDefinition>).map(([name, { kind, label, configured, help }]) => ({
    name,
    kind,
    labels: configured !== undefined ? `${configured.map((each) => `\`${each}\``).join(', ')}: as configured` : label === undefined ? '' : `\`${label.name}\`: ${label.values.map((value) => `\`${value}\``).join(', ')}`,
    help,
  }));
  t.same(documented, defined);
});
