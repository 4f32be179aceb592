// Public API of vitrine/runtime: programs that use nothing else, as a package's user would write them.

import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  completeConfig,
  createInference,
  createRuntime,
  createTraining,
  type DeitConfig,
  type Executable,
  type Executor,
  type Graph,
  GraphBuilder,
  gelu,
  type InferenceProgram,
  initialWeights,
  isVitrineError,
  type Logits,
  linear,
  loadModel,
  type ModelSource,
  nodeHost,
  type OptimizerStep,
  type PlanOptions,
  type Program,
  planProgram,
  type Runtime,
  type Started,
  type StepOutcome,
  type Store,
  storedFloats,
  type TensorMap,
  type Training,
  type TrainingInputs,
  type TrainingOptions,
  writeConfigJson,
  writeSafetensors,
} from "vitrine/runtime";

interface Context {
  runtime: Runtime;
}

const CONFIG: DeitConfig = completeConfig(
  { imageSize: 16, patchSize: 8, dim: 24, depth: 2, heads: 3, classes: 3 },
  "test",
);

const STEP: OptimizerStep = {
  learningRate: 5e-3,
  weightDecay: 0.05,
  beta1: 0.9,
  beta2: 0.999,
  epsilon: 1e-8,
  step: 1,
  clipNorm: 1,
  emaDecay: 0.9,
};

/** A uniform red, green or blue image for each of `batch` samples, and its class. */
function colors(batch: number): TrainingInputs {
  const { imageSize, classes } = CONFIG;
  const values = imageSize * imageSize * 3;
  return {
    pixels: Uint8Array.from({ length: batch * values }, (_, i) =>
      i % 3 === Math.floor(i / values) % 3 ? 220 : 30,
    ),
    targets: Float32Array.from({ length: batch * classes }, (_, i) =>
      i % classes === Math.floor(i / classes) % classes ? 1 : 0,
    ),
    sampleWeights: new Float32Array(batch).fill(1 / batch),
  };
}

const test = suite<Context>("vitrine/runtime");

test.before(async (context) => {
  context.runtime = await createRuntime({ host: nodeHost(), device: "wasm" });
});

test.after(async ({ runtime }) => runtime.dispose());

test("a DeiT is trained, saved as a model's files, loaded, and recognizes what it was trained on", async ({
  runtime,
}) => {
  const executor: Executor = runtime.executor;
  const options: TrainingOptions = {
    config: CONFIG,
    weights: initialWeights(CONFIG, 7, runtime.image.math),
    batchSize: 6,
    distillation: "none",
    alpha: 0,
    tau: 1,
    dropPath: 0,
    ema: false,
  };
  const training: Training = await createTraining(executor, options);
  const inputs = colors(6);
  const losses: number[] = [];
  for (let step = 1; step <= 12; step++) {
    const { loss } = await training.accumulate(inputs);
    const outcome: StepOutcome = { loss, ...(await training.apply({ ...STEP, step })) };
    assert.ok(outcome.applied);
    losses.push(outcome.loss);
  }
  assert.ok((losses.at(-1) as number) < 0.5 * losses[0], losses.join());
  const weights: TensorMap = await training.read("weights");
  training.dispose();

  const labels = ["red", "green", "blue"];
  const files = new Map<string, Uint8Array<ArrayBuffer>>([
    ["model.safetensors", writeSafetensors(storedFloats(weights))],
    ["config.json", new TextEncoder().encode(writeConfigJson(CONFIG, labels))],
  ]);
  const source: ModelSource = {
    name: "colors",
    location: "memory",
    read: async (file) => files.get(file) ?? null,
  };
  const model = await loadModel(runtime, source, { batchSizes: [3] });
  const started: Started<Logits> = await model.submit(colors(3).pixels, 3);
  const { logits } = await started.outcome;
  const answers = [0, 1, 2].map((image) => {
    const row = logits.subarray(3 * image, 3 * image + 3);
    return labels[row.indexOf(Math.max(...row))];
  });
  assert.equal(answers, labels);
  model.dispose();
});

test("an inference program takes weights that no file holds", async ({ runtime }) => {
  const weights = initialWeights(CONFIG, 1, runtime.image.math);
  const inference: InferenceProgram = await createInference(runtime.executor, CONFIG, weights, {
    batchSizes: [2],
  });
  const { logits } = await inference.logits(colors(2).pixels, 2);
  assert.is(logits.length, 2 * CONFIG.classes);
  inference.dispose();
});

test("a graph of one's own is planned, compiled and run", async ({ runtime }) => {
  const graph = new GraphBuilder("perceptron");
  const x = graph.input("x", [2, 3]);
  const weight = graph.stored("weights", "weight", [1, 3]);
  const bias = graph.stored("weights", "bias", [1]);
  graph.output("y", gelu(graph, linear(graph, x, weight, bias, "sum"), "y"));
  const built: Graph = graph;
  const limits: PlanOptions = runtime.executor.capabilities;
  const program: Program = planProgram(built, limits);
  const store: Store = runtime.executor.createStore(
    new Map([
      ["weight", 3],
      ["bias", 1],
    ]),
  );
  store.write("weight", Float32Array.of(1, 2, 3));
  store.write("bias", Float32Array.of(-10));
  const executable: Executable = await runtime.executor.compile(program, new Map([["weights", store]]));
  const { y } = await executable.run({ x: Float32Array.of(1, 1, 1, 10, 10, 10) });
  // GELU is 0 far below 0 and the identity far above.
  assert.ok(Math.abs(y[0]) < 1e-3 && Math.abs(y[1] - 50) < 1e-3, String(y));
  executable.dispose();
  store.dispose();
});

test("errors have a code to branch on", async ({ runtime }) => {
  const nothing: ModelSource = { name: "nothing", location: "memory", read: async () => null };
  try {
    await loadModel(runtime, nothing);
    assert.unreachable();
  } catch (error) {
    assert.ok(isVitrineError(error) && error.code === "model/no-model", String(error));
  }
});

test.run();
