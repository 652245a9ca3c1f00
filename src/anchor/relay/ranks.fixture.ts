/** For media-thread.test.ts, a process of its own: how a media thread of it stands, and how many of its threads are in real time. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { MediaThread } from './media-thread.js';

const roundRobin = '2';
/** proc_pid_stat(5), field 41. */
const policies = (): (string | undefined)[] => readdirSync('/proc/self/task').map((thread) => readFileSync(`/proc/self/task/${thread}/stat`, 'utf8').split(') ')[1]?.split(' ')[38]);

const thread = await MediaThread.start('auto', assert.ifError);
process.stdout.write(JSON.stringify({ rank: thread.rank, inRealTime: policies().filter((policy) => policy === roundRobin).length }));
await thread.close();
