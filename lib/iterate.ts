export { elementsOf } from './check.js';
