import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { parse } from 'yaml';
import { parseConfig } from './load.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const yamlFiles = ['config', 'docker'].flatMap((folder) => readdirSync(`${root}${folder}`).filter((name) => name.endsWith('.yaml')).map((name) => `${folder}/${name}`));
const isCompose = (file: string): boolean => /\/compose[^/]*\.yaml$/u.test(file);

for (const file of yamlFiles.filter((each) => !isCompose(each))) {
  t.test(`${file} passes check-config`, (t) => {
    t.doesNotThrow(() => parseConfig(readFileSync(`${root}${file}`, 'utf8'), file));
    t.end();
  });
}

interface Compose {
  readonly services: Readonly<Record<string, { readonly image: string; readonly network_mode: string; readonly volumes?: readonly string[]; readonly secrets?: readonly string[]; readonly command?: readonly string[] }>>;
  readonly secrets?: Readonly<Record<string, unknown>>;
  readonly volumes: Readonly<Record<string, unknown>>;
}

for (const file of yamlFiles.filter(isCompose)) {
  t.test(`${file} mounts a configuration that is there, at the place where the image looks for it`, (t) => {
    const compose = parse(readFileSync(`${root}${file}`, 'utf8')) as Compose;
    const { twintrack } = compose.services;
    const [config, data] = twintrack?.volumes?.map((volume) => volume.split(':')) ?? [];
    t.ok(existsSync(`${root}docker/${config?.[0] ?? ''}`));
    t.match(readFileSync(`${root}docker/Dockerfile`, 'utf8'), `TWINTRACK_CONFIG=${config?.[1] ?? '-'}`);
    const site = parseConfig(readFileSync(`${root}docker/${config?.[0] ?? ''}`, 'utf8'), file);
    t.equal(site.dataDir, data?.[1]);
    t.ok(data?.[0] !== undefined && data[0] in compose.volumes);
    t.match(readFileSync(`${root}docker/Dockerfile`, 'utf8'), `:${site.http.port}/health`);
    for (const { network_mode: network } of Object.values(compose.services)) t.equal(network, 'host');
    t.end();
  });
}

t.test('docker/compose.drachtio.yaml and docker/drachtio.yaml mean the same drachtio-server and the same secret', (t) => {
  const compose = parse(readFileSync(`${root}docker/compose.drachtio.yaml`, 'utf8')) as Compose;
  const command = compose.services['drachtio']?.command ?? [];
  const { drachtio } = parseConfig(readFileSync(`${root}docker/drachtio.yaml`, 'utf8'), 'docker/drachtio.yaml').sip;
  const given = (option: string): string | undefined => command[command.indexOf(option) + 1];
  t.strictSame([given('--address'), given('--port')], [drachtio?.host, `${drachtio?.port ?? 0}`]);
  t.equal(drachtio?.secretFile, `/run/secrets/${compose.services['twintrack']?.secrets?.[0] ?? ''}`);
  t.strictSame(compose.secrets, { drachtio: { environment: 'DRACHTIO_SECRET' } });
  t.notOk(readFileSync(`${root}docker/compose.drachtio.yaml`, 'utf8').includes('--secret'), 'a command line is seen by everybody on the machine');
  t.end();
});

t.test('config/two-recorders.yaml and the files of its recorders mean the same ledger and data folder, and the same recorders', (t) => {
  const read = (name: string) => parseConfig(readFileSync(`${root}config/${name}.yaml`, 'utf8'), name);
  const [proxy, ...recorders] = ['two-recorders', 'recorder-one', 'recorder-two'].map(read);
  for (const { dataDir, ledger, recording } of recorders) t.strictSame([dataDir, ledger.postgres?.database, recording], [proxy?.dataDir, proxy?.ledger.postgres?.database, proxy?.recording]);
  const own = [proxy, ...recorders].map((each) => [each?.node, each?.recorder.name, each?.http.port, each?.recorder.media.ports[0]].map(String));
  for (const column of own[0]?.keys() ?? []) t.equal(new Set(own.map((values) => values[column])).size, own.length);
  const uris = proxy?.recording.recorders['default']?.uris.map(String) ?? [];
  recorders.forEach(({ recorder: { sip } }, n) => t.match(uris[n], new RegExp(`:${sip.listen[0]?.port ?? 0};transport=${sip.listen[0]?.transport ?? ''}$`, 'u')));
  t.end();
});
