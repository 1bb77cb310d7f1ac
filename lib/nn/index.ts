export { ModuleDict, ModuleList, type NamedModules, Sequential } from './containers.js';
export { deepcopy } from './deepcopy.js';
export * as functional from './functional/index.js';
export * as init from './init.js';
export * from './layers/index.js';
export { type FactoryOptions, Module } from './module.js';
export { Parameter } from './parameter.js';
export type { IncompatibleKeys, StateDict } from './state.js';
export * as utils from './utils/index.js';
