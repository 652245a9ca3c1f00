/**
 * The import rule: where each kind of knowledge lives, held at error with no exceptions.
 * docs/architecture.md has the picture.
 */
const only = (name, where, what) => ({
  name,
  comment: `only ${where} may import ${what}`,
  severity: 'error',
  from: { pathNot: [`^src/(${where})(/|[.]ts$)`, '\\.test\\.ts$', '^bench/'] },
  to: { path: `node_modules/(${what})(/|$)` },
});

module.exports = {
  forbidden: [
    {
      name: 'no-circles',
      comment: 'two modules that import each other are one idea cut in the wrong place',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'through-the-door',
      comment: "a folder is entered by its index.ts; what that does not export is private to the folder",
      severity: 'error',
      from: { path: '^src/([^/]+)/', pathNot: '\\.(test|fixture)\\.ts$' },
      to: { path: '^src/[^/]+/.+', pathNot: ['^src/$1/', '^src/[^/]+/index\\.ts$', '^src/anchor/[^/]+/index\\.ts$'] },
    },
    {
      name: 'proxy-and-recorder-apart',
      comment: 'proxy and recorder meet in SIPREC and in the ledger, nowhere else',
      severity: 'error',
      from: { path: '^src/(proxy|anchor)/' },
      to: { path: '^src/(recorder|capture|stitch)/' },
    },
    {
      name: 'recorder-and-proxy-apart',
      comment: 'proxy and recorder meet in SIPREC and in the ledger, nowhere else',
      severity: 'error',
      from: { path: '^src/(recorder|capture|stitch)/' },
      to: { path: '^src/(proxy|anchor)/' },
    },
    {
      name: 'pure',
      comment: 'media, policy and the formats know no socket, disk, timer or log; only errors/ may be imported beside their own folder',
      severity: 'error',
      from: { path: '^src/(media|policy)/', pathNot: '\\.test\\.ts$' },
      to: { path: ['^src/', '^(node:)?(fs|net|dgram|http|https|tls|timers|worker_threads|child_process)'], pathNot: ['^src/(media|policy|errors)/'] },
    },
    {
      name: 'edge-stands-alone',
      comment: 'the embedded edge stands where drachtio-server stands: it knows nothing of recording',
      severity: 'error',
      from: { path: '^src/edge/', pathNot: '\\.test\\.ts$' },
      to: { path: '^src/', pathNot: '^src/(edge|errors)/' },
    },
    {
      name: 'wiring-is-the-top',
      comment: 'cli and roles compose the rest; nothing below them may import them',
      severity: 'error',
      from: { path: '^src/', pathNot: ['^src/(cli|roles)/', '\\.test\\.ts$'] },
      to: { path: '^src/(cli|roles)/' },
    },
    {
      name: 'ingest-stands-beside',
      comment: 'ingest makes recordings of files: it writes captures and has them stitched, and knows no role and no network; of the ledger only the shape of reports',
      severity: 'error',
      from: { path: '^src/ingest/', pathNot: '\\.(test|fixture)\\.ts$' },
      to: { path: ['^src/', '^(node:)?(net|dgram|http|https|tls|worker_threads|child_process)$'], pathNot: ['^src/(ingest|capture|edge|errors|media|sip|stitch|vault)/', '^src/ledger/index\\.ts$'] },
    },
    only('drachtio-only-in-sip', 'sip|edge|anchor/freeswitch', 'drachtio-[^/]+'),
    only('metrics-only-in-ops', 'ops', 'prom-client'),
    only('sodium-only-in-vault', 'vault', 'libsodium[^/]*'),
    only('opus-only-in-media', 'media', 'libopus-wasm'),
    only('mp3-only-in-media', 'media', 'wasm-media-encoders'),
    only('sql-only-in-ledger', 'ledger', '@electric-sql|pg'),
    only('http-only-in-api', 'api', 'fastify'),
    only('web-socket-only-in-recorder', 'recorder|anchor/freeswitch/[^/]+[.]fixture', 'ws'),
    {
      name: 'no-orphans',
      comment: 'a module nobody imports is dead, or its import is missing',
      severity: 'error',
      from: { orphan: true, pathNot: ['\\.test\\.ts$', '\\.d\\.ts$', '^src/[^/]+/index\\.ts$'] },
      to: {},
    },
    {
      name: 'declared',
      comment: 'every package used is a dependency of ours, not of a dependency',
      severity: 'error',
      from: {},
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown', 'unknown', 'undetermined'] },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'require', 'node', 'default', 'types'] },
  },
};
