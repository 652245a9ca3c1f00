export { catalogue, type FailureCode } from './catalogue.js';
export { Failure, messageOf, type Facts } from './failure.js';
