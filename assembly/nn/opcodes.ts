// Opcodes of the tape: what one instruction does and which words follow it. Read by both compilers.
//
// A tape is an array of 32-bit words. An instruction is [opcode, words, operands…]; `words` counts all of them,
// these two included, so that a reader can skip what it does not know. An operand is a byte address (unsigned), a
// size, or the bits of a float32. Address 0 means "absent" where an operand is marked with `?`. All tensors are
// float32, row-major and without gaps unless said otherwise; addresses are multiples of 16.
//
// Activations and their gradients are overwritten. Gradients of parameters are added to, so that several samples
// or micro-batches can share one buffer; Fill clears them.
//
// A result may be one of the inputs for the operations that go value by value or row by row (Gelu, GeluBackward,
// ScaledSum, ScaleRows, ScaleByScalar, Residual, Softmax, LayerNorm, LayerNormBackward); elsewhere results overlap no
// input.
//
// The module imports `env.memory` (at least 32 pages, at most 65,536) and exports
//   run(tape): i32         0 at Halt, or the place (1 = first) of an instruction that it does not know, where it stops
//   heapBase(): u32        the first byte that belongs to the caller
//   setBlock(rows, columns) how matrix products are cut up: changes their speed and no bit (gemm.ts)
// Below heapBase lie the module's constants and 1.2 MiB of scratch, so an instance runs one tape
// at a time. Nothing is allocated.
//
// B batch, T tokens, N patches, D width, H heads, C classes, P patch side. Weights are stored as PyTorch does:
// [outputs, inputs].

export enum Opcode {
  /** End of the tape. */
  Halt = 0,
  /** pixels u8 [B,S,S,3], table [3,256], patches [B,N,3·P·P] in (channel, y, x) order; B, S, P */
  PatchifyBytes = 1,
  /** image [B,3,S,S], patches [B,N,3·P·P]; B, S, P */
  PatchifyFloats = 2,
  /** x [M,K], weight [N,K], bias? [N], residual? [M,N], y [M,N]; M, K, N, activation (see Activation): y = act(x·wᵀ + b) + residual */
  Linear = 3,
  /** dy [M,N], weight [N,K], dx [M,K]; M, K, N: dx = dy·w */
  LinearInputGradient = 4,
  /** dy [M,N], x [M,K], dWeight [N,K], dBias? [N]; M, K, N: dw += dyᵀ·x, db += Σ rows of dy */
  LinearWeightGradient = 5,
  /** x [R,D], weight [D], bias [D], y [R,D], mean? [R], rstd? [R]; R, D, epsilon (f32 bits) */
  LayerNorm = 6,
  /** dy [R,D], x [R,D], weight [D], mean [R], rstd [R], residual? [R,D], dx [R,D], dWeight [D], dBias [D]; R, D: dx = gradient + residual */
  LayerNormBackward = 7,
  /** qkv [B,T,3·H·E], out [B,T,H·E], probabilities? [B,H,T,T], logSumExp? [B,H,T]; B, T, H, E */
  Attention = 8,
  /** dOut [B,T,H·E], qkv, out [B,T,H·E], logSumExp [B,H,T], dQkv [B,T,3·H·E]; B, T, H, E */
  AttentionBackward = 9,
  /** x [n], y [n]; n: exact erf form */
  Gelu = 10,
  /** x [n], dy [n], dx [n]; n */
  GeluBackward = 11,
  /** a [n], b [n], y [n]; n, alpha (f32 bits), beta (f32 bits): y = alpha·a + beta·b */
  ScaledSum = 12,
  /** x [B,n], scale [B], y [B,n]; B, n: y = scale[b]·x */
  ScaleRows = 13,
  /** x [B,n], branch [B,n], scale? [B], y [B,n]; B, n: y = x + scale[b]·branch (scale absent: 1) */
  Residual = 14,
  /** patches [B,N,D], classToken [D], distillationToken? [D], position [T,D], y [B,T,D]; B, N, D: T = N + 1 or N + 2 */
  AssembleTokens = 15,
  /** dy [B,T,D], dPatches [B,N,D], dClassToken [D], dDistillationToken? [D], dPosition [T,D]; B, N, D */
  AssembleTokensBackward = 16,
  /** x [B,T,D], y [B,D]; B, T, D, token */
  SelectToken = 17,
  /** dy [B,D], dx [B,T,D]; B, T, D, token: every other token's gradient becomes 0 */
  SelectTokenBackward = 18,
  /** dyFirst [B,D], dySecond [B,D], dx [B,T,D]; B, T, D: tokens 0 and 1 at once, the others 0 */
  SelectTwoTokensBackward = 19,
  /** x [R,C], y [R,C]; R, C */
  Softmax = 20,
  /** logits [B,C], targets [B,C], loss [B]; B, C: −Σ t·log p */
  SoftTargetCrossEntropy = 21,
  /** logits, targets, dLoss [B], dLogits [B,C]; B, C: dLoss[b]·(p·Σt − t) */
  SoftTargetCrossEntropyBackward = 22,
  /** logits [B,C], teacher [B,C], loss [B]; B, C: cross-entropy with argmax(teacher), first of equals */
  HardDistillation = 23,
  /** logits, teacher, dLoss [B], dLogits [B,C]; B, C */
  HardDistillationBackward = 24,
  /** logits [B,C], teacher [B,C], loss [B]; B, C, tau (f32 bits): τ²/C · Σ q·(log q − log p) */
  SoftDistillation = 25,
  /** logits, teacher, dLoss [B], dLogits [B,C]; B, C, tau (f32 bits) */
  SoftDistillationBackward = 26,
  /** a [n], b [n], y [1]; n: y = Σ a·b */
  Dot = 27,
  /** y [n]; n, value (f32 bits) */
  Fill = 28,
  /** x [n], y f64 [1]; n: y = Σ x² in double, fixed chunks combined in index order; not finite if any x is not */
  SumOfSquares = 29,
  /**
   * parameters [n], gradients [n], firstMoment [n], secondMoment [n], average? [n], settings f64 [12], norm? f64 [1]; n, decayed (0 or 1).
   * AdamW and the exponential moving average in one pass. settings = learningRate, weightDecay, beta1, beta2,
   * epsilon, biasCorrection1, biasCorrection2, gradientScale, clipNorm (0 = off), emaDecay, step (from 1), reserved.
   * Nothing changes where *norm (a sum of squares) is not finite.
   */
  AdamW = 30,
  /** x [n], y [n]; n */
  Copy = 31,
  /** qkv [B,T,3·H·E], probabilities [B,H,T,T]; B, T, H, E: the attention weights alone, for inspection */
  AttentionProbabilities = 32,
  /** x [n], scale [1], y [n]; n: y = x·scale[0] */
  ScaleByScalar = 33,
  /**
   * settings f64 [12], norm f64 [1], unscaled f64 [12], report [4], scale [1], goodSteps [1], skipped [1]; growth (f32 bits),
   * backoff (f32 bits), interval: loss-scale.ts
   */
  UpdateLossScale = 34,

  // Convolutional networks. Channels last: B images of H·W pixels of I (or O, C) channels; R = B·H·W rows.
  /**
   * x [B,H,W,I], weight [O,K,K,I/G], bias? [O], y [B,OH,OW,O], scratch [chunk,K·K·I/G]; then the sizes B, H, W, I, O, K,
   * stride, padding, G groups, chunk of output pixels: OH = ⌊(H + 2·padding − K)/stride⌋ + 1
   */
  Conv2d = 64,
  /** dy [B,OH,OW,O], weight, dx [B,H,W,I], scratch [chunk,K·K·I/G]; the sizes as above */
  Conv2dInputGradient = 65,
  /** dy [B,OH,OW,O], x, dWeight [O,K,K,I/G], dBias? [O], scratch [chunk,K·K·I/G]; the sizes as above: both gradients are added */
  Conv2dWeightGradient = 66,
  /**
   * x [R,C], weight [C], bias [C], y [R,C], mean [C], rstd [C], runningMean? [C], runningVariance? [C]; R, C, epsilon (f32
   * bits), momentum (f32 bits): statistics of the batch; the running ones are changed
   */
  BatchNorm = 67,
  /** dy [R,C], x [R,C], weight [C], mean [C], rstd [C], dx [R,C], dWeight [C], dBias [C], scratch [3,C]; R, C */
  BatchNormBackward = 68,
  /** x [n], y [n]; n */
  Relu = 69,
  /** y [n], dy [n], dx [n]; n */
  ReluBackward = 70,
  /** x [n], y [n]; n */
  Sigmoid = 71,
  /** y [n], dy [n], dx [n]; n */
  SigmoidBackward = 72,
  /** x [B,N,C], y [B,C]; B, N, C: the mean over the N pixels */
  GlobalAveragePool = 73,
  /** dy [B,C], dx [B,N,C]; B, N, C */
  GlobalAveragePoolBackward = 74,
  /** x [B,N,C], scale [B,C], y [B,N,C]; B, N, C: y = x·scale */
  ScaleChannels = 75,
  /** dy [B,N,C], x [B,N,C], dScale [B,C]; B, N, C: dScale = Σ over pixels of dy·x */
  ScaleChannelsGradient = 76,

  /**
   * x [M,K], weight (int8, packed as linear-int8.ts says), bias? [N], residual? [M,N], y [M,N]; M, K, N, activation, form (see
   * Int8Form): as Linear; K ≤ 8192
   */
  LinearInt8 = 77,
  // Inference, where weights rest.
  /** weight [N,K], panels [4·K·8·⌈N/8⌉ bytes]; K, N: the weight as products read it (packed-weight.ts) */
  PackWeight = 96,
  /** As Linear, with the panels of PackWeight in the weight's place */
  LinearPacked = 97,
  /** rows R, then whole instructions, which `words` counts: each LayerNorm or LinearPacked of R rows, done by groups of rows (span.ts) */
  Span = 98,
}

export enum Activation {
  None = 0,
  Gelu = 1,
}
