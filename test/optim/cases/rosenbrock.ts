/** The class of a learning-rate scheduler, and its options. */
export type Schedule = [name: string, options: object][];
type Options = Record<string, unknown>;

export interface Setting {
  /** The source of the options: PyTorch's tests of the same optimizer, or chosen for this table. */
  from: 'PyTorch' | 'here';
  /** Each minimises Rosenbrock, the first one with the schedule too. */
  dense: readonly Options[];
  /** The same for the variant in which a step sees one coordinate of the gradient; by default as `dense`. */
  sparse?: readonly Options[];
  /** By default repeated halving, and waiting for a plateau. */
  schedule?: Schedule;
  /** Of the parameter, which has two elements; by default a vector. */
  shape?: readonly number[];
  /** Why the sparse variant reaches the bottom of the valley (1 % of the start's value) but comes no nearer to the solution. */
  sparseStops?: string;
}

export const schedule: Schedule = [
  ['StepLR', { stepSize: 800, gamma: 0.5 }],
  ['ReduceLROnPlateau', { patience: 200 }],
];

/**
 * By the name of the export. PyTorch's are those of its test_optim.py: the dense ones of the comparisons with its legacy optimizers, the
 * sparse ones those of test_rosenbrock_sparse (`metadata_for_sparse` in common_optimizers.py), which it has for SGD and Adagrad, and
 * for SparseAdam, whose rate Adam gets here; the others have the dense ones.
 */
export const settings: Record<string, Setting> = {
  ACClip: { from: 'here', dense: [{ lr: 1e-2 }, { lr: 1e-2, alpha: 2 }] },
  Adadelta: { from: 'PyTorch', dense: [{}, { rho: 0.95 }, { weightDecay: 1e-2 }] },
  Adagrad: {
    from: 'PyTorch',
    dense: [{ lr: 0.1 }, { lr: 0.1, lrDecay: 1e-3 }, { lr: 0.1, weightDecay: 1e-2 }],
    sparse: [{ lr: 0.1 }, { lr: 0.1, initialAccumulatorValue: 0.1 }],
    schedule: [
      ['StepLR', { stepSize: 500, gamma: 1 - 1e-5 }],
      ['ReduceLROnPlateau', { threshold: 1e-4 }],
    ],
  },
  Adafactor: { from: 'here', dense: [{ lr: 1e-2 }, { lr: 5e-2, d: 2, beta2Decay: -0.5 }] },
  Adam: { from: 'PyTorch', dense: [{ lr: 1e-2 }, { lr: 1e-2, weightDecay: 1e-2 }], sparse: [{ lr: 4e-2 }] },
  AdamW: {
    from: 'here',
    dense: [{ lr: 1e-2 }, { lr: 1e-2, weightDecay: 1e-2, amsgrad: true }],
    sparse: [{ lr: 4e-2 }],
  },
  AdamWScheduleFree: { from: 'here', dense: [{ lr: 2e-2 }, { lr: 2e-2, warmupSteps: 50, betas: [0.95, 0.99] }] },
  Adamax: {
    from: 'PyTorch',
    dense: [{ lr: 0.1 }, { lr: 0.1, weightDecay: 1e-2 }, { lr: 0.1, betas: [0.95, 0.998] }],
  },
  ASGD: { from: 'PyTorch', dense: [{ lr: 1e-3 }, { lr: 1e-3, alpha: 0.8 }, { lr: 1e-3, t0: 1e3 }] },
  Clip21SGD: { from: 'here', dense: [{ lr: 1e-3, maxNorm: 10 }, { lr: 1e-3 }] },
  ClippedAdagrad: {
    from: 'here',
    dense: [
      { lr: 0.3, initialAccumulatorValue: 1 },
      { lr: 0.1, initialAccumulatorValue: 0.1, weightDecay: 1e-3 },
    ],
    sparseStops:
      'of one coordinate at a time clip.norm(1) leaves hardly more than the sign, with which it hops across the valley',
  },
  ClippedAdam: { from: 'here', dense: [{ lr: 1e-2, initialAccumulatorValue: 1 }, { lr: 1e-2 }] },
  ClippedSGD: {
    from: 'here',
    dense: [
      { lr: 1e-3, clippingType: 'norm', clippingLevel: 10 },
      { lr: 1e-3, clippingType: 'coordinateWise', clippingLevel: 5 },
      { lr: 1e-3, clippingType: 'linearRandNorm', clippingLevel: 10, beta: 0.5 },
    ],
  },
  ClippedSSTM: {
    from: 'here',
    dense: [
      { lr: 1e-3, L: 1, clippingType: 'norm', clippingLevel: 1e-2, nu: 0.1 },
      { lr: 1e-3, L: 1, clippingType: 'norm', clippingLevel: 1e-2, nu: 0.1, aKRatioUpperBound: 0.9 },
    ],
  },
  ClipUp: { from: 'here', dense: [{ lr: 1e-3 }] },
  Expectigrad: {
    from: 'here',
    dense: [{ lr: 1e-2 }, { lr: 1e-2, sparseCounter: false }, { lr: 1e-2, globalClipnorm: 10 }],
    sparse: [{ lr: 3e-2 }, { lr: 3e-2, sparseCounter: false }],
  },
  LAMB: { from: 'here', dense: [{ lr: 1e-2 }, { lr: 1e-2, weightDecay: 0 }] },
  LARS: { from: 'here', dense: [{ lr: 1 }, { lr: 1, nesterov: true }] },
  Lion: { from: 'here', dense: [{ lr: 1e-3 }] },
  Muon: { from: 'here', dense: [{ lr: 1e-3, weightDecay: 0 }], shape: [1, 2] },
  NAdam: { from: 'here', dense: [{ lr: 1e-2 }, { lr: 1e-2, momentumDecay: 6e-3 }] },
  NormalizedSGD: { from: 'here', dense: [{ lr: 1e-3 }] },
  RAdam: {
    from: 'here',
    dense: [{ lr: 2e-3 }, { eps: 1e-6 }],
    sparse: [{ lr: 5e-4 }],
    // Its first steps, as long as the gradient, throw the point so far off that waiting for a plateau does not help.
    schedule: [['StepLR', { stepSize: 800, gamma: 0.5 }]],
  },
  RMSprop: { from: 'PyTorch', dense: [{ lr: 1e-2 }, { lr: 1e-2, weightDecay: 1e-2 }, { lr: 1e-2, alpha: 0.95 }] },
  Rprop: {
    from: 'PyTorch',
    dense: [{ lr: 1e-3 }, { lr: 1e-3, etas: [0.6, 1.1] }, { lr: 1e-3, stepSizes: [1e-4, 3] }],
    sparseStops: 'a gradient of 0 between any two others is not a change of sign: no step size ever moves',
  },
  SGDScheduleFree: { from: 'here', dense: [{ lr: 1e-3 }, { lr: 2e-3, momentum: 0.95 }] },
  SGD: {
    from: 'PyTorch',
    dense: [{ lr: 1e-3 }, { lr: 1e-3, momentum: 0.9, weightDecay: 1e-4 }],
    sparse: [{ lr: 4.8e-3 }, { lr: 4.8e-3, dampening: 0.5 }],
    schedule: [['StepLR', { stepSize: 300, gamma: 0.99999 }]],
  },
  StableAdamW: { from: 'here', dense: [{ lr: 1e-2 }, { lr: 1e-3 }] },
};

/** `maximize` climbs instead; PyTorch's is Adagrad's. */
export const ascents: Record<string, Options> = {
  Adagrad: { lr: 0.1, maximize: true },
  Adam: { lr: 4e-2, maximize: true },
  Lion: { lr: 1e-3, maximize: true },
};

interface Clipped {
  optimizer: string;
  options: Options;
  clipper: [name: string, argument: unknown];
  /** Whether the dense run fails without the clipper: the first gradient has norm 475. */
  needed?: true;
  /** Why the sparse variant is left out. */
  denseOnly?: string;
}

export const clipped: readonly Clipped[] = [
  { optimizer: 'SGD', options: { lr: 5e-3 }, clipper: ['norm', 3], needed: true },
  {
    optimizer: 'SGD',
    options: { lr: 5e-3 },
    clipper: ['auto', { percentile: 10 }],
    needed: true,
    denseOnly: 'the norms of the two coordinates are two populations, and the percentile is one',
  },
  { optimizer: 'SGD', options: { lr: 1e-3, momentum: 0.9 }, clipper: ['norm', 1] },
  { optimizer: 'SGD', options: { lr: 1e-3, momentum: 0.9 }, clipper: ['auto', { percentile: 10 }] },
  { optimizer: 'RAdam', options: { lr: 1e-2 }, clipper: ['norm', 1], needed: true },
  { optimizer: 'Adam', options: { lr: 1e-2 }, clipper: ['norm', 10] },
  { optimizer: 'Adamax', options: { lr: 1e-2 }, clipper: ['value', 1] },
];
