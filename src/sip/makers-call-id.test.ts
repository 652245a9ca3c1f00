import t from 'tap';
import { makersCallId, type CallClues } from './makers-call-id.js';

const ucid = '00FA0800705D4C5DCAAC41';
const idOf = (headers: Readonly<Record<string, readonly string[]>>, more: Partial<CallClues> = {}): string | undefined =>
  makersCallId({ values: (name) => headers[name] ?? [], parts: [], metadata: undefined, ...more });

t.test('of several headers the most trustworthy names the call, and of several values the first that is one', (t) => {
  t.equal(idOf({ 'x-ucid': [ucid], 'cisco-guid': ['1-2-3-4'] }), ucid);
  t.equal(idOf({ 'user-to-user': ['no;encoding=hex', `x, ${ucid};encoding=hex`] }), ucid, 'in one header or in two');
  t.equal(idOf({ 'user-to-user': ['04C8143031;encoding=hex'], 'p-ucid': [ucid] }), ucid, 'something else of the users is none');
  t.equal(idOf({ 'cisco-guid': ['1-2-3-4'], 'x-audc-call-id': ['a'] }), '00000001000000020000000300000004');
  t.equal(idOf({ 'x-audc-call-id': [' a '], 'ac-session-id': ['b'] }), 'a');
  t.equal(idOf({ 'x-audc-call-id': ['  '], 'ac-session-id': ['b'] }), 'b', 'white space is no name');
  t.end();
});

t.test('a header that the configuration names comes last, whatever its case', (t) => {
  t.equal(idOf({ 'x-own': ['o'] }), undefined);
  t.equal(idOf({ 'x-own': ['o'] }, { configuredHeader: 'X-Own' }), 'o');
  t.equal(idOf({ 'x-own': ['o'], 'ac-session-id': ['b'] }, { configuredHeader: 'X-Own' }), 'b');
  t.end();
});

t.test('nothing that names it is undefined', (t) => {
  t.equal(idOf({}), undefined);
  t.equal(idOf({ 'cisco-guid': [''], 'x-ucid': ['nonsense'] }), undefined);
  t.end();
});
