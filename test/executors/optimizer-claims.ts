// Claims about optimizers on any executor: SGD, LAMB and AdamW with factors on the rate equal a reference in double that
// gets the same gradients; a binary loss is its formula; a gradient that is not finite changes nothing.

import * as assert from "uvu/assert";
import type { Executor } from "../../runtime/executors/executor.js";
import type { OptimizerStep, TrainingOptions } from "../../runtime/training/contract.js";
import { createTraining } from "../../runtime/training/program.js";
import type { TensorMap } from "../../runtime/weights/tensor-map.js";
import { assertClose } from "../nn/compare.js";
import { referenceAdamW } from "../nn/reference-adamw.js";
import { referenceBinaryCrossEntropy } from "../nn/reference-losses.js";
import { referenceLamb, referenceSgd, stateOf, type TensorStep } from "../nn/reference-optimizers.js";
import { MICRO, trainingInputs, trainingOptions } from "./micro-deit.js";

const data = (tensors: TensorMap, name: string) => tensors.get(name)?.data as Float32Array;

const STEP: OptimizerStep = {
  learningRate: 0.02,
  weightDecay: 0.3,
  beta1: 0.9,
  beta2: 0.98,
  epsilon: 1e-6,
  momentum: 0.8,
  step: 1,
  clipNorm: 0,
  emaDecay: 0.5,
};

const isDecayed = (name: string, shape: readonly number[]): boolean =>
  shape.length > 1 && !/\.bias$|^pos_embed$|^cls_token$|^dist_token$/.test(name);

/** As --layer-decay gives them. */
const RATES = new Map([
  ["patch_embed.proj.weight", 0.25],
  ["blocks.0.mlp.fc1.weight", 0.5],
  ["blocks.0.mlp.fc1.bias", 0.5],
  ["norm.weight", 0.75],
]);

const CASES: Record<string, { options: Partial<TrainingOptions>; step: Partial<OptimizerStep> }> = {
  SGD: { options: { optimizer: "sgd" }, step: {} },
  "SGD, clipped": { options: { optimizer: "sgd", rateFactors: RATES }, step: { clipNorm: 0.1 } },
  LAMB: { options: { optimizer: "lamb" }, step: {} },
  "LAMB, clipped": { options: { optimizer: "lamb", rateFactors: RATES }, step: { clipNorm: 0.1 } },
  "LAMB without decay": { options: { optimizer: "lamb" }, step: { weightDecay: 0 } },
  "AdamW with factors on the rate": { options: { rateFactors: RATES }, step: {} },
};

export type Claim = [name: string, run: () => Promise<void>];

/** `tolerance`: on values near 1, after three steps; on a GPU and in tfjs each step's arithmetic is float32. */
export function optimizerClaims(executor: Executor, tolerance: number): Claim[] {
  const steps = Object.entries(CASES).map(
    ([name, { options, step }]): Claim => [
      `three steps of ${name} equal the reference, the average too`,
      async () => {
        const training = await createTraining(executor, trainingOptions(options));
        const settings = { ...STEP, ...step, gradientScale: 1 };
        const start = await training.read("weights");
        const states = new Map(Array.from(start, ([key, { data: values }]) => [key, stateOf(values)]));
        const averages = new Map(Array.from(start, ([key, tensor]) => [key, Float64Array.from(tensor.data)]));
        for (let count = 1; count <= 3; count++) {
          await training.accumulate(trainingInputs(MICRO, 4, count));
          const gradients = await training.gradients();
          const norm = Math.hypot(...Array.from(gradients.values(), (tensor) => Math.hypot(...tensor.data)));
          await training.apply({ ...STEP, ...step, step: count });
          for (const [key, { shape }] of start) {
            const state = states.get(key) ?? stateOf([]);
            if (key.startsWith("head_dist.")) continue;
            const rateFactor = options.rateFactors?.get(key) ?? 1;
            const tensor: TensorStep = { decayed: isDecayed(key, shape), rateFactor, norm };
            const values = data(gradients, key);
            const s = { ...settings, step: count, momentum: STEP.momentum ?? 0.9 };
            if (options.optimizer === "sgd") referenceSgd(state, values, tensor, s);
            else if (options.optimizer === "lamb") referenceLamb(state, values, tensor, s);
            else
              referenceAdamW(
                { ...state, average: new Float64Array(state.parameters.length) },
                values,
                norm,
                tensor.decayed,
                { ...s, learningRate: s.learningRate * rateFactor },
              );
            const average = averages.get(key) as Float64Array;
            average.forEach((value, i) => {
              average[i] = 0.5 * value + 0.5 * state.parameters[i];
            });
          }
        }
        const [weights, ema] = [await training.read("weights"), await training.read("ema")];
        for (const [key, state] of states) {
          // The key bias has a gradient of rounding errors alone, which Adam and LAMB turn into steps of full size.
          if (/qkv\.bias$/.test(key)) continue;
          assertClose(data(weights, key), state.parameters, tolerance, `${name}: ${key}`);
          assertClose(
            data(ema, key),
            averages.get(key) as Float64Array,
            tolerance,
            `${name}: average of ${key}`,
          );
        }
        training.dispose();
      },
    ],
  );
  return [
    ...steps,
    [
      "a binary loss is BCEWithLogitsLoss of the class head's logits",
      async () => {
        const training = await createTraining(executor, trainingOptions({ loss: "binary" }));
        const inputs = trainingInputs(MICRO, 4);
        const targets = inputs.targets.map((target) => (target > 0.5 ? 1 : 0));
        const { logits, classLogits } = await training.evaluate(inputs.pixels, 4, "weights");
        assert.is(logits.length, classLogits.length);
        const { loss } = await training.accumulate({ ...inputs, targets });
        let expected = 0;
        for (let sample = 0; sample < 4; sample++) {
          const row = (values: Float32Array) =>
            values.subarray(sample * MICRO.classes, (sample + 1) * MICRO.classes);
          expected += referenceBinaryCrossEntropy(row(classLogits), row(targets)) / 4;
        }
        assertClose([loss], [expected], 2e-5, "loss");
        // The gradient of the head's bias is that of the logits, summed over samples: (σ(z) − t)/C/4.
        const slopes = Array.from({ length: MICRO.classes }, (_, c) =>
          [0, 1, 2, 3].reduce((sum, sample) => {
            const place = sample * MICRO.classes + c;
            const p = 1 / (1 + Math.exp(-(classLogits[place] as number)));
            return sum + (p - (targets[place] as number)) / MICRO.classes / 4;
          }, 0),
        );
        assertClose(data(await training.gradients(), "head.bias"), slopes, 2e-6, "gradient");
        training.dispose();
      },
    ],
    ...(["sgd", "lamb"] as const).map(
      (optimizer): Claim => [
        `a gradient that is not finite changes nothing under ${optimizer}`,
        async () => {
          const training = await createTraining(executor, trainingOptions({ optimizer }));
          const inputs = trainingInputs(MICRO, 4);
          const before = await training.read("weights");
          await training.accumulate({ ...inputs, targets: inputs.targets.map(() => Number.NaN) });
          assert.is((await training.apply(STEP)).applied, false);
          for (const state of ["weights", "firstMoment"] as const) {
            const after = await training.read(state);
            for (const name of before.keys()) {
              const wanted = state === "weights" ? data(before, name) : data(after, name).map(() => 0);
              assert.equal(data(after, name), wanted, `${state} ${name}`);
            }
          }
          training.dispose();
        },
      ],
    ),
  ];
}
