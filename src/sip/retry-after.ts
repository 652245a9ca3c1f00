/** The seconds of a Retry-After header, and what may follow them (RFC 3261 §20.33); 0 for what is none. */
export const secondsOf = (value: string | undefined): number => Number(/^\d{1,10}(?=\s|;|\(|$)/u.exec(value?.trim() ?? '')?.[0] ?? 0);
