import './cross.js';
import './multivariate-normal.js';
import './same-family.js';
import './uniform.js';

export { type DistributionClass, klDivergence, registerKl } from './registry.js';
