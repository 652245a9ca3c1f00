import { existsSync, statSync } from 'node:fs';
import t from 'tap';
import { openWorkspace } from './workspace.js';

t.test('the folder is this user\'s alone, and gone when it is removed, once or twice', async (t) => {
  const parent = t.testdir();
  const workspace = await openWorkspace(parent);
  t.equal(statSync(workspace.dir).mode & 0o777, 0o700);
  workspace.remove();
  workspace.remove();
  t.notOk(existsSync(workspace.dir));
});

t.test('where there can be none, that is told with what to do', async (t) => {
  await t.rejects(openWorkspace('/nonexistent/twintrack'), { code: 'INGEST_OUTPUT', message: /TMPDIR names another/ });
});
