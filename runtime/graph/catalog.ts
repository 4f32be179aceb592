// Catalog: every operation of a graph, with its operands. Types only; the rules are in operations/, facts for the
// planner in facts.ts.
//
// `reads` are read, `writes` are overwritten completely, `adds` are added to (the gradients of parameters),
// `attributes` are fixed when the graph is built. Shapes: B batch, T tokens, N patches, D width, H heads, E width of
// a head, C classes, P side of a patch, S side of the image; `…` any leading axes. Feature maps of convolutional
// networks are [B,H,W,C], height, width and channels, channels last.

/** Index of a tensor in `graph.tensors`. */
export type TensorId = number;

type None = Record<string, never>;

/**
 * Every operation of a graph with its operands, by name: what `operations` of a planned graph contain. Graphs are
 * built with the functions named after them, such as `linear` and `attention`.
 */
export interface Catalog {
  /** pixels u8 [B,S,S,3], table [3,256] (value of each byte per channel) → patches [B,N,3·P·P]. */
  patchifyBytes: Entry<
    { pixels: TensorId; table: TensorId },
    { patches: TensorId },
    None,
    { patchSize: number }
  >;
  /** image [B,3,S,S] → patches [B,N,3·P·P]. */
  patchifyImage: Entry<{ image: TensorId }, { patches: TensorId }, None, { patchSize: number }>;
  /**
   * x […,K], weight [M,K], bias? [M], residual? […,M], scale? [B] → y […,M] = scale·act(norm(x)·weightᵀ + bias) +
   * residual, clamped at 0 with `relu`. With normWeight, normBias [K] x passes through a layer norm of this epsilon
   * first, whose mean and rstd […] are written where backward reads them.
   */
  linear: Entry<
    {
      x: TensorId;
      weight: TensorId;
      bias?: TensorId;
      residual?: TensorId;
      scale?: TensorId;
      normWeight?: TensorId;
      normBias?: TensorId;
    },
    { y: TensorId; mean?: TensorId; rstd?: TensorId },
    None,
    { gelu: boolean; relu?: boolean; epsilon?: number }
  >;
  /**
   * The same with weight int8 [M,K] and one scale for each output; rows of x are quantized on the fly
   * (int8-linears.ts).
   */
  linearInt8: Entry<
    { x: TensorId; weight: TensorId; bias?: TensorId; residual?: TensorId },
    { y: TensorId },
    None,
    { gelu: boolean }
  >;
  /** scale? [B]: for scale·dy. hidden? of dx's shape: the input of a GELU, dx is multiplied with its slope. */
  linearInputGradient: Entry<
    { dy: TensorId; weight: TensorId; scale?: TensorId; hidden?: TensorId },
    { dx: TensorId },
    None,
    None
  >;
  /** scale? [B]: for scale·dy. With the four others x passes through its layer norm first. */
  linearWeightGradient: Entry<
    {
      dy: TensorId;
      x: TensorId;
      scale?: TensorId;
      mean?: TensorId;
      rstd?: TensorId;
      normWeight?: TensorId;
      normBias?: TensorId;
    },
    None,
    { dWeight: TensorId; dBias?: TensorId },
    None
  >;
  /** x […,D], weight [D], bias [D] → y […,D]; mean and reciprocal deviation […] only where backward reads them. */
  layerNorm: Entry<
    { x: TensorId; weight: TensorId; bias: TensorId },
    { y: TensorId; mean?: TensorId; rstd?: TensorId },
    None,
    { epsilon: number }
  >;
  layerNormBackward: Entry<
    { dy: TensorId; x: TensorId; weight: TensorId; mean: TensorId; rstd: TensorId; residual?: TensorId },
    { dx: TensorId },
    { dWeight: TensorId; dBias: TensorId },
    None
  >;
  /**
   * qkv [B,T,3·H·E] → out [B,T,H·E]; where something reads them, the attention weights [B,H,T,T] (inspection) and the
   * logarithm of each softmax's denominator [B,H,T], log Σ exp(q·k/√E) (backward).
   */
  attention: Entry<
    { qkv: TensorId },
    { out: TensorId; probabilities?: TensorId; logSumExp?: TensorId },
    None,
    { heads: number }
  >;
  attentionBackward: Entry<
    { dOut: TensorId; qkv: TensorId; out: TensorId; logSumExp: TensorId },
    { dQkv: TensorId },
    None,
    { heads: number }
  >;
  /** x → y of the same shape, exact erf form. */
  gelu: Entry<{ x: TensorId }, { y: TensorId }, None, None>;
  geluBackward: Entry<{ x: TensorId; dy: TensorId }, { dx: TensorId }, None, None>;
  /** y = alpha·a + beta·b, all of one shape. */
  scaledSum: Entry<{ a: TensorId; b: TensorId }, { y: TensorId }, None, { alpha: number; beta: number }>;
  /** sum += values: gradients that reach a buffer from several operations. */
  accumulate: Entry<{ values: TensorId }, None, { sum: TensorId }, None>;
  /** x [B,…], scale [B] → y = scale[b]·x. */
  scaleRows: Entry<{ x: TensorId; scale: TensorId }, { y: TensorId }, None, None>;
  /** x [B,…], branch [B,…], scale? [B] → y = x + scale[b]·branch. */
  residual: Entry<{ x: TensorId; branch: TensorId; scale?: TensorId }, { y: TensorId }, None, None>;
  /** x […,D], factors [D] → y […,D] = x·factors. */
  layerScale: Entry<{ x: TensorId; factors: TensorId }, { y: TensorId }, None, None>;
  /** dFactors [D] += Σ over rows of dy·x. */
  layerScaleGradient: Entry<{ dy: TensorId; x: TensorId }, None, { dFactors: TensorId }, None>;
  /**
   * patches [B,N,D], classToken? [D], distillationToken? [D], registers? [R,D], position [T,D] or [N,D] → y [B,T,D]:
   * the tokens in this order, position added to all or to the patches alone.
   */
  assembleTokens: Entry<
    {
      patches: TensorId;
      classToken?: TensorId;
      distillationToken?: TensorId;
      registers?: TensorId;
      position: TensorId;
    },
    { y: TensorId },
    None,
    None
  >;
  assembleTokensBackward: Entry<
    { dy: TensorId },
    { dPatches: TensorId },
    {
      dClassToken?: TensorId;
      dDistillationToken?: TensorId;
      dRegisters?: TensorId;
      dPosition: TensorId;
    },
    None
  >;
  /** x [B,T,D] → y [B,D], or the consecutive tokens [B,n,D] from `token`. */
  selectToken: Entry<{ x: TensorId }, { y: TensorId }, None, { token: number }>;
  selectTokenBackward: Entry<{ dy: TensorId }, { dx: TensorId }, None, { token: number }>;
  /** dx [B,T,D] from the gradients [B,D] of tokens 0 and 1; the others' is 0. */
  selectTwoTokensBackward: Entry<{ dyFirst: TensorId; dySecond: TensorId }, { dx: TensorId }, None, None>;
  /** logits [B,C], targets [B,C] → loss [B] = −Σ t·log p. The gradients of losses can write the loss as well. */
  softTargetCrossEntropy: Entry<{ logits: TensorId; targets: TensorId }, { loss: TensorId }, None, None>;
  softTargetCrossEntropyBackward: Entry<
    { logits: TensorId; targets: TensorId; dLoss: TensorId },
    { dLogits: TensorId; loss?: TensorId },
    None,
    None
  >;
  /** logits [B,C], targets [B,C] → loss [B] = 1/C · Σ −t·log σ(z) − (1 − t)·log(1 − σ(z)). */
  binaryCrossEntropy: Entry<{ logits: TensorId; targets: TensorId }, { loss: TensorId }, None, None>;
  binaryCrossEntropyBackward: Entry<
    { logits: TensorId; targets: TensorId; dLoss: TensorId },
    { dLogits: TensorId; loss?: TensorId },
    None,
    None
  >;
  /** logits [B,C], teacher [B,C] → loss [B]: cross-entropy with the teacher's first largest logit. */
  hardDistillation: Entry<{ logits: TensorId; teacher: TensorId }, { loss: TensorId }, None, None>;
  hardDistillationBackward: Entry<
    { logits: TensorId; teacher: TensorId; dLoss: TensorId },
    { dLogits: TensorId; loss?: TensorId },
    None,
    None
  >;
  /** logits [B,C], teacher [B,C] → loss [B] = τ²/C · Σ q·(log q − log p). */
  softDistillation: Entry<{ logits: TensorId; teacher: TensorId }, { loss: TensorId }, None, { tau: number }>;
  softDistillationBackward: Entry<
    { logits: TensorId; teacher: TensorId; dLoss: TensorId },
    { dLogits: TensorId; loss?: TensorId },
    None,
    { tau: number }
  >;
  /** x [2·B,…] → y of the same shape: its halves exchanged. */
  swapHalves: Entry<{ x: TensorId }, { y: TensorId }, None, None>;
  /** a, b of one shape → y [1] = Σ a·b. */
  dot: Entry<{ a: TensorId; b: TensorId }, { y: TensorId }, None, None>;
  /** x, scale [1] → y = scale[0]·x. */
  scaleByScalar: Entry<{ x: TensorId; scale: TensorId }, { y: TensorId }, None, None>;
  /** y = value everywhere. */
  fill: Entry<None, { y: TensorId }, None, { value: number }>;
  /** x → y f64 [1] = Σ x², in double. */
  sumOfSquares: Entry<{ x: TensorId }, { y: TensorId }, None, None>;
  /** A run of a store's tensors → y f64 [tensors]: Σ x² of each, in double, in the run's order. */
  tensorSquares: Entry<{ x: TensorId }, { y: TensorId }, None, None>;
  /**
   * GradScaler's part between the gradients and the optimizer: gradients are multiplied by scale [1], norm f64 [1] is
   * their sum of squares. unscaled f64 [12]: the settings with the gradientScale that undoes the scale and with the
   * bias corrections of the steps that were not skipped. report [4]: the scale of these gradients, then scale,
   * goodSteps [1] and skipped [1] as they are for the next step: halved where norm is not finite, doubled after
   * `interval` good steps.
   */
  updateLossScale: Entry<
    { settings: TensorId; norm: TensorId },
    { unscaled: TensorId; report: TensorId },
    { scale: TensorId; goodSteps: TensorId; skipped: TensorId },
    { growth: number; backoff: number; interval: number }
  >;
  /** One run of the stores; settings f64 [12] are ADAMW_SETTINGS, norm f64 [1] is a sum of squares. */
  adamW: Entry<
    { gradients: TensorId; settings: TensorId; norm: TensorId },
    None,
    { parameters: TensorId; firstMoment: TensorId; secondMoment: TensorId; average?: TensorId },
    { decayed: boolean; rateFactor: number }
  >;
  /** As adamW: SGD with Nesterov momentum, whose buffer is firstMoment. */
  sgd: Entry<
    { gradients: TensorId; settings: TensorId; norm: TensorId },
    None,
    { parameters: TensorId; firstMoment: TensorId },
    { decayed: boolean; rateFactor: number }
  >;
  /** As adamW: LAMB's moments and its direction, which replaces the gradients. */
  lambDirection: Entry<
    { parameters: TensorId; settings: TensorId; norm: TensorId },
    None,
    { gradients: TensorId; firstMoment: TensorId; secondMoment: TensorId },
    { decayed: boolean }
  >;
  /**
   * One run of the stores: parameters −= rate·trust·direction; trust is of each tensor, from its sums of squares f64
   * [tensors], or 1 without them.
   */
  lambStep: Entry<
    {
      direction: TensorId;
      settings: TensorId;
      norm: TensorId;
      parameterSquares?: TensorId;
      directionSquares?: TensorId;
    },
    None,
    { parameters: TensorId },
    { rateFactor: number }
  >;
  /** One run of the stores, of values that no gradient changes: average = emaDecay·average + (1 − emaDecay)·values. */
  movingAverage: Entry<
    { values: TensorId; settings: TensorId; norm: TensorId },
    None,
    { average: TensorId },
    None
  >;
  /**
   * x [B,H,W,I], weight [O,K,K,I/G], bias? [O] → y [B,OH,OW,O], clamped at 0 with `relu`; scratch holds patches of some
   * output pixels.
   */
  conv2d: Entry<
    { x: TensorId; weight: TensorId; bias?: TensorId },
    { y: TensorId; scratch: TensorId },
    None,
    ConvolutionAttributes & { relu?: boolean }
  >;
  conv2dInputGradient: Entry<
    { dy: TensorId; weight: TensorId },
    { dx: TensorId; scratch: TensorId },
    None,
    ConvolutionAttributes
  >;
  conv2dWeightGradient: Entry<
    { dy: TensorId; x: TensorId },
    { scratch: TensorId },
    { dWeight: TensorId; dBias?: TensorId },
    ConvolutionAttributes
  >;
  /** x […,C], weight [C], bias [C] → y […,C] by the statistics [C] of the batch; the running ones move toward them. */
  batchNorm: Entry<
    { x: TensorId; weight: TensorId; bias: TensorId },
    { y: TensorId; mean: TensorId; rstd: TensorId },
    { runningMean?: TensorId; runningVariance?: TensorId },
    { epsilon: number; momentum: number }
  >;
  /**
   * weight [O,…], all others [O] → folded [O,…] = weight·γ/√(variance + ε), shift [O] = beta − mean·γ/√(variance + ε):
   * a convolution with these has the batch norm after it included.
   */
  foldBatchNorm: Entry<
    { weight: TensorId; gamma: TensorId; beta: TensorId; mean: TensorId; variance: TensorId },
    { folded: TensorId; shift: TensorId },
    None,
    { epsilon: number }
  >;
  batchNormBackward: Entry<
    { dy: TensorId; x: TensorId; weight: TensorId; mean: TensorId; rstd: TensorId },
    { dx: TensorId; scratch: TensorId },
    { dWeight: TensorId; dBias: TensorId },
    None
  >;
  /** x → y = max(x, 0). */
  relu: Entry<{ x: TensorId }, { y: TensorId }, None, None>;
  reluBackward: Entry<{ y: TensorId; dy: TensorId }, { dx: TensorId }, None, None>;
  /** x → y = 1/(1 + e^−x). */
  sigmoid: Entry<{ x: TensorId }, { y: TensorId }, None, None>;
  sigmoidBackward: Entry<{ y: TensorId; dy: TensorId }, { dx: TensorId }, None, None>;
  /** x [B,…,C] → y [B,C]: the mean of each channel. */
  globalAveragePool: Entry<{ x: TensorId }, { y: TensorId }, None, None>;
  globalAveragePoolBackward: Entry<{ dy: TensorId }, { dx: TensorId }, None, None>;
  /** x [B,…,C], scale [B,C] → y = x·scale. */
  scaleChannels: Entry<{ x: TensorId; scale: TensorId }, { y: TensorId }, None, None>;
  /** dScale [B,C] = Σ over pixels of dy·x. */
  scaleChannelsGradient: Entry<{ dy: TensorId; x: TensorId }, { dScale: TensorId }, None, None>;
}

interface ConvolutionAttributes {
  stride: number;
  /** Zeros around the image on each side. */
  padding: number;
  groups: number;
}

export interface Entry<Reads, Writes, Adds, Attributes> {
  readonly reads: Readonly<Reads>;
  readonly writes: Readonly<Writes>;
  readonly adds: Readonly<Adds>;
  readonly attributes: Readonly<Attributes>;
}

/** Name of an operation: a key of `Catalog`. */
export type OperationType = keyof Catalog;

export type OperationOf<T extends OperationType> = { readonly type: T } & Catalog[T];

/** One operation of a graph with its operands; `type` says which. */
export type Operation = { [T in OperationType]: OperationOf<T> }[OperationType];
