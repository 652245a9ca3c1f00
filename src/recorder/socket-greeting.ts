/** What a switch says first on its WebSocket: whose audio follows. Total: any text is a greeting or none. */

export type Party = 'caller' | 'callee';

/** Whether a text names this session and these parties, in this order. */
export function sameParties(text: string, sessionId: string, parties: readonly Party[]): boolean {
  let said: unknown;
  try {
    said = JSON.parse(text);
  } catch {
    return false;
  }
  if (typeof said !== 'object' || said === null) return false;
  const greeting = said as Readonly<Record<string, unknown>>;
  const named = greeting['parties'];
  return greeting['sessionId'] === sessionId && Array.isArray(named) && named.length === parties.length && parties.every((party, n) => named[n] === party);
}
