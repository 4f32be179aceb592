// Cosub claims: submodel co-training is main.py's four binary losses of a quarter each, on any executor. The formulas are
// restated here in double precision, on the logits of both sub-models.

import * as assert from "uvu/assert";
import type { Executor } from "../../runtime/executors/executor.js";
import type { TrainingInputs } from "../../runtime/training/contract.js";
import { createTraining } from "../../runtime/training/program.js";
import type { TensorMap } from "../../runtime/weights/tensor-map.js";
import { assertClose } from "../nn/compare.js";
import { MICRO, randomWeights, STEP, trainingInputs, trainingOptions } from "./micro-deit.js";
import { CONVNET, convnetInputs, convnetOptions } from "./regnety-training-claims.js";

const PLAIN = { ...MICRO, distilled: false };
const BATCH = 4;
const WEIGHTS = randomWeights(PLAIN, 1);

const sigma = (x: number): number => 1 / (1 + Math.exp(-x));
/** torch's BCEWithLogitsLoss of one value. */
const binary = (z: number, t: number): number => Math.max(z, 0) - z * t + Math.log1p(Math.exp(-Math.abs(z)));

/** A model whose branches add nothing: what stochastic depth leaves when it drops them all. */
function withoutBranches(weights: TensorMap): TensorMap {
  return new Map(
    Array.from(weights, ([name, { shape, data }]) => [
      name,
      { shape, data: /attn\.proj|mlp\.fc2/.test(name) ? new Float32Array(data.length) : data },
    ]),
  );
}

/** Every branch of the first computations is kept, of the second ones dropped: [depth, branches, 2·batch]. */
const SCALES = Float32Array.from({ length: 2 * PLAIN.depth * 2 * BATCH }, (_, i) =>
  i % (2 * BATCH) < BATCH ? 1 : 0,
);

/** Name and test of each claim; `tolerance` is relative. */
export function cosubClaims(
  executor: Executor,
  tolerance: number,
): (readonly [string, () => Promise<void>])[] {
  const logitsOf = async (weights: TensorMap, { pixels }: TrainingInputs): Promise<Float32Array> => {
    const training = await createTraining(executor, trainingOptions({ config: PLAIN, weights }));
    const { logits } = await training.evaluate(pixels, BATCH, "weights");
    training.dispose();
    return logits;
  };
  const checkLosses = async (pieces: number): Promise<void> => {
    const inputs: TrainingInputs = {
      ...trainingInputs(PLAIN, BATCH),
      sampleWeights: Float32Array.of(0.4, 0.1, 0.25, 0.25),
      branchScales: SCALES,
    };
    const [whole, bare] = [await logitsOf(WEIGHTS, inputs), await logitsOf(withoutBranches(WEIGHTS), inputs)];
    const options = {
      config: PLAIN,
      weights: WEIGHTS,
      dropPath: 0.5,
      cosub: true,
      pieces,
      lossScaling: false,
    };
    const training = await createTraining(executor, trainingOptions(options));
    const { loss, terms } = await training.accumulate(inputs);
    assert.is(terms, undefined);
    const { classes } = PLAIN;
    let wanted = 0;
    const bias = new Float64Array(classes);
    whole.forEach((a, place) => {
      const b = bare[place];
      const target = inputs.targets[place];
      const weight = inputs.sampleWeights[Math.floor(place / classes)] / classes;
      wanted +=
        weight * 0.25 * (binary(a, target) + binary(b, target) + binary(a, sigma(b)) + binary(b, sigma(a)));
      // Each probability is a constant where it is a target.
      const slope = 2 * sigma(a) + 2 * sigma(b) - 2 * target - sigma(b) - sigma(a);
      bias[place % classes] += weight * 0.25 * slope;
    });
    assertClose([loss], [wanted], tolerance * wanted, "loss");
    const gradient = (await training.gradients()).get("head.bias")?.data as Float32Array;
    assertClose(gradient, bias, tolerance, "gradient of head.bias");
    training.dispose();
  };
  const convnet = async (): Promise<void> => {
    const training = await createTraining(executor, convnetOptions({ cosub: true, dropPath: 0.2 }));
    const blocks = CONVNET.stages.reduce((sum, { depth }) => sum + depth, 0);
    const branchScales = new Float32Array(blocks * 2 * BATCH).map((_, i) => (i % 3 === 0 ? 0 : 1.25));
    const losses: number[] = [];
    for (let step = 1; step <= 5; step++) {
      losses.push((await training.accumulate({ ...convnetInputs(), branchScales })).loss);
      await training.apply({ ...STEP, step });
    }
    assert.ok(losses[4] < losses[0], losses.join());
    training.dispose();
  };
  const teacher = async (): Promise<void> => {
    const options = trainingOptions({ config: PLAIN, cosub: true, distillation: "soft" });
    await createTraining(executor, options).then(
      () => assert.unreachable(),
      (error) => assert.match(error.message, /cosub .* no teacher/),
    );
  };
  return [
    ["cosub: the four losses of two sub-models and their gradient", () => checkLosses(1)],
    ["cosub in two pieces: each has both computations of its samples", () => checkLosses(2)],
    ["cosub trains a convnet", convnet],
    ["cosub has no teacher", teacher],
  ];
}
