/**
 * The CallUUID by which Genesys' SIP Server knows a call: in its header `X-Genesys-CallUUID`, and in the metadata of an
 * AudioCodes SBC that has had that header from it (`GenesysUUID`). Pure, total.
 *
 * 32 digits and letters, `4BOKLLA3VH66JF112M1CC9VHKS14F0KP`: no UUID of RFC 9562.
 */

/** As it stands there; undefined where the text is none. */
export function readGenesysUuid(text: string): string | undefined {
  const trimmed = text.trim();
  return /^[0-9A-Za-z]{32}$/u.test(trimmed) && !/^0*$/u.test(trimmed) ? trimmed : undefined;
}
