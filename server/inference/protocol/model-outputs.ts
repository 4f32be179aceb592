// Model outputs: the tensors that a request may ask for, and how each is made from the engine's answer.

import type { Tensor } from "../../../proto/tensor-codec.js";
import { quote, VitrineError } from "../../../runtime/errors.js";
import type { Logits } from "../../../runtime/inference/logits.js";
import { softmax } from "../../../runtime/inference/logits.js";
import { inSlices } from "../../slices.js";
import type { ExtraResults, InferenceAnswer, ModelFacts } from "../contract.js";
import { type Parameters, refuseParameters, wholeParameter } from "./request-parameters.js";

export interface RequestedOutput {
  name: string;
  parameters: Parameters;
}

/** What every output is made from. */
interface Made {
  facts: ModelFacts;
  answer: InferenceAnswer;
  /** Softmax of the logits, [count, classes]. */
  probabilities(): Promise<Float32Array>;
  /** The indices of the `topK` most probable classes, best first, [count, topK]. */
  best(): Promise<Int32Array>;
  topK: number;
}

type Data =
  | { datatype: "FP32"; data: Float32Array }
  | { datatype: "INT32"; data: Int32Array }
  | { datatype: "BYTES"; data: Uint8Array[] };

interface OutputKind {
  /** Values per class, of which `classification` takes the largest. */
  scores?(made: Made): Float32Array | Promise<Float32Array>;
  /** What the engine has to compute for it. */
  extra?: keyof ExtraResults;
  /** Whether `top_k` says its size. */
  best?: boolean;
  /** Where it is not `scores`; `shape` without the number of images. */
  make?(made: Made): Promise<Data & { shape: number[] }>;
}

const floats = (data: Float32Array): Data => ({ datatype: "FP32", data });

const KINDS: Readonly<Record<string, OutputKind>> = {
  logits: { scores: ({ answer }) => answer.logits.logits },
  probabilities: { scores: ({ probabilities }) => probabilities() },
  class_logits: { scores: ({ answer }) => answer.logits.classLogits },
  distillation_logits: { scores: ({ answer }) => answer.logits.distillationLogits ?? new Float32Array() },
  embeddings: {
    extra: "embeddings",
    make: async ({ answer }) => {
      const values = answer.embeddings ?? new Float32Array();
      return { ...floats(values), shape: [values.length / answer.count] };
    },
  },
  attention: {
    extra: "attention",
    make: async ({ answer }) => {
      const { grid, values } = answer.attention ?? { grid: 0, values: new Float32Array() };
      return { ...floats(values), shape: [grid, grid] };
    },
  },
  labels: {
    best: true,
    make: async ({ best, facts, topK }) => {
      const encoder = new TextEncoder();
      const names = Array.from(await best(), (index) => encoder.encode(labelOf(facts, index)));
      return { datatype: "BYTES", data: names, shape: [topK] };
    },
  },
  label_indices: {
    best: true,
    make: async ({ best, topK }) => ({ datatype: "INT32", data: await best(), shape: [topK] }),
  },
  label_probabilities: {
    best: true,
    make: async ({ best, probabilities, topK, facts: { config } }) => {
      const [places, values] = [await best(), await probabilities()];
      const row = (entry: number) => Math.floor(entry / topK) * config.classes;
      return {
        ...floats(Float32Array.from(places, (place, entry) => values[row(entry) + place])),
        shape: [topK],
      };
    },
  },
};

/** What is returned where a request names no output. */
const DEFAULT_OUTPUTS: readonly string[] = ["logits"];
/** What is returned where it names none, but says how many classes it wants. */
const TOP_OUTPUTS: readonly string[] = ["labels", "label_indices", "label_probabilities"];
/** Classes per image where a request does not say how many. */
const DEFAULT_TOP_K = 5;

/** A class without a name is called by its index. */
function labelOf({ labels }: ModelFacts, index: number): string {
  return labels[index] ?? String(index);
}

/** Names of everything that a model can return. */
export function outputNames({ config, extra = {} }: Pick<ModelFacts, "config" | "extra">): string[] {
  return Object.keys(KINDS).filter((name) => {
    if (name === "distillation_logits") return "distilled" in config && config.distilled;
    const needs = KINDS[name].extra;
    return needs === undefined || extra[needs] === true;
  });
}

/** The outputs of a request, accepted before anything is computed. */
export interface OutputPlan {
  extra: ExtraResults;
  /** The tensors, in the order of the request. */
  make(answer: InferenceAnswer): Promise<Tensor[]>;
}

/**
 * Throws `protocol/tensor` for an unknown output or one that is named twice, `protocol/parameter` and
 * `protocol/unimplemented` for parameters.
 */
export function planOutputs(
  facts: ModelFacts,
  requested: readonly RequestedOutput[],
  topK: number | undefined,
): OutputPlan {
  const known = outputNames(facts);
  const { classes } = facts.config;
  const asked =
    requested.length > 0
      ? requested
      : (topK === undefined ? DEFAULT_OUTPUTS : TOP_OUTPUTS).map((name) => ({ name, parameters: new Map() }));
  const plans = new Map<string, number | undefined>();
  for (const { name, parameters } of asked) {
    if (!known.includes(name)) {
      const text = `no output "${quote(name)}"; allowed: ${known.join(", ")}`;
      throw new VitrineError("protocol/tensor", text);
    }
    if (plans.has(name)) {
      throw new VitrineError("protocol/tensor", `output "${name}" is named twice; allowed: once`);
    }
    const allowed = KINDS[name].scores ? ["classification"] : [];
    refuseParameters(parameters, allowed, `output "${name}"`);
    plans.set(name, wholeParameter(parameters, "classification", { min: 1 }));
  }
  const names = [...plans.keys()];
  if (topK !== undefined && !names.some((name) => KINDS[name].best)) {
    const text = `parameter "top_k" is for the outputs ${TOP_OUTPUTS.join(", ")}; none of them was requested`;
    throw new VitrineError("protocol/parameter", text);
  }
  const extra: ExtraResults = {};
  for (const name of names) {
    const needs = KINDS[name].extra;
    if (needs) extra[needs] = true;
  }
  return {
    extra,
    make: async (answer) => {
      const made = makingOf(facts, answer, Math.min(classes, topK ?? DEFAULT_TOP_K));
      const tensors: Tensor[] = [];
      for (const [name, classification] of plans) tensors.push(await makeOutput(name, made, classification));
      return tensors;
    },
  };
}

function makingOf(facts: ModelFacts, answer: InferenceAnswer, topK: number): Made {
  const { classes } = facts.config;
  let probabilities: Promise<Float32Array> | undefined;
  let best: Promise<Int32Array> | undefined;
  return {
    facts,
    answer,
    topK,
    probabilities: () => (probabilities ??= softmaxRows(answer.logits, answer.count, classes)),
    best: () => (best ??= largest(answer.logits.logits, answer.count, classes, topK)),
  };
}

async function makeOutput(name: string, made: Made, classification: number | undefined): Promise<Tensor> {
  const { scores, make } = KINDS[name];
  const { count } = made.answer;
  const { classes } = made.facts.config;
  if (make) {
    const { shape, ...data } = await make(made);
    return { name, ...data, shape: [count, ...shape] };
  }
  const values = (await scores?.(made)) ?? new Float32Array();
  if (classification === undefined) return { name, datatype: "FP32", shape: [count, classes], data: values };
  const k = Math.min(classification, classes);
  const places = await largest(values, count, classes, k);
  const encoder = new TextEncoder();
  const data: Uint8Array[] = [];
  await inSlices(places.length, 1 << 14, (first, end) => {
    for (let entry = first; entry < end; entry++) {
      const index = places[entry];
      const score = values[Math.floor(entry / k) * classes + index];
      // Six decimals and these colons are Triton's, whose clients split at them.
      data.push(encoder.encode(`${score.toFixed(6)}:${index}:${labelOf(made.facts, index)}`));
    }
  });
  return { name, datatype: "BYTES", shape: [count, k], data };
}

/** Rows that take about two milliseconds. */
const rowsPerTurn = (classes: number): number => Math.max(1, Math.floor((1 << 15) / classes));

async function softmaxRows({ logits }: Logits, count: number, classes: number): Promise<Float32Array> {
  const probabilities = new Float32Array(logits.length);
  await inSlices(count, rowsPerTurn(classes), (first, end) => {
    for (let row = first; row < end; row++)
      probabilities.set(softmax(logits.subarray(row * classes, (row + 1) * classes)), row * classes);
  });
  return probabilities;
}

/** The indices of the k largest values of each row [classes], largest first, of equal ones the lower first: [count, k]. */
async function largest(values: Float32Array, count: number, classes: number, k: number): Promise<Int32Array> {
  const places = new Int32Array(count * k);
  const order = new Int32Array(classes);
  await inSlices(count, rowsPerTurn(classes), (first, end) => {
    for (let row = first; row < end; row++) {
      const scores = values.subarray(row * classes, (row + 1) * classes);
      for (let index = 0; index < classes; index++) order[index] = index;
      order.sort((a, b) => scores[b] - scores[a] || a - b);
      places.set(order.subarray(0, k), row * k);
    }
  });
  return places;
}
