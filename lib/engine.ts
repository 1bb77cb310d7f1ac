import { native } from './binding/index.js';

/** An update rule of the engine, as its header describes it. */
export interface EngineRule {
  name: string;
  /** The hyperparameters it reads, in its order: the name of an option, with `.i` for an element of one that is an array. */
  hyper: string[];
  /** Its state tensors, by PyTorch's names; '' for one that only other rules of the same optimizer have. */
  slots: string[];
  /** Its numbers per parameter beside the step count. */
  scalars: string[];
  /** Whether PyTorch keeps the step count in the state dict. */
  storesStep: boolean;
}

/** A clipper of the engine. */
export interface EngineClipper {
  name: string;
  /** The numbers that it is made from. */
  options: string[];
  /** The numbers that it remembers of each unit. */
  numbers: string[];
  /** Whether it multiplies by coefficients, which a coin may spare, instead of limiting elements. */
  scales: boolean;
  /** The option that is added to the norm as slack, which a stochastic clipper does without; '' where there is none. */
  slack: string;
}

declare module './binding/index.js' {
  interface Native {
    engine(): {
      /** How many numbers describe a group in a step: the rule's index, maximize, then the rule's hyperparameters. */
      groupLength: number;
      rules: EngineRule[];
      clippers: EngineClipper[];
      scopes: string[];
      placements: string[];
      policies: string[];
      /** Of a step, which returns an index into them. */
      outcomes: string[];
    };
  }
}

/** The engine's tables and enumerations: they stand in C++, and everything here reads them. */
export const engine = native.engine();
