import fc from 'fast-check';
import t from 'tap';

import { anyText, cpuMs, holds, mutated } from './generated.fixture.js';
import { escapeXml, readXml, xmlRejects, type XmlElement } from './xml.js';

const read = (text: string): XmlElement => {
  const root = readXml(text);
  if (typeof root === 'string') throw new Error(root);
  return root;
};

t.test('prefixes resolve to the namespaces in scope, names come in lower case', (t) => {
  const root = read('<t:Root xmlns:t="urn:t"><t:One Id="1"/><two xmlns="urn:2"><x/></two><three u:lang="en"/></t:Root>');
  t.match(root, { name: 'root', namespace: 'urn:t' });
  t.strictSame(
    root.children.map(({ name, namespace }) => [name, namespace]),
    [['one', 'urn:t'], ['two', 'urn:2'], ['three', undefined]],
  );
  t.equal(root.children[0]?.attributes.get('id'), '1');
  t.equal(root.children[1]?.children[0]?.namespace, 'urn:2', 'a default namespace is inherited');
  t.equal(root.children[2]?.attributes.get('lang'), 'en');
  t.end();
});

t.test('text has entities resolved, CDATA as it stands, comments and instructions left out', (t) => {
  t.equal(read('<a> &lt;b&gt; &amp;amp; &#65;&#x42; &unknown; <![CDATA[&lt;c>]]><!-- no --><?no no?></a>').text, '<b> &amp; AB &unknown; &lt;c>');
  t.equal(read('<a b="&quot;x&apos; > &#10;"/>').attributes.get('b'), '"x\' > \n');
  t.equal(read('<a>&#0;&#xD800;&#9999999;</a>').text, '&#0;&#xD800;&#9999999;', 'what is no character stays as written');
  t.end();
});

t.test('white space and a byte order mark around the document are tolerated', (t) => {
  t.equal(read('\uFEFF\r\n <?xml version="1.0" encoding="UTF-8"?>\r\n<a/>\r\n').name, 'a');
  t.end();
});

t.test('names that JavaScript objects have of their own do no harm', (t) => {
  const text = '<__proto__ constructor="1"><toString/><hasOwnProperty x="1"/></__proto__>';
  const root = readXml(text);
  t.ok(typeof root === 'string' || root.children.length <= 2);
  t.equal(({} as Record<string, unknown>)['constructor'], Object);
  t.end();
});

const billion = [
  '<?xml version="1.0"?>', '<!DOCTYPE lolz [', ' <!ENTITY a "aaaaaaaaaa">',
  ...'bcdefgh'.split('').map((name, index) => ` <!ENTITY ${name} "${`&${'abcdefg'.charAt(index)};`.repeat(10)}">`),
  ']>', '<recording>&h;</recording>',
].join('\n');

t.test('what is refused, and why', (t) => {
  const rejects: readonly (readonly [string, (typeof xmlRejects)[number]])[] = [
    ['', 'empty'],
    [' \n', 'empty'],
    [`<a>${' '.repeat(262_144)}</a>`, 'too-long'],
    ['<a>'.repeat(17) + '</a>'.repeat(17), 'too-deep'],
    [`<a>${'<b/>'.repeat(8_192)}</a>`, 'too-many-elements'],
    [billion, 'doctype'],
    ['<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>', 'doctype'],
    ['<!doctype a><a/>', 'doctype'],
    ['<a><!ENTITY x "y"></a>', 'doctype'],
    ['<!ELEMENT a ANY><a/>', 'doctype'],
    ['hello', 'malformed'],
    ['<a>', 'malformed'],
    ['</a>', 'malformed'],
    ['<a></b>', 'malformed'],
    ['<a><b></a></b>', 'malformed'],
    ['<a/><b/>', 'malformed'],
    ['<a b="c></a>', 'malformed'],
    ['<a', 'malformed'],
    ['<a><!-- </a>', 'malformed'],
    ['<a><![CDATA[ </a>', 'malformed'],
    ['< a/>', 'malformed'],
    ['<1/>', 'malformed'],
    ['<a="b"/>', 'malformed'],
    ['<?xml version="1.0"?>', 'malformed'],
  ];
  for (const [text, reason] of rejects) t.equal(readXml(text), reason, JSON.stringify(text).slice(0, 60));
  t.strictSame([...new Set(rejects.map(([, reason]) => reason))].sort(), [...xmlRejects].sort(), 'every reason occurs');
  t.type(readXml('<a>'.repeat(16) + '</a>'.repeat(16)), 'object', 'sixteen deep is not too deep');
  t.end();
});

t.test('bombs of the greatest length are refused, or read, in well below a second', (t) => {
  const fill = (head: string, unit: string, tail = ''): string => head + unit.repeat(Math.floor((262_000 - head.length - tail.length) / unit.length)) + tail;
  for (const text of [
    billion,
    fill('', '<a>'),
    fill('<a>', '<b/>', '</a>'),
    `<a>${'<b/>'.repeat(8_191)}</a>`,
    `<a ${Array.from({ length: 8_000 }, (_, index) => `xmlns:p${index}="u"`).join(' ')}>${'<b xmlns="x"/>'.repeat(6_000)}</a>`,
    fill('<a>', '&amp;', '</a>'),
    fill('<a>', '&', '</a>'),
    fill('<a>', '<!---->', '</a>'),
    fill('<a ', 'b="c" ', '/>'),
    fill('<a ', 'b', '/>'),
    fill('<a ', ' ', '/>'),
    fill('<a x="', ' ', '"/>'),
    fill('<a>', '<', '</a>'),
    fill('<a>', '<!', '</a>'),
    fill('<a>', '</', '</a>'),
    fill('<a>', '<?', '</a>'),
    fill('<a>', '<b "', '</a>'),
    fill('<a>', '<b x="', '</a>'),
    fill('<a ', 'xmlns:b="c" ', '/>'),
    fill('<', 'a', '/>'),
  ]) {
    t.ok(cpuMs(() => readXml(text)) < 800, JSON.stringify(text.slice(0, 24)));
  }
  t.end();
});

t.test('what is escaped is read back, in text and in attributes', (t) => {
  const text = fc.string({ unit: fc.oneof(fc.constantFrom('&', '<', '>', '"', "'", ']]>', '&amp;', '\t', '\n', '\r', '%'), fc.stringMatching(/^[ -~é-ž😀]$/u)) });
  holds(t, text, (value) => {
    const root = read(`<a b="${escapeXml(value)}">${escapeXml(value)}</a>`);
    return root.attributes.get('b') === value && root.text === value.trim();
  }, 500);
  t.equal(escapeXml('a\0b\uD800c\uFFFF'), 'a\uFFFDb\uFFFDc\uFFFD', 'what XML cannot hold is replaced (XML 1.0 §2.2)');
  t.end();
});

t.test('no text makes the reader throw', (t) => {
  const samples = ['<?xml version="1.0"?><t:a xmlns:t="urn:t" b="&lt;"><t:b>x &amp; y<![CDATA[z]]></t:b><!-- c --></t:a>', '<a><b/><c d="e">f</c></a>'];
  holds(t, fc.oneof(anyText, mutated(samples)), (text) => {
    const root = readXml(text);
    return typeof root === 'string' ? xmlRejects.includes(root) : root.name !== '';
  }, 2_000);
  t.end();
});
