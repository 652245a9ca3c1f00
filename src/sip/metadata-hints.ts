/**
 * What makers say beside RFC 7865 in the same document, as far as it tells which call it is and who called: pure, total.
 *
 * Oracle marks the participant that called (`apkt:callingParty`) and gives the UCID (`apkt:ucid`); AudioCodes gives it
 * as `AvayaUCID`, and Genesys' ID of the call as `GenesysUUID`. Ribbon repeats the call's From (`callData`, `fromhdr`);
 * BroadWorks names the calling number. jambonz has names much like these, with both numbers swapped, and is not listened to.
 *
 * Owns       finding them, in whatever namespace.
 * Leaves to  siprec-metadata.ts the RFC's own elements; the recorder what is trusted how far.
 */
import { readGenesysUuid } from './genesys-uuid.js';
import { readUcid } from './ucid.js';
import type { XmlElement } from './xml.js';

export interface MetadataHints {
  /** As readUcid gives it. */
  readonly ucid?: string;
  /** As readGenesysUuid gives it. */
  readonly genesysUuid?: string;
  /** Ids of participants that are marked as the caller; empty ids are left out. */
  readonly callingParticipants: readonly string[];
  /** The URI that called, as far as it is told. */
  readonly callingUri?: string;
}

/** Undefined where the document says nothing of the kind. */
export function readHints(root: XmlElement): MetadataHints | undefined {
  let ucid: string | undefined;
  let genesysUuid: string | undefined;
  let callingUri: string | undefined;
  const callingParticipants: string[] = [];
  // No deeper than readXml lets a document be.
  const walk = (element: XmlElement, participant: string): void => {
    const inside = element.name === 'participant' ? (element.attributes.get('participant_id') ?? element.attributes.get('id') ?? '').trim() : participant;
    switch (element.name) {
      case 'ucid':
      case 'avayaucid':
        ucid ??= readUcid(element.text);
        break;
      case 'genesysuuid':
        genesysUuid ??= readGenesysUuid(element.text);
        break;
      case 'callingparty':
        if (/^(?:true|1|yes)$/iu.test(element.text) && inside !== '') callingParticipants.push(inside);
        break;
      case 'fromhdr':
      case 'callingpartynumber':
        callingUri ??= uriIn(element.text);
        break;
    }
    for (const child of element.children) walk(child, inside);
  };
  walk(root, '');
  if ([ucid, genesysUuid, callingUri].every((told) => told === undefined) && callingParticipants.length === 0) return undefined;
  return { callingParticipants, ...(ucid === undefined ? {} : { ucid }), ...(genesysUuid === undefined ? {} : { genesysUuid }), ...(callingUri === undefined ? {} : { callingUri }) };
}

function uriIn(header: string): string | undefined {
  const [, bracketed] = /<([^<>]+)>/u.exec(header) ?? [];
  const uri = (bracketed ?? header.split(';', 1)[0] ?? '').trim();
  return uri === '' ? undefined : uri;
}
