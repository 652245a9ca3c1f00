/** The recorders that a proxy may ask. */
export { systemClock, type Clock } from './clock.js';
export { openRecorderPool, type Choice, type Member, type RecorderAnswer, type RecorderPool, type RecorderPoolOptions } from './recorder-pool.js';
export { recorderPoolSettings, type RecorderPoolSettings } from './settings.js';
