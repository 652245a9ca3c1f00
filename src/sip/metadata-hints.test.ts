import fc from 'fast-check';
import t from 'tap';
import { readHints, type MetadataHints } from './metadata-hints.js';
import { encodeSnapshotRequest } from './snapshot-request.js';
import { readXml } from './xml.js';

const hintsIn = (xml: string): MetadataHints | undefined => {
  const root = readXml(xml);
  return typeof root === 'string' ? undefined : readHints(root);
};

t.test('Oracle marks who called by the id of the participant, and gives the UCID', (t) => {
  const person = (id: string, calling: string): string => `<participant id="${id}"><extensiondata xmlns:apkt="http://acmepacket.com/siprec/extensiondata"><apkt:callingParty>${calling}</apkt:callingParty></extensiondata></participant>`;
  t.strictSame(hintsIn(`<recording>${person('a', 'false')}${person('b', ' true ')}<e:ucid xmlns:e="x">00FA0800705D4C5DCAAC41;encoding=hex</e:ucid></recording>`), { callingParticipants: ['b'], ucid: '00FA0800705D4C5DCAAC41' });
  t.end();
});

t.test('AudioCodes gives the UCID under its own name, BroadWorks the number that called', (t) => {
  t.match(hintsIn('<recording><ac:AvayaUCID xmlns:ac="http://audiocodes.example">00705D4C5DCAAC41</ac:AvayaUCID></recording>'), { ucid: '00FA0800705D4C5DCAAC41' });
  t.match(hintsIn('<recording_metadata><broadWorksRecordingMetadata><callType><origCall><callingPartyNumber>sip:+15551234@192.0.2.1;user=phone</callingPartyNumber></origCall></callType></broadWorksRecordingMetadata></recording_metadata>'), { callingUri: 'sip:+15551234@192.0.2.1' });
  t.end();
});

t.test("AudioCodes hands Genesys' ID of the call on, in a prefix that it does not declare", (t) => {
  const told = (uuid: string): string => `<recording xmlns="urn:ietf:params:xml:ns:recording:1"><ac:GenesysUUID xmlns="urn:ietf:params:xml:ns:Genesys">${uuid}</ac:GenesysUUID></recording>`;
  t.strictSame(hintsIn(told('4BOKLLA3VH66JF112M1CC9VHKS14F0KP')), { callingParticipants: [], genesysUuid: '4BOKLLA3VH66JF112M1CC9VHKS14F0KP' });
  t.equal(hintsIn(told('unknown')), undefined);
  t.end();
});

t.test('Ribbon repeats the From; jambonz, which swaps both numbers, is not listened to', (t) => {
  t.match(hintsIn('<recording><callData><fromhdr>"Ext" &lt;sip:22@192.0.2.1&gt;;tag=1</fromhdr></callData></recording>'), { callingUri: 'sip:22@192.0.2.1' });
  t.equal(hintsIn('<recording><jb:callingNumber xmlns:jb="j">22</jb:callingNumber><jb:calledNumber xmlns:jb="j">23</jb:calledNumber></recording>'), undefined);
  t.end();
});

t.test('a wish for all metadata says why, escaped (RFC 7866 §9.2)', (t) => {
  const root = readXml(encodeSnapshotRequest('they are <missing>'));
  t.match(root, { name: 'requestsnapshot', namespace: 'urn:ietf:params:xml:ns:recording:1', children: [{ name: 'requestreason', text: 'they are <missing>' }] });
  t.end();
});

t.test('no document makes the reader throw', (t) => {
  fc.assert(fc.property(fc.string(), fc.constantFrom('ucid', 'GenesysUUID', 'fromhdr', 'callingParty'), (text, name) => {
    hintsIn(`<recording><participant id="1"><${name}>${text.replace(/[<&]/gu, '')}</${name}></participant></recording>`);
  }));
  t.end();
});
