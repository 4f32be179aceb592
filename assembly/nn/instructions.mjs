// The instruction table: every instruction of the bytecode with its operands, in the order of its words. This is the
// only place that defines the order; generate-instructions.mjs generates from it:
//
//   generated/opcodes.ts         the opcodes, for both compilers
//   generated/execute.ts         the interpreter's dispatch: one switch, which also cuts work into parts for threads
//   generated/execute-rows.ts    the same for the members of a span
//   generated/sizes.ts           sizes that kernels read where they are
//   generated/instructions.ts    types and layouts for the encoder, so that a missing or misnamed operand does not
//                                compile
//
// A kernel is the exported function of this folder with the instruction's name. Its parameters must have the operands'
// names in the operands' order (then `phase`, where there are two): the generator compares them and fails otherwise.
//
// An instruction is [opcode, words, operands…] in 32-bit words; `words` counts all of them, these two included, so that
// a reader can skip what it does not know. Operands come in three groups, in this order:
//
//   tensors    byte addresses, unsigned, multiples of 16. `?` marks one that may be absent (address 0). float32,
//              row-major and contiguous unless the shape says otherwise. Axes have the names of sizes; `…` marks the
//              axis that is the product of all remaining axes of the graph's tensor, so [rows…,width] fits any rank.
//   sizes      unsigned integers: axes of the tensors, except `attributes`, which are those of the graph operation, and
//              `given`, which the encoder must supply (runtime/executors/wasm/encode.ts).
//   numbers    float32 values: attributes of the graph operation.
//
// Activations and their gradients are overwritten. Gradients of parameters are added to, so that several samples or
// micro-batches can share one buffer; `fill` clears them. Results overlap no input, except in the operations that
// runtime/graph/facts.ts lists as in-place: their kernels read each value before they overwrite it.

/** The unit in which an array is divided, in values: a KiB. */
const RUN = 256;

/** Divided by the values of the arrays [n…]. */
const byValues = { over: "n", unit: RUN };

/**
 * @typedef {object} Instruction
 * @property {string} name  also the graph operation's, where one operation is one instruction
 * @property {string} doc
 * @property {Record<string, string>} tensors  name or `name?` → shape
 * @property {string[]} [sizes]
 * @property {string[]} [attributes]  those of `sizes` that are attributes of the graph operation, not axes
 * @property {string[]} [given]  those of `sizes` that are neither
 * @property {string[]} [numbers]
 * @property {"whole" | "kernel" | { over: string, unit: number }} parallel  what divides the work among
 *   threads: nothing (one thread does all of it: it is small, or a sum in order), the kernel itself, or the dispatch,
 *   which divides this size into runs of whole units and offsets every tensor whose first axis it is
 * @property {2} [phases]  all parts of phase 0 are done before phase 1 starts, since it needs their results. Default 1
 * @property {{ kernel: string, over: string }} [inSpan]  kernel for a range of rows, if the instruction can be in
 *   a span
 * @property {string} [sizesInPlace]  the kernel gets the address of the sizes, a class of this name in
 *   generated/sizes.ts
 * @property {true} [container]  whole instructions follow the operands, and `words` counts them; the kernel gets the
 *   address
 */

const LINEAR_TENSORS = { x: "[m…,k]", weight: "[n,k]", "bias?": "[n]", "residual?": "[m…,n]", y: "[m…,n]" };
const CONVOLUTION_SIZES = [
  ...["batch", "height", "width", "inputs", "outputs", "kernel"],
  ...["stride", "padding", "groups", "chunk"],
];

/** @type {readonly Instruction[]} */
export const INSTRUCTIONS = [
  // Images and tokens.
  {
    name: "patchifyBytes",
    doc: "Pixels through a table of each byte's value per channel, in patches of (channel, y, x) order",
    tensors: {
      pixels: "u8 [batch,side,side,3]",
      table: "[3,256]",
      patches: "[batch,grid·grid,3·patchSize·patchSize]",
    },
    sizes: ["batch", "side", "patchSize"],
    attributes: ["patchSize"],
    parallel: "kernel",
  },
  {
    name: "patchifyImage",
    doc: "The same from floats, channels first",
    tensors: { image: "[batch,3,side,side]", patches: "[batch,grid·grid,3·patchSize·patchSize]" },
    sizes: ["batch", "side", "patchSize"],
    attributes: ["patchSize"],
    parallel: "kernel",
  },
  {
    name: "assembleTokens",
    doc: "y = (class token, distillation token, registers, patches) + position, of all or the last `positions` tokens",
    tensors: {
      patches: "[batch,count,width]",
      "classToken?": "[width]",
      "distillationToken?": "[width]",
      "registers?": "[registers…,width]",
      position: "[positions…,width]",
      y: "[batch,tokens,width]",
    },
    sizes: ["batch", "count", "tokens", "positions", "width"],
    parallel: "whole",
  },
  {
    name: "assembleTokensBackward",
    doc: "The gradients of the parameters are added to",
    tensors: {
      dy: "[batch,tokens,width]",
      dPatches: "[batch,count,width]",
      "dClassToken?": "[width]",
      "dDistillationToken?": "[width]",
      "dRegisters?": "[registers…,width]",
      dPosition: "[positions…,width]",
    },
    sizes: ["batch", "count", "tokens", "positions", "width"],
    parallel: "whole",
  },
  {
    name: "selectToken",
    doc: "`count` tokens of each sample from `token`; one has no axis",
    tensors: { x: "[batch,tokens,width]", y: "[batch,count…,width]" },
    sizes: ["batch", "tokens", "width", "count", "token"],
    attributes: ["token"],
    parallel: "whole",
  },
  {
    name: "selectTokenBackward",
    doc: "Every other token's gradient becomes 0",
    tensors: { dy: "[batch,count…,width]", dx: "[batch,tokens,width]" },
    sizes: ["batch", "tokens", "width", "count", "token"],
    attributes: ["token"],
    parallel: "whole",
  },
  {
    name: "selectTwoTokensBackward",
    doc: "Tokens 0 and 1 at once; every other token's gradient becomes 0",
    tensors: { dyFirst: "[batch,width]", dySecond: "[batch,width]", dx: "[batch,tokens,width]" },
    sizes: ["batch", "tokens", "width"],
    parallel: "whole",
  },

  // Linear layers. Weights as PyTorch stores them: [outputs, inputs].
  {
    name: "linear",
    doc: "y = act(x·weightᵀ + bias) + residual, act as `Activation` says",
    tensors: LINEAR_TENSORS,
    sizes: ["m", "k", "n", "activation"],
    given: ["activation"],
    parallel: "kernel",
  },
  {
    name: "linearInputGradient",
    doc: "dx = dy·weight",
    tensors: { dy: "[m…,n]", weight: "[n,k]", dx: "[m…,k]" },
    sizes: ["m", "k", "n"],
    parallel: "kernel",
  },
  {
    name: "linearWeightGradient",
    doc: "dWeight += dyᵀ·x, dBias += Σ rows of dy",
    tensors: { dy: "[m…,n]", x: "[m…,k]", dWeight: "[n,k]", "dBias?": "[n]" },
    sizes: ["m", "k", "n"],
    parallel: "kernel",
  },
  {
    name: "linearInt8",
    doc: "As linear; weight packed as linear-int8.ts says for its `Int8Form`; k ≤ 8192",
    tensors: { ...LINEAR_TENSORS, weight: "int8 [n,k]" },
    sizes: ["m", "k", "n", "activation", "form"],
    given: ["activation", "form"],
    parallel: "kernel",
  },
  {
    name: "packWeight",
    doc: "The weight as products read it: packed-weight.ts, 4·k·8·⌈n/8⌉ bytes",
    tensors: { weight: "[n,k]", panels: "[…]" },
    sizes: ["k", "n"],
    parallel: "kernel",
  },
  {
    name: "linearPacked",
    doc: "As linear, with the panels of packWeight in place of the weight",
    tensors: {
      x: "[m…,k]",
      panels: "[…]",
      "bias?": "[n]",
      "residual?": "[m…,n]",
      y: "[m…,n]",
    },
    sizes: ["m", "k", "n", "activation"],
    given: ["activation"],
    parallel: "kernel",
    inSpan: { kernel: "linearPackedRows", over: "m" },
  },
  {
    name: "span",
    doc: "Instructions for the same `rows` rows, each layerNorm or linearPacked, taken group by group (span.ts)",
    tensors: {},
    sizes: ["rows"],
    given: ["rows"],
    parallel: "kernel",
    container: true,
  },

  // Transformer blocks.
  {
    name: "layerNorm",
    doc: "Mean and reciprocal deviation are kept where backward reads them",
    tensors: {
      x: "[rows…,width]",
      weight: "[width]",
      bias: "[width]",
      y: "[rows…,width]",
      "mean?": "[rows…]",
      "rstd?": "[rows…]",
    },
    sizes: ["rows", "width"],
    numbers: ["epsilon"],
    parallel: { over: "rows", unit: 1 },
    inSpan: { kernel: "layerNorm", over: "rows" },
  },
  {
    name: "layerNormBackward",
    doc: "dx = gradient + residual; the parameters' gradients are added to, in phase 0",
    tensors: {
      dy: "[rows…,width]",
      x: "[rows…,width]",
      weight: "[width]",
      mean: "[rows…]",
      rstd: "[rows…]",
      "residual?": "[rows…,width]",
      dx: "[rows…,width]",
      dWeight: "[width]",
      dBias: "[width]",
    },
    sizes: ["rows", "width"],
    parallel: "kernel",
    phases: 2,
  },
  {
    name: "attention",
    doc: "softmax(q·kᵀ/√size)·v for every head; logSumExp is the logarithm of each softmax's denominator",
    tensors: {
      qkv: "[batch,tokens,3·heads·size]",
      out: "[batch,tokens,heads·size]",
      "probabilities?": "[batch,heads,tokens,tokens]",
      "logSumExp?": "[batch,heads,tokens]",
    },
    sizes: ["batch", "tokens", "heads", "size"],
    attributes: ["heads"],
    parallel: "kernel",
  },
  {
    name: "attentionBackward",
    doc: "From the logSumExp that attention left",
    tensors: {
      dOut: "[batch,tokens,heads·size]",
      qkv: "[batch,tokens,3·heads·size]",
      out: "[batch,tokens,heads·size]",
      logSumExp: "[batch,heads,tokens]",
      dQkv: "[batch,tokens,3·heads·size]",
    },
    sizes: ["batch", "tokens", "heads", "size"],
    attributes: ["heads"],
    parallel: "kernel",
  },

  // Element-wise.
  {
    name: "gelu",
    doc: "y = x·Φ(x), exact",
    tensors: { x: "[n…]", y: "[n…]" },
    sizes: ["n"],
    parallel: byValues,
  },
  {
    name: "geluBackward",
    doc: "dx = dy·(Φ(x) + x·φ(x))",
    tensors: { x: "[n…]", dy: "[n…]", dx: "[n…]" },
    sizes: ["n"],
    parallel: byValues,
  },
  {
    name: "relu",
    doc: "y = max(x, 0)",
    tensors: { x: "[n…]", y: "[n…]" },
    sizes: ["n"],
    parallel: "whole",
  },
  {
    name: "reluBackward",
    doc: "dx = dy where y > 0, else 0",
    tensors: { y: "[n…]", dy: "[n…]", dx: "[n…]" },
    sizes: ["n"],
    parallel: "whole",
  },
  {
    name: "sigmoid",
    doc: "y = 1/(1 + e^−x)",
    tensors: { x: "[n…]", y: "[n…]" },
    sizes: ["n"],
    parallel: "whole",
  },
  {
    name: "swapHalves",
    doc: "y = the halves of x exchanged; n is even",
    tensors: { x: "[n…]", y: "[n…]" },
    sizes: ["n"],
    parallel: "whole",
  },
  {
    name: "sigmoidBackward",
    doc: "dx = dy·y·(1 − y)",
    tensors: { y: "[n…]", dy: "[n…]", dx: "[n…]" },
    sizes: ["n"],
    parallel: "whole",
  },
  {
    name: "scaledSum",
    doc: "y = alpha·a + beta·b",
    tensors: { a: "[n…]", b: "[n…]", y: "[n…]" },
    sizes: ["n"],
    numbers: ["alpha", "beta"],
    parallel: byValues,
  },
  {
    name: "scaleByScalar",
    doc: "y = scale[0]·x",
    tensors: { x: "[n…]", scale: "[1]", y: "[n…]" },
    sizes: ["n"],
    parallel: "whole",
  },
  {
    name: "scaleRows",
    doc: "y = scale[b]·x",
    tensors: { x: "[batch,n…]", scale: "[batch]", y: "[batch,n…]" },
    sizes: ["batch", "n"],
    parallel: { over: "batch", unit: 1 },
  },
  {
    name: "residual",
    doc: "y = x + scale[b]·branch; without scale 1",
    tensors: { x: "[batch,n…]", branch: "[batch,n…]", "scale?": "[batch]", y: "[batch,n…]" },
    sizes: ["batch", "n"],
    parallel: { over: "batch", unit: 1 },
  },
  {
    name: "layerScale",
    doc: "y = x·factors, a factor for each column",
    tensors: { x: "[rows…,width]", factors: "[width]", y: "[rows…,width]" },
    sizes: ["rows", "width"],
    parallel: { over: "rows", unit: 1 },
  },
  {
    name: "layerScaleGradient",
    doc: "dFactors += Σ over rows of dy·x",
    tensors: { dy: "[rows…,width]", x: "[rows…,width]", dFactors: "[width]" },
    sizes: ["rows", "width"],
    parallel: "kernel",
  },
  {
    name: "fill",
    doc: "y = value everywhere",
    tensors: { y: "[n…]" },
    sizes: ["n"],
    numbers: ["value"],
    parallel: byValues,
  },

  // Sums and losses.
  {
    name: "dot",
    doc: "y = Σ a·b",
    tensors: { a: "[n…]", b: "[n…]", y: "[1]" },
    sizes: ["n"],
    parallel: "kernel",
    phases: 2,
  },
  {
    name: "sumOfSquares",
    doc: "y = Σ x² in double, fixed chunks combined in index order; not finite if any x is not",
    tensors: { x: "[n…]", y: "f64 [1]" },
    sizes: ["n"],
    parallel: "kernel",
    phases: 2,
  },
  {
    name: "softTargetCrossEntropy",
    doc: "loss = −Σ t·log p",
    tensors: { logits: "[batch,classes]", targets: "[batch,classes]", loss: "[batch]" },
    sizes: ["batch", "classes"],
    parallel: "whole",
  },
  {
    name: "softTargetCrossEntropyBackward",
    doc: "dLogits = dLoss[b]·(p·Σt − t)",
    tensors: {
      logits: "[batch,classes]",
      targets: "[batch,classes]",
      dLoss: "[batch]",
      dLogits: "[batch,classes]",
    },
    sizes: ["batch", "classes"],
    parallel: "whole",
  },
  {
    name: "binaryCrossEntropy",
    doc: "loss = 1/C · Σ −t·log σ(z) − (1 − t)·log(1 − σ(z))",
    tensors: { logits: "[batch,classes]", targets: "[batch,classes]", loss: "[batch]" },
    sizes: ["batch", "classes"],
    parallel: "whole",
  },
  {
    name: "binaryCrossEntropyBackward",
    doc: "dLogits = dLoss[b]/C·(σ(z) − t)",
    tensors: {
      logits: "[batch,classes]",
      targets: "[batch,classes]",
      dLoss: "[batch]",
      dLogits: "[batch,classes]",
    },
    sizes: ["batch", "classes"],
    parallel: "whole",
  },
  {
    name: "hardDistillation",
    doc: "Cross-entropy with argmax(teacher), the first of equals",
    tensors: { logits: "[batch,classes]", teacher: "[batch,classes]", loss: "[batch]" },
    sizes: ["batch", "classes"],
    parallel: "whole",
  },
  {
    name: "hardDistillationBackward",
    doc: "dLogits = dLoss[b]·(p − onehot)",
    tensors: {
      logits: "[batch,classes]",
      teacher: "[batch,classes]",
      dLoss: "[batch]",
      dLogits: "[batch,classes]",
    },
    sizes: ["batch", "classes"],
    parallel: "whole",
  },
  {
    name: "softDistillation",
    doc: "loss = τ²/C · Σ q·(log q − log p)",
    tensors: { logits: "[batch,classes]", teacher: "[batch,classes]", loss: "[batch]" },
    sizes: ["batch", "classes"],
    numbers: ["tau"],
    parallel: "whole",
  },
  {
    name: "softDistillationBackward",
    doc: "dLogits = dLoss[b]·τ/C·(p − q)",
    tensors: {
      logits: "[batch,classes]",
      teacher: "[batch,classes]",
      dLoss: "[batch]",
      dLogits: "[batch,classes]",
    },
    sizes: ["batch", "classes"],
    numbers: ["tau"],
    parallel: "whole",
  },

  // The optimizer. Settings: ADAMW_SETTINGS of runtime/graph/operations/optimizer.ts.
  {
    name: "adamW",
    doc: "AdamW and the moving average in one pass. Nothing changes where *norm, a sum of squares, is not finite",
    tensors: {
      parameters: "[n…]",
      gradients: "[n…]",
      firstMoment: "[n…]",
      secondMoment: "[n…]",
      "average?": "[n…]",
      settings: "f64 [12]",
      "norm?": "f64 [1]",
    },
    sizes: ["n", "decayed"],
    attributes: ["decayed"],
    numbers: ["rateFactor"],
    parallel: byValues,
  },
  {
    name: "sgd",
    doc: "SGD with Nesterov momentum, whose buffer is firstMoment. Nothing changes where *norm is not finite",
    tensors: {
      parameters: "[n…]",
      gradients: "[n…]",
      firstMoment: "[n…]",
      settings: "f64 [12]",
      norm: "f64 [1]",
    },
    sizes: ["n", "decayed"],
    attributes: ["decayed"],
    numbers: ["rateFactor"],
    parallel: byValues,
  },
  {
    name: "lambDirection",
    doc: "LAMB's moments; its direction replaces the gradient. Nothing changes where *norm is not finite",
    tensors: {
      parameters: "[n…]",
      gradients: "[n…]",
      firstMoment: "[n…]",
      secondMoment: "[n…]",
      settings: "f64 [12]",
      norm: "f64 [1]",
    },
    sizes: ["n", "decayed"],
    attributes: ["decayed"],
    parallel: byValues,
  },
  {
    name: "lambStep",
    doc: "p −= lr·trust·direction; trust = |p|/|direction| by the sums of squares, or 1 without them",
    tensors: {
      parameters: "[n…]",
      direction: "[n…]",
      settings: "f64 [12]",
      norm: "f64 [1]",
      "parameterSquares?": "f64 [1]",
      "directionSquares?": "f64 [1]",
    },
    sizes: ["n"],
    numbers: ["rateFactor"],
    parallel: byValues,
  },
  {
    name: "movingAverage",
    doc: "average ← emaDecay·average + (1 − emaDecay)·values. Nothing changes where *norm is not finite",
    tensors: { values: "[n…]", average: "[n…]", settings: "f64 [12]", norm: "f64 [1]" },
    sizes: ["n"],
    parallel: byValues,
  },
  {
    name: "updateLossScale",
    doc: "torch.amp.GradScaler's rule, before the optimizer's step: loss-scale.ts",
    tensors: {
      settings: "f64 [12]",
      norm: "f64 [1]",
      unscaled: "f64 [12]",
      report: "[4]",
      scale: "[1]",
      goodSteps: "[1]",
      skipped: "[1]",
    },
    numbers: ["growth", "backoff", "interval"],
    parallel: "whole",
  },

  // Convolutional networks. Channels last; G groups, a patch has K·K·I/G values.
  {
    name: "conv2d",
    doc: "`chunk` output pixels go through scratch at a time; out = ⌊(height + 2·padding − kernel)/stride⌋ + 1",
    tensors: {
      x: "[batch,height,width,inputs]",
      weight: "[outputs,kernel,kernel,inputs/groups]",
      "bias?": "[outputs]",
      y: "[batch,outHeight,outWidth,outputs]",
      scratch: "[chunk,kernel·kernel·inputs/groups]",
    },
    sizes: CONVOLUTION_SIZES,
    attributes: ["stride", "padding", "groups"],
    parallel: "kernel",
    sizesInPlace: "ConvolutionSizes",
  },
  {
    name: "conv2dInputGradient",
    doc: "dx = dy·weight, patch by patch",
    tensors: {
      dy: "[batch,outHeight,outWidth,outputs]",
      weight: "[outputs,kernel,kernel,inputs/groups]",
      dx: "[batch,height,width,inputs]",
      scratch: "[chunk,kernel·kernel·inputs/groups]",
    },
    sizes: CONVOLUTION_SIZES,
    attributes: ["stride", "padding", "groups"],
    parallel: "kernel",
    sizesInPlace: "ConvolutionSizes",
  },
  {
    name: "conv2dWeightGradient",
    doc: "dWeight += dyᵀ·patches, dBias += Σ dy",
    tensors: {
      dy: "[batch,outHeight,outWidth,outputs]",
      x: "[batch,height,width,inputs]",
      dWeight: "[outputs,kernel,kernel,inputs/groups]",
      "dBias?": "[outputs]",
      scratch: "[chunk,kernel·kernel·inputs/groups]",
    },
    sizes: CONVOLUTION_SIZES,
    attributes: ["stride", "padding", "groups"],
    parallel: "kernel",
    sizesInPlace: "ConvolutionSizes",
  },
  {
    name: "batchNorm",
    doc: "By the statistics of the batch; the running ones move toward them by `momentum`",
    tensors: {
      x: "[rows…,channels]",
      weight: "[channels]",
      bias: "[channels]",
      y: "[rows…,channels]",
      mean: "[channels]",
      rstd: "[channels]",
      "runningMean?": "[channels]",
      "runningVariance?": "[channels]",
    },
    sizes: ["rows", "channels"],
    numbers: ["epsilon", "momentum"],
    parallel: "kernel",
  },
  {
    name: "foldBatchNorm",
    doc: "A batch norm with its running statistics, as a factor in the weights and a bias",
    tensors: {
      weight: "[outputs,n…]",
      gamma: "[outputs]",
      beta: "[outputs]",
      mean: "[outputs]",
      variance: "[outputs]",
      folded: "[outputs,n…]",
      shift: "[outputs]",
    },
    sizes: ["outputs", "n"],
    numbers: ["epsilon"],
    parallel: { over: "outputs", unit: 1 },
  },
  {
    name: "batchNormBackward",
    doc: "The parameters' gradients are added to",
    tensors: {
      dy: "[rows…,channels]",
      x: "[rows…,channels]",
      weight: "[channels]",
      mean: "[channels]",
      rstd: "[channels]",
      dx: "[rows…,channels]",
      dWeight: "[channels]",
      dBias: "[channels]",
      scratch: "[3,channels]",
    },
    sizes: ["rows", "channels"],
    parallel: "kernel",
  },
  {
    name: "globalAveragePool",
    doc: "The mean over the pixels",
    tensors: { x: "[batch,pixels…,channels]", y: "[batch,channels]" },
    sizes: ["batch", "pixels", "channels"],
    parallel: "whole",
  },
  {
    name: "globalAveragePoolBackward",
    doc: "dx = dy/pixels for every pixel",
    tensors: { dy: "[batch,channels]", dx: "[batch,pixels…,channels]" },
    sizes: ["batch", "pixels", "channels"],
    parallel: "whole",
  },
  {
    name: "scaleChannels",
    doc: "y = x·scale",
    tensors: { x: "[batch,pixels…,channels]", scale: "[batch,channels]", y: "[batch,pixels…,channels]" },
    sizes: ["batch", "pixels", "channels"],
    parallel: "whole",
  },
  {
    name: "scaleChannelsGradient",
    doc: "dScale = Σ over pixels of dy·x",
    tensors: { dy: "[batch,pixels…,channels]", x: "[batch,pixels…,channels]", dScale: "[batch,channels]" },
    sizes: ["batch", "pixels", "channels"],
    parallel: "whole",
  },
];
