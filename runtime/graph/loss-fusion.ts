// Loss fusion: a loss and its gradient read the same logits, so one pass gives both.

import type { Operation } from "./catalog.js";
import { tensorsChanged, tensorsRead } from "./graph.js";
import type { Graph } from "./program.js";

const GRADIENTS = {
  softTargetCrossEntropyBackward: "softTargetCrossEntropy",
  binaryCrossEntropyBackward: "binaryCrossEntropy",
  hardDistillationBackward: "hardDistillation",
  softDistillationBackward: "softDistillation",
} as const;

type LossGradient = Extract<Operation, { type: keyof typeof GRADIENTS }>;
type Loss = Extract<Operation, { type: (typeof GRADIENTS)[LossGradient["type"]] }>;

/** Every loss is computed by its gradient's operation; operations that depend on the loss's value move after that. */
export function fuseLosses(_graph: Graph, operations: readonly Operation[]): Operation[] {
  let all = [...operations];
  for (const gradient of operations) {
    if (!(gradient.type in GRADIENTS)) continue;
    all = fuseLoss(all, gradient as LossGradient) ?? all;
  }
  return all;
}

function fuseLoss(operations: readonly Operation[], gradient: LossGradient): Operation[] | undefined {
  const last = operations.indexOf(gradient);
  const first = operations.findIndex((operation) => isLossOf(operation, gradient));
  const loss = operations[first] as Loss | undefined;
  if (!loss || first > last) return undefined;
  const between = operations.slice(first + 1, last);
  const late = new Set([loss.writes.loss]);
  const dependents = between.filter((operation) => {
    if (!tensorsRead(operation).some((id) => late.has(id))) return false;
    for (const id of tensorsChanged(operation)) late.add(id);
    return true;
  });
  // Stores are changed in place: operations that read or change one keep their order.
  const moves = dependents.every(({ adds }) => Object.keys(adds).length === 0);
  if (!moves || tensorsRead(gradient).some((id) => late.has(id))) return undefined;
  const writes = { ...gradient.writes, loss: loss.writes.loss };
  return [
    ...operations.slice(0, first),
    ...between.filter((operation) => !dependents.includes(operation)),
    { ...gradient, writes } as Operation,
    ...dependents,
    ...operations.slice(last + 1),
  ];
}

/** Whether the operation is the loss that `gradient` is the gradient of. */
function isLossOf(operation: Operation, gradient: LossGradient): boolean {
  if (operation.type !== GRADIENTS[gradient.type]) return false;
  const same = Object.entries(operation.reads).every(
    ([name, id]) => (gradient.reads as Readonly<Record<string, number>>)[name] === id,
  );
  return same && JSON.stringify(operation.attributes) === JSON.stringify(gradient.attributes);
}
