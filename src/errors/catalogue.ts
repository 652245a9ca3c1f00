/**
 * Every failure that the product expects, by code.
 *
 * A failure has a code out of this list, a message for a person (what happened, where, what to do),
 * its cause, and facts that are safe to log. docs/errors.md is held against this list by a test.
 *
 * Leaves to  the modules: bad input from the network is a returned reason, never a Failure;
 *            a bug is an assertion, never a Failure.
 */
export const catalogue = {
  CONFIG_UNREADABLE: 'the configuration file cannot be read',
  CONFIG_INVALID: 'the configuration file has a wrong, missing or unknown key',
  EDGE_LISTEN: 'the SIP edge cannot listen on an address',
  EDGE_TLS: 'the certificate or key of the SIP edge cannot be used',
  HTTP_LISTEN: 'the HTTP server cannot listen on its address',
  EDGE_LOST: 'the connection to the SIP edge was lost',
  SIP_REFUSED: 'a SIP request was refused by the far end',
  SIP_TIMEOUT: 'a SIP request got no answer in time',
  SDP_UNUSABLE: 'an SDP has no audio that can be anchored or recorded',
  SIPREC_UNUSABLE: 'a SIPREC offer cannot be recorded',
  KEYS_NOT_FORWARDABLE: 'SRTP keys may not be sent to that recorder in clear',
  KEYS_UNUSABLE: 'SRTP keys that were sent by themselves cannot be taken',
  PORTS_EXHAUSTED: 'no media port is free in the configured range',
  ANCHOR_UNREACHABLE: 'the media anchor does not answer',
  ANCHOR_REFUSED: 'the media anchor refused a call or a change of it',
  MEDIA_BIND: 'a media socket cannot be opened',
  CAPTURE_WRITE: 'a capture cannot be written',
  CAPTURE_INVALID: 'a file is not a capture, or not one that these keys open',
  VAULT_KEYS: 'the keys of the vault are missing, unreadable or do not belong to it',
  VAULT_WRITE: 'an object cannot be written to the vault',
  VAULT_READ: 'an object of the vault is missing or damaged',
  LEDGER_UNAVAILABLE: 'the ledger cannot be opened or does not answer',
  LEDGER_LOCKED: 'the ledger is in use by another process',
  RECORDING_UNKNOWN: 'there is no recording or session of that ID',
  API_UNREACHABLE: 'the running product does not answer on its HTTP address',
  DECODER_FAILED: 'a program that decodes speech on this machine ended or hangs',
  AUDIO_UNUSABLE: 'an audio file cannot be used',
  INGEST_INPUT: 'a file of packets cannot be read, or is none',
  INGEST_OUTPUT: 'a recording of `ingest` cannot be written',
  CALL_FAILED: 'a test call did not complete as it should',
} as const satisfies Record<string, string>;

export type FailureCode = keyof typeof catalogue;
