/**
 * The four transaction machines of RFC 3261 §17, with the accepted state of RFC 6026, which keeps an
 * INVITE transaction alive after a 2xx so that retransmissions are not taken for new requests.
 */
import type { Machine } from './machine.js';

/** RFC 3261 §17.1.1 (figure 5), RFC 6026 §8.4. */
export const inviteClient: Machine = {
  name: 'invite-client',
  initial: 'calling',
  table: {
    calling: {
      A: ['calling', 'resend'],
      B: ['terminated', 'timeout'],
      unsent: ['terminated', 'unreachable'],
      'received-1xx': ['proceeding', 'pass'],
      'received-2xx': ['accepted', 'pass'],
      'received-failure': ['completed', 'ack', 'pass'],
    },
    proceeding: {
      'received-1xx': ['proceeding', 'pass'],
      'received-2xx': ['accepted', 'pass'],
      'received-failure': ['completed', 'ack', 'pass'],
    },
    accepted: {
      'received-2xx': ['accepted', 'pass'],
      M: ['terminated'],
    },
    completed: {
      'received-failure': ['completed', 'ack'],
      D: ['terminated'],
    },
  },
  timers: { calling: ['A', 'B'], accepted: ['M'], completed: ['D'] },
};

/** RFC 3261 §17.1.2 (figure 6). */
export const client: Machine = {
  name: 'client',
  initial: 'trying',
  table: {
    trying: {
      E: ['trying', 'resend'],
      F: ['terminated', 'timeout'],
      unsent: ['terminated', 'unreachable'],
      'received-1xx': ['proceeding', 'pass'],
      'received-2xx': ['completed', 'pass'],
      'received-failure': ['completed', 'pass'],
    },
    proceeding: {
      E: ['proceeding', 'resend'],
      F: ['terminated', 'timeout'],
      unsent: ['terminated', 'unreachable'],
      'received-1xx': ['proceeding', 'pass'],
      'received-2xx': ['completed', 'pass'],
      'received-failure': ['completed', 'pass'],
    },
    completed: { K: ['terminated'] },
  },
  timers: { trying: ['E', 'F'], proceeding: ['E', 'F'], completed: ['K'] },
};

/** RFC 3261 §17.2.1 (figure 7), RFC 6026 §8.5 and §7.1. */
export const inviteServer: Machine = {
  name: 'invite-server',
  initial: 'proceeding',
  table: {
    proceeding: {
      'received-request': ['proceeding', 'resend'],
      'send-1xx': ['proceeding', 'send'],
      'send-2xx': ['accepted', 'send'],
      'send-failure': ['completed', 'send'],
    },
    accepted: {
      // The user retransmits its 2xx; the transaction only swallows the repeated INVITE.
      'received-request': ['accepted'],
      'received-ack': ['accepted', 'pass'],
      'send-2xx': ['accepted', 'send'],
      L: ['terminated'],
    },
    completed: {
      'received-request': ['completed', 'resend'],
      'received-ack': ['confirmed'],
      G: ['completed', 'resend'],
      H: ['terminated', 'no-ack'],
    },
    confirmed: {
      'received-request': ['confirmed'],
      'received-ack': ['confirmed'],
      I: ['terminated'],
    },
  },
  timers: { accepted: ['L'], completed: ['G', 'H'], confirmed: ['I'] },
};

/** RFC 3261 §17.2.2 (figure 8). */
export const server: Machine = {
  name: 'server',
  initial: 'trying',
  table: {
    trying: {
      'received-request': ['trying'],
      'send-1xx': ['proceeding', 'send'],
      'send-2xx': ['completed', 'send'],
      'send-failure': ['completed', 'send'],
    },
    proceeding: {
      'received-request': ['proceeding', 'resend'],
      'send-1xx': ['proceeding', 'send'],
      'send-2xx': ['completed', 'send'],
      'send-failure': ['completed', 'send'],
    },
    completed: {
      'received-request': ['completed', 'resend'],
      J: ['terminated'],
    },
  },
  timers: { completed: ['J'] },
};
