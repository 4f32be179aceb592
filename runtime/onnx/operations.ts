// ONNX operations: each operation of a graph in evaluation mode as nodes of opset 17, with any batch size.
//
// GELU is composed of Div, Erf, Add and Mul and attention of MatMul and Softmax, as PyTorch's exporter writes them:
// runtimes have fused kernels for these patterns.

import { VitrineError } from "../errors.js";
import type { Operation, OperationOf, OperationType } from "../graph/catalog.js";
import { elementCount, type TensorId } from "../graph/tensor.js";
import type { OnnxBuilder, WeightForm } from "./builder.js";
import { floatAttribute, intAttribute, intsAttribute, type OnnxAttribute } from "./messages.js";

type Translation<T extends OperationType> = (operation: OperationOf<T>, onnx: OnnxBuilder) => void;

const CHANNELS_SECOND = 4;

function nameOf(onnx: OnnxBuilder, id: TensorId): string {
  return onnx.tensor(id).name;
}

function reshape(onnx: OnnxBuilder, value: string, near: string, shape: readonly number[]): string {
  return onnx.node("Reshape", [value, onnx.integers(shape)], near);
}

function transpose(onnx: OnnxBuilder, value: string, near: string, ...perm: number[]): string {
  return onnx.node("Transpose", [value], near, [intsAttribute("perm", perm)]);
}

/** A matrix [outputs, inputs] as MatMul takes it, [inputs, outputs]. */
function transposed(outputs: number, inputs: number): WeightForm {
  const arrange = (data: Float32Array) => {
    const result = new Float32Array(data.length);
    for (let o = 0; o < outputs; o++)
      for (let i = 0; i < inputs; i++) result[i * outputs + o] = data[o * inputs + i];
    return result;
  };
  return { suffix: ".transposed", dims: [inputs, outputs], arrange };
}

/** [O,K,K,I] → [O,I,K,K]. */
function channelsSecond([outputs, height, width, inputs]: readonly number[]): WeightForm {
  const area = height * width;
  const arrange = (data: Float32Array) => {
    const result = new Float32Array(data.length);
    for (let o = 0; o < outputs; o++)
      for (let pixel = 0; pixel < area; pixel++)
        for (let i = 0; i < inputs; i++)
          result[(o * inputs + i) * area + pixel] = data[(o * area + pixel) * inputs + i];
    return result;
  };
  return { suffix: ".channels-second", dims: [outputs, inputs, height, width], arrange };
}

/** Patches of an image that only a linear layer reads: together they are a convolution. */
function linearOfPatches(
  onnx: OnnxBuilder,
  { reads: { x, weight, bias }, writes: { y } }: OperationOf<"linear">,
  patches: OperationOf<"patchifyImage">,
): void {
  const { patchSize } = patches.attributes;
  const sides = [patchSize, patchSize];
  const [outputs] = onnx.shape(weight);
  const kernel = onnx.weight(weight, { dims: [outputs, 3, ...sides] });
  const inputs = [
    onnx.value(patches.reads.image),
    kernel,
    ...(bias === undefined ? [] : [onnx.weight(bias)]),
  ];
  const attributes = [intsAttribute("kernel_shape", sides), intsAttribute("strides", sides)];
  const near = nameOf(onnx, y);
  const maps = onnx.node("Conv", inputs, near, attributes);
  const columns = reshape(onnx, maps, near, [0, outputs, onnx.shape(x)[1]]);
  onnx.result(y, "Transpose", [columns], [intsAttribute("perm", [0, 2, 1])]);
}

/** A linear layer of rows, of one row per image, or of every pixel, where it is a 1×1 convolution. */
const linear: Translation<"linear"> = (operation, onnx) => {
  const { reads, writes } = operation;
  const { x, weight, bias } = reads;
  const producer = onnx.producer(x);
  if (producer?.type === "patchifyImage" && producer.attributes.patchSize > 1) {
    linearOfPatches(onnx, operation, producer);
    return;
  }
  const [outputs, inputs] = onnx.shape(weight);
  const biases = bias === undefined ? [] : [onnx.weight(bias)];
  const axes = onnx.shape(x).length;
  if (axes === CHANNELS_SECOND) {
    const kernel = onnx.weight(weight, { dims: [outputs, inputs, 1, 1] });
    onnx.result(
      writes.y,
      "Conv",
      [onnx.value(x), kernel, ...biases],
      [intsAttribute("kernel_shape", [1, 1])],
    );
  } else if (axes === 2) {
    const matrices = [onnx.value(x), onnx.weight(weight), ...biases];
    onnx.result(writes.y, "Gemm", matrices, [intAttribute("transB", 1)]);
  } else {
    const matrices = [onnx.value(x), onnx.weight(weight, transposed(outputs, inputs))];
    if (bias === undefined) onnx.result(writes.y, "MatMul", matrices);
    else
      onnx.result(writes.y, "Add", [
        onnx.node("MatMul", matrices, nameOf(onnx, writes.y)),
        onnx.weight(bias),
      ]);
  }
};

/** Alone, patches of one pixel are the image: its channels are second already. */
const patchifyImage: Translation<"patchifyImage"> = ({ reads, writes, attributes }, onnx) => {
  if (attributes.patchSize === 1) onnx.alias(writes.patches, onnx.value(reads.image));
};

const conv2d: Translation<"conv2d"> = ({ reads, writes, attributes }, onnx) => {
  const shape = onnx.shape(reads.weight);
  const { stride, padding, groups } = attributes;
  const inputs = [onnx.value(reads.x), onnx.weight(reads.weight, channelsSecond(shape))];
  if (reads.bias !== undefined) inputs.push(onnx.weight(reads.bias));
  onnx.result(writes.y, "Conv", inputs, [
    intsAttribute("kernel_shape", [shape[1], shape[2]]),
    intsAttribute("strides", [stride, stride]),
    intsAttribute("pads", [padding, padding, padding, padding]),
    intAttribute("group", groups),
  ]);
};

const layerNorm: Translation<"layerNorm"> = ({ reads, writes, attributes }, onnx) => {
  const inputs = [onnx.value(reads.x), onnx.weight(reads.weight), onnx.weight(reads.bias)];
  const epsilon = floatAttribute("epsilon", attributes.epsilon);
  onnx.result(writes.y, "LayerNormalization", inputs, [intAttribute("axis", -1), epsilon]);
};

/** qkv [B,T,3·H·E] → softmax(q·kᵀ/√E)·v, [B,T,H·E]. */
const attention: Translation<"attention"> = ({ reads, writes, attributes }, onnx) => {
  const near = nameOf(onnx, writes.out);
  const [, tokens, width] = onnx.shape(reads.qkv);
  const { heads } = attributes;
  const size = width / 3 / heads;
  const parts = reshape(onnx, onnx.value(reads.qkv), near, [0, tokens, 3, heads, size]);
  const byHead = transpose(onnx, parts, near, 2, 0, 3, 1, 4);
  const [q, k, v] = [0, 1, 2].map((part) =>
    onnx.node("Gather", [byHead, onnx.integers(part)], near, [intAttribute("axis", 0)]),
  );
  const scores = onnx.node("MatMul", [q, transpose(onnx, k, near, 0, 1, 3, 2)], near);
  const scaled = onnx.node("Mul", [scores, onnx.scalar(size ** -0.5)], near);
  const probabilities = onnx.node("Softmax", [scaled], near, [intAttribute("axis", -1)]);
  const mixed = transpose(onnx, onnx.node("MatMul", [probabilities, v], near), near, 0, 2, 1, 3);
  onnx.result(writes.out, "Reshape", [mixed, onnx.integers([0, tokens, width / 3])]);
};

const gelu: Translation<"gelu"> = ({ reads, writes }, onnx) => {
  const near = nameOf(onnx, writes.y);
  const x = onnx.value(reads.x);
  const scaled = onnx.node("Div", [x, onnx.scalar(Math.SQRT2)], near);
  const shifted = onnx.node("Add", [onnx.node("Erf", [scaled], near), onnx.scalar(1)], near);
  onnx.result(writes.y, "Mul", [onnx.node("Mul", [x, shifted], near), onnx.scalar(0.5)]);
};

const scaledSum: Translation<"scaledSum"> = ({ reads, writes, attributes }, onnx) => {
  const near = nameOf(onnx, writes.y);
  const term = (id: TensorId, factor: number) =>
    factor === 1 ? onnx.value(id) : onnx.node("Mul", [onnx.value(id), onnx.scalar(factor)], near);
  onnx.result(writes.y, "Add", [term(reads.a, attributes.alpha), term(reads.b, attributes.beta)]);
};

/** Without stochastic depth, which evaluation does not have. */
const residual: Translation<"residual"> = ({ reads, writes }, onnx) => {
  if (reads.scale !== undefined) throw unsupported("residual with a scale");
  onnx.result(writes.y, "Add", [onnx.value(reads.x), onnx.value(reads.branch)]);
};

/** Prefix tokens of every image before its patches, and positions for all or for the patches alone. */
const assembleTokens: Translation<"assembleTokens"> = ({ reads, writes }, onnx) => {
  const near = nameOf(onnx, writes.y);
  const [, tokens, width] = onnx.shape(writes.y);
  const [, count] = onnx.shape(reads.patches);
  const rows = elementCount(onnx.shape(reads.position)) / width;
  const position = onnx.weight(reads.position, { dims: [1, rows, width] });
  const patches = onnx.value(reads.patches);
  const placed = rows === tokens ? patches : onnx.node("Add", [patches, position], near);
  const prefix = [reads.classToken, reads.distillationToken, reads.registers].filter(
    (id) => id !== undefined,
  );
  const batch = () => {
    const shape = onnx.node("Shape", [patches], near);
    return onnx.node("Slice", [shape, onnx.integers([0]), onnx.integers([1])], near);
  };
  const size = prefix.length > 0 ? batch() : "";
  const expanded = prefix.map((id) => {
    const ofThese = elementCount(onnx.shape(id)) / width;
    const token = onnx.weight(id, { dims: [1, ofThese, width] });
    const shape = onnx.node("Concat", [size, onnx.integers([ofThese, width])], near, [
      intAttribute("axis", 0),
    ]);
    return onnx.node("Expand", [token, shape], near);
  });
  const parts = [...expanded, placed];
  const axis = [intAttribute("axis", 1)];
  if (rows !== tokens) onnx.result(writes.y, "Concat", parts, axis);
  else {
    const sequence = tokens === count ? patches : onnx.node("Concat", parts, near, axis);
    onnx.result(writes.y, "Add", [sequence, position]);
  }
};

/** One token of each image, [B,D], or all from one on, [B,n,D]. */
const selectToken: Translation<"selectToken"> = ({ reads, writes, attributes }, onnx) => {
  const { token } = attributes;
  const x = onnx.value(reads.x);
  if (onnx.shape(writes.y).length === 2)
    onnx.result(writes.y, "Gather", [x, onnx.integers(token)], [intAttribute("axis", 1)]);
  else {
    const [, tokens] = onnx.shape(reads.x);
    const range = [onnx.integers([token]), onnx.integers([tokens]), onnx.integers([1])];
    onnx.result(writes.y, "Slice", [x, ...range]);
  }
};

const layerScale: Translation<"layerScale"> = ({ reads, writes }, onnx) =>
  onnx.result(writes.y, "Mul", [onnx.value(reads.x), onnx.weight(reads.factors)]);

const elementwise =
  (type: string): Translation<"relu" | "sigmoid"> =>
  ({ reads, writes }, onnx) =>
    onnx.result(writes.y, type, [onnx.value(reads.x)]);

/** Axes between batch and channels, where ONNX has them. */
function innerAxes(onnx: OnnxBuilder, id: TensorId): number[] {
  return onnx.shape(id).length === CHANNELS_SECOND ? [2, 3] : [1];
}

const globalAveragePool: Translation<"globalAveragePool"> = ({ reads, writes }, onnx) => {
  const attributes: OnnxAttribute[] = [
    intsAttribute("axes", innerAxes(onnx, reads.x)),
    intAttribute("keepdims", 0),
  ];
  onnx.result(writes.y, "ReduceMean", [onnx.value(reads.x)], attributes);
};

const scaleChannels: Translation<"scaleChannels"> = ({ reads, writes }, onnx) => {
  const near = nameOf(onnx, writes.y);
  const axes = onnx.integers(innerAxes(onnx, reads.x));
  const scale = onnx.node("Unsqueeze", [onnx.value(reads.scale), axes], near);
  onnx.result(writes.y, "Mul", [onnx.value(reads.x), scale]);
};

const TRANSLATIONS: { readonly [T in OperationType]?: Translation<T> } = {
  patchifyImage,
  linear,
  conv2d,
  layerNorm,
  attention,
  gelu,
  scaledSum,
  residual,
  layerScale,
  assembleTokens,
  selectToken,
  relu: elementwise("Relu"),
  sigmoid: elementwise("Sigmoid"),
  globalAveragePool,
  scaleChannels,
};

function unsupported(what: string): VitrineError {
  const text = `operation ${what} cannot be exported as onnx yet; allowed: timm, pth (--format)`;
  return new VitrineError("export/unsupported", text, { details: { format: "onnx", operation: what } });
}

/** Adds the nodes that compute an operation. Throws `export/unsupported`. */
export function translate(operation: Operation, onnx: OnnxBuilder): void {
  // The table pairs every type with the translation of that type; TypeScript cannot see it through the union.
  const translation = TRANSLATIONS[operation.type] as Translation<OperationType> | undefined;
  if (!translation) throw unsupported(operation.type);
  translation(operation, onnx);
}
