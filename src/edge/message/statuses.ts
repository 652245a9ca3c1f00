/** The reason phrases of the responses that the edge makes itself (RFC 3261 §21). */
const phrases = {
  100: 'Trying', 200: 'OK', 400: 'Bad Request', 405: 'Method Not Allowed', 408: 'Request Timeout',
  416: 'Unsupported URI Scheme', 420: 'Bad Extension', 422: 'Session Interval Too Small', 480: 'Temporarily Unavailable',
  481: 'Call/Transaction Does Not Exist', 482: 'Loop Detected', 483: 'Too Many Hops', 487: 'Request Terminated', 491: 'Request Pending',
  500: 'Server Internal Error', 503: 'Service Unavailable', 504: 'Server Time-out', 505: 'Version Not Supported',
} as const;

export type OwnStatus = keyof typeof phrases;

export const phraseOf = (status: OwnStatus): string => phrases[status];

const classes: Readonly<Record<number, string>> = { 3: 'Redirection', 4: 'Request Failure', 5: 'Server Failure', 6: 'Global Failure' };

/** A phrase for any failure that somebody else chose: the status's own where it is known, else its class's (RFC 3261 §21.3 to §21.6). */
export const rejectionPhrase = (status: number): string =>
  (phrases as Readonly<Record<number, string>>)[status] ?? classes[Math.floor(status / 100)] ?? '';
