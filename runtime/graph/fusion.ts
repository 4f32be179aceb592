// Fusion: two operations become one where the executor has a kernel for both and nothing else reads the tensor between
// them.

import type { Operation, OperationOf } from "./catalog.js";
import { countReaders } from "./liveness.js";
import { fuseLosses } from "./loss-fusion.js";
import { fuseNorms, fuseScales } from "./operand-fusion.js";
import type { FusionName, Graph } from "./program.js";
import type { TensorId } from "./tensor.js";

/** Returns `operations` with every allowed pair fused, at the place of the later of the two. */
export function fuseOperations(
  graph: Graph,
  operations: readonly Operation[],
  fuses: ReadonlySet<FusionName>,
): Operation[] {
  const readers = countReaders(operations);
  const outputs = new Set(graph.outputs.values());
  const producers = new Map<TensorId, Operation>();
  const fused = new Set<Operation>();
  const result = operations.map((operation) => {
    /** The operation that produces `id`, if only this operation reads its result. */
    const soleProducer = (id: TensorId) =>
      readers.get(id) === 1 && !outputs.has(id) ? producers.get(id) : undefined;
    const joined = join(operation, soleProducer, fuses);
    for (const part of joined?.absorbs ?? []) fused.add(part);
    const final = joined?.operation ?? operation;
    for (const id of Object.values(final.writes)) if (id !== undefined) producers.set(id, final);
    return final;
  });
  const joined = result.filter((operation) => !fused.has(operation));
  const passes: [FusionName, (graph: Graph, operations: readonly Operation[]) => Operation[]][] = [
    ["norm-linear", fuseNorms],
    ["scaled-gradient", fuseScales],
    ["loss-gradient", fuseLosses],
  ];
  return passes.reduce((all, [name, pass]) => (fuses.has(name) ? pass(graph, all) : all), joined);
}

interface Joined {
  operation: Operation;
  absorbs: Operation[];
}

/** Both kinds of linear layer can apply an activation and add a residual. */
type Linear = OperationOf<"linear"> | OperationOf<"linearInt8">;

function isLinear(operation: Operation | undefined): operation is Linear {
  return operation?.type === "linear" || operation?.type === "linearInt8";
}

/** Whether only a ReLU may still be fused into it. */
function isFinal(linear: Linear): boolean {
  return linear.reads.residual !== undefined || (linear.type === "linear" && linear.attributes.relu === true);
}

type SoleProducer = (id: TensorId) => Operation | undefined;

function join(
  operation: Operation,
  soleProducer: SoleProducer,
  fuses: ReadonlySet<FusionName>,
): Joined | undefined {
  if (operation.type === "gelu" && fuses.has("linear-gelu")) return joinGelu(operation, soleProducer);
  if (operation.type === "residual" && fuses.has("linear-residual"))
    return joinResidual(operation, soleProducer, fuses.has("linear-scaled-residual"));
  if (operation.type === "relu") return joinRelu(operation, soleProducer, fuses);
  if (operation.type === "geluBackward" && fuses.has("gelu-gradient"))
    return joinGeluGradient(operation, soleProducer);
  if (operation.type === "scaledSum") return joinTokenGradients(operation, soleProducer);
  return undefined;
}

function joinGelu(operation: OperationOf<"gelu">, soleProducer: SoleProducer): Joined | undefined {
  const producer = soleProducer(operation.reads.x);
  if (!isLinear(producer) || producer.attributes.gelu || isFinal(producer)) return undefined;
  return {
    operation: { ...producer, writes: operation.writes, attributes: { gelu: true } },
    absorbs: [producer],
  };
}

function joinResidual(
  operation: OperationOf<"residual">,
  soleProducer: SoleProducer,
  scales: boolean,
): Joined | undefined {
  const { x, branch, scale } = operation.reads;
  const producer = soleProducer(branch);
  if (!isLinear(producer) || isFinal(producer)) return undefined;
  if (scale !== undefined && !(scales && producer.type === "linear")) return undefined;
  return {
    operation: {
      ...producer,
      reads: { ...producer.reads, residual: x, ...(scale === undefined ? {} : { scale }) },
      writes: operation.writes,
    },
    absorbs: [producer],
  };
}

function joinRelu(
  operation: OperationOf<"relu">,
  soleProducer: SoleProducer,
  fuses: ReadonlySet<FusionName>,
): Joined | undefined {
  const producer = soleProducer(operation.reads.x);
  const joins =
    (producer?.type === "linear" && fuses.has("linear-relu")) ||
    (producer?.type === "conv2d" && fuses.has("conv-relu"));
  if (!producer || !joins) return undefined;
  const writes = { ...producer.writes, ...operation.writes };
  const attributes = { ...producer.attributes, relu: true };
  return { operation: { ...producer, writes, attributes } as Operation, absorbs: [producer] };
}

function joinGeluGradient(
  operation: OperationOf<"geluBackward">,
  soleProducer: SoleProducer,
): Joined | undefined {
  const { x, dy } = operation.reads;
  const producer = soleProducer(dy);
  if (producer?.type !== "linearInputGradient" || producer.reads.hidden !== undefined) return undefined;
  return {
    operation: { ...producer, reads: { ...producer.reads, hidden: x }, writes: operation.writes },
    absorbs: [producer],
  };
}

/** The gradients of two heads' tokens are written in one pass over the tensor instead of two and a sum. */
function joinTokenGradients(
  operation: OperationOf<"scaledSum">,
  soleProducer: SoleProducer,
): Joined | undefined {
  const { a, b } = operation.reads;
  if (operation.attributes.alpha !== 1 || operation.attributes.beta !== 1 || a === b) return undefined;
  const producers = [soleProducer(a), soleProducer(b)].filter(
    (producer) => producer?.type === "selectTokenBackward",
  );
  const first = producers.find((producer) => producer.attributes.token === 0);
  const second = producers.find((producer) => producer.attributes.token === 1);
  if (!first || !second) return undefined;
  return {
    operation: {
      type: "selectTwoTokensBackward",
      reads: { dyFirst: first.reads.dy, dySecond: second.reads.dy },
      writes: { dx: operation.writes.y },
      adds: {},
      attributes: {},
    },
    absorbs: [first, second],
  };
}
