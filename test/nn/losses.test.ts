// Claims about the three losses: values equal the reference, gradients equal numerical slopes of the references.

import { test } from "uvu";
import { assertClose } from "./compare.js";
import { type Kernels, loadKernels } from "./kernels.js";
import { Random } from "./random.js";
import {
  numericalGradient,
  referenceBinaryCrossEntropy,
  referenceHardDistillation,
  referenceSoftDistillation,
  referenceSoftTargetCrossEntropy,
} from "./reference-losses.js";
import { referenceSoftmax } from "./reference-softmax.js";

type Values = ArrayLike<number>;

interface Loss {
  name: string;
  forward: "softTargetCrossEntropy" | "binaryCrossEntropy" | "hardDistillation" | "softDistillation";
  reference(logits: Values, second: Values): number;
  /** The second tensor of a row: targets or the teacher's logits. */
  second(random: Random, classes: number): Values;
}

const TAU = 3;
const LOSSES: Loss[] = [
  {
    name: "soft-target cross-entropy",
    forward: "softTargetCrossEntropy",
    reference: referenceSoftTargetCrossEntropy,
    // Targets that do not sum to one: the gradient has to weight p by their sum.
    second: (random, classes) => referenceSoftmax(random.normals(classes)).map((p) => 0.7 * p),
  },
  {
    name: "binary cross-entropy",
    forward: "binaryCrossEntropy",
    reference: referenceBinaryCrossEntropy,
    second: (random, classes) => random.normals(classes).map((value) => (value > 0.5 ? 1 : 0)),
  },
  {
    name: "hard distillation",
    forward: "hardDistillation",
    reference: referenceHardDistillation,
    second: (random, classes) => random.normals(classes, 3),
  },
  {
    name: "soft distillation at tau 3",
    forward: "softDistillation",
    reference: (logits, teacher) => referenceSoftDistillation(logits, teacher, TAU),
    second: (random, classes) => random.normals(classes, 3),
  },
];

function check(kernels: Kernels, loss: Loss, random: Random, batch: number, classes: number): void {
  kernels.reset();
  const logits = kernels.place(random.normals(batch * classes, 2));
  const rows = Array.from({ length: batch }, () => Array.from(loss.second(random, classes)));
  const second = kernels.place(rows.flat());
  const values = kernels.place(batch);
  const dLoss = kernels.place(random.normals(batch));
  const dLogits = kernels.place(batch * classes);
  // Each loss takes the operands it needs from these.
  const operands = { logits, targets: second, teacher: second, batch, classes, tau: TAU };
  kernels.run(loss.forward, { ...operands, loss: values });
  kernels.run(`${loss.forward}Backward`, { ...operands, dLoss, dLogits });
  for (let b = 0; b < batch; b++) {
    const row = logits.values.slice(b * classes, (b + 1) * classes);
    const other = second.values.slice(b * classes, (b + 1) * classes);
    const what = `${loss.name}, ${classes} classes, sample ${b}`;
    const expected = loss.reference(row, other);
    assertClose([values.values[b]], [expected], 2e-7 * (1 + Math.abs(expected)), what);
    const weight = dLoss.values[b];
    const slope = numericalGradient((moved) => loss.reference(moved, other), row).map(
      (value) => value * weight,
    );
    const got = dLogits.values.subarray(b * classes, (b + 1) * classes);
    assertClose(got, slope, 1e-6 * (1 + Math.abs(weight)), `gradient of ${what}`);
  }
}

for (const kernels of loadKernels()) {
  for (const loss of LOSSES) {
    test(`${kernels.build}: ${loss.name} and its gradient equal the reference`, () => {
      const random = new Random(51);
      for (const classes of [2, 3, 7, 10, 33]) check(kernels, loss, random, 3, classes);
    });
  }

  test(`${kernels.build}: of equal largest teacher logits the first is the label`, () => {
    kernels.reset();
    const logits = kernels.place([1, 2, 3]);
    const teacher = kernels.place([0, 5, 5]);
    const value = kernels.place(1);
    kernels.run("hardDistillation", { logits, teacher, loss: value, batch: 1, classes: 3 });
    assertClose(value.values, [referenceHardDistillation([1, 2, 3], [0, 5, 0])], 1e-6, "label 1");
  });

  test(`${kernels.build}: losses of huge logits stay finite`, () => {
    kernels.reset();
    const logits = kernels.place([3e4, 0, -3e4]);
    const targets = kernels.place([0, 1, 0]);
    const value = kernels.place(1);
    kernels.run("softTargetCrossEntropy", { logits, targets, loss: value, batch: 1, classes: 3 });
    assertClose(value.values, [3e4], 1e-2, "loss");
  });
}

test.run();
