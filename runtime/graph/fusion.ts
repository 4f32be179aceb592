// Fusion: two operations become one where the executor has a kernel for both and nothing else reads the tensor between them.

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
  const makers = new Map<TensorId, Operation>();
  const fused = new Set<Operation>();
  const result = operations.map((operation) => {
    /** The operation that made `id`, if its result goes to this operation alone. */
    const soleMaker = (id: TensorId) =>
      readers.get(id) === 1 && !outputs.has(id) ? makers.get(id) : undefined;
    const joined = join(operation, soleMaker, fuses);
    for (const part of joined?.absorbs ?? []) fused.add(part);
    const final = joined?.operation ?? operation;
    for (const id of Object.values(final.writes)) if (id !== undefined) makers.set(id, final);
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

/** Whether nothing but a ReLU may be fused after it. */
function isFinal(linear: Linear): boolean {
  return linear.reads.residual !== undefined || (linear.type === "linear" && linear.attributes.relu === true);
}

type SoleMaker = (id: TensorId) => Operation | undefined;

function join(
  operation: Operation,
  soleMaker: SoleMaker,
  fuses: ReadonlySet<FusionName>,
): Joined | undefined {
  if (operation.type === "gelu" && fuses.has("linear-gelu")) return joinGelu(operation, soleMaker);
  if (operation.type === "residual" && fuses.has("linear-residual"))
    return joinResidual(operation, soleMaker, fuses.has("linear-scaled-residual"));
  if (operation.type === "relu") return joinRelu(operation, soleMaker, fuses);
  if (operation.type === "geluBackward" && fuses.has("gelu-gradient"))
    return joinGeluGradient(operation, soleMaker);
  if (operation.type === "scaledSum") return joinTokenGradients(operation, soleMaker);
  return undefined;
}

function joinGelu(operation: OperationOf<"gelu">, soleMaker: SoleMaker): Joined | undefined {
  const maker = soleMaker(operation.reads.x);
  if (!isLinear(maker) || maker.attributes.gelu || isFinal(maker)) return undefined;
  return {
    operation: { ...maker, writes: operation.writes, attributes: { gelu: true } },
    absorbs: [maker],
  };
}

function joinResidual(
  operation: OperationOf<"residual">,
  soleMaker: SoleMaker,
  scales: boolean,
): Joined | undefined {
  const { x, branch, scale } = operation.reads;
  const maker = soleMaker(branch);
  if (!isLinear(maker) || isFinal(maker)) return undefined;
  if (scale !== undefined && !(scales && maker.type === "linear")) return undefined;
  return {
    operation: {
      ...maker,
      reads: { ...maker.reads, residual: x, ...(scale === undefined ? {} : { scale }) },
      writes: operation.writes,
    },
    absorbs: [maker],
  };
}

function joinRelu(
  operation: OperationOf<"relu">,
  soleMaker: SoleMaker,
  fuses: ReadonlySet<FusionName>,
): Joined | undefined {
  const maker = soleMaker(operation.reads.x);
  const joins =
    (maker?.type === "linear" && fuses.has("linear-relu")) ||
    (maker?.type === "conv2d" && fuses.has("conv-relu"));
  if (!maker || !joins) return undefined;
  const writes = { ...maker.writes, ...operation.writes };
  const attributes = { ...maker.attributes, relu: true };
  return { operation: { ...maker, writes, attributes } as Operation, absorbs: [maker] };
}

function joinGeluGradient(operation: OperationOf<"geluBackward">, soleMaker: SoleMaker): Joined | undefined {
  const { x, dy } = operation.reads;
  const maker = soleMaker(dy);
  if (maker?.type !== "linearInputGradient" || maker.reads.hidden !== undefined) return undefined;
  return {
    operation: { ...maker, reads: { ...maker.reads, hidden: x }, writes: operation.writes },
    absorbs: [maker],
  };
}

/** The gradients of two heads' tokens are written in one pass over the tensor instead of two and a sum. */
function joinTokenGradients(operation: OperationOf<"scaledSum">, soleMaker: SoleMaker): Joined | undefined {
  const { a, b } = operation.reads;
  if (operation.attributes.alpha !== 1 || operation.attributes.beta !== 1 || a === b) return undefined;
  const makers = [soleMaker(a), soleMaker(b)].filter((maker) => maker?.type === "selectTokenBackward");
  const first = makers.find((maker) => maker.attributes.token === 0);
  const second = makers.find((maker) => maker.attributes.token === 1);
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
