// Encode: a program becomes bytecode. Where an operation and an instruction have the same name and the same operands,
// the instruction table suffices; the encoders below are the exceptions.

import {
  INSTRUCTION_LAYOUTS,
  type InstructionName,
  type InstructionSources,
  type Instructions,
} from "../../../assembly/nn/generated/instructions.js";
import { Activation } from "../../../assembly/nn/linear-forms.js";
import { VitrineError } from "../../errors.js";
import type { Catalog, Operation, OperationOf, OperationType } from "../../graph/catalog.js";
import type { Program } from "../../graph/program.js";
import { BytecodeWriter } from "./bytecode-writer.js";
import type { Operands } from "./operands.js";
import type { PackedWeight } from "./packed-weights.js";

/** Words of a program, Halt included, and for each of its operations the number of instructions up to its end. */
export interface EncodedProgram {
  words: Uint32Array;
  ends: Uint32Array;
}

/** The program at the addresses that `operands` gives. */
export function encodeProgram(program: Program, operands: Operands): EncodedProgram {
  const bytecode = new BytecodeWriter();
  const { operations } = program.graph;
  const ends = new Uint32Array(operations.length);
  const encodeAt = (index: number) => {
    encode(bytecode, operations[index], operands);
    ends[index] = bytecode.instructions;
  };
  for (let index = 0; index < operations.length; index++) {
    const span = program.spans.find(({ first }) => first === index);
    const members = span ? operations.slice(span.first, span.last + 1) : [];
    if (!span || !members.every((member) => isSpanMember(member, operands))) encodeAt(index);
    else {
      bytecode.span(span.rows, () => {
        while (index < span.last) encodeAt(index++);
        encodeAt(index);
      });
    }
  }
  return { words: bytecode.finish(), ends };
}

/** Each group of rows in a span reads every weight again, which pays off only if the panels were packed beforehand. */
function isSpanMember(operation: Operation, operands: Operands): boolean {
  if (operation.type !== "linear") return operation.type === "layerNorm";
  return operands.packed(operation.reads.weight) !== undefined;
}

/** Packs the weights into panels; run it before the program whenever the weights have changed. */
export function encodePacking(copies: readonly PackedWeight[]): Uint32Array {
  const bytecode = new BytecodeWriter();
  for (const { weight, panels, inputs, outputs } of copies)
    bytecode.write("packWeight", { weight, panels: panels.address, k: inputs, n: outputs });
  return bytecode.finish();
}

type Names<Record> = string extends keyof Record ? never : keyof Record;
type TensorNames<T extends OperationType> =
  | Names<Catalog[T]["reads"]>
  | Names<Catalog[T]["writes"]>
  | Names<Catalog[T]["adds"]>;

/** Whether an operation has everything that the instruction of its name needs. */
type IsDirect<T extends OperationType> = T extends InstructionName
  ? InstructionSources[T]["tensors"] extends TensorNames<T>
    ? InstructionSources[T]["attributes"] extends Names<Catalog[T]["attributes"]>
      ? InstructionSources[T]["given"] extends never
        ? true
        : false
      : false
    : false
  : false;

/** Operations that map directly to the instruction of the same name. */
type Direct = { [T in OperationType]: IsDirect<T> extends true ? T : never }[OperationType];

type Encoder<T extends OperationType> = (
  bytecode: BytecodeWriter,
  operation: OperationOf<T>,
  at: Operands,
) => void;

function encode(bytecode: BytecodeWriter, operation: Operation, at: Operands): void {
  // The table pairs every type with the encoder of that type; TypeScript cannot see it through the union.
  const encoder = ENCODERS[operation.type] as Encoder<OperationType> | undefined;
  if (encoder) encoder(bytecode, operation, at);
  else {
    const name = operation.type as Direct;
    bytecode.write(name, operandsOf(name, operation, at));
  }
}

/**
 * Operands of the instruction `name`, from an operation's operands of the same names; `given` sizes are left to the
 * caller.
 */
function operandsOf<N extends InstructionName>(name: N, operation: Operation, at: Operands): Instructions[N] {
  const { tensors, wordsOf } = INSTRUCTION_LAYOUTS[name];
  const ids: Record<string, number> = { ...operation.reads, ...operation.writes, ...operation.adds };
  const attributes = Object.entries(operation.attributes).map(([key, value]) => [key, Number(value)]);
  const addresses = tensors.map((tensor) => [tensor, at.address(ids[tensor])]);
  const words = wordsOf(ids, Object.fromEntries(attributes), at);
  return { ...Object.fromEntries(addresses), ...words } as Instructions[N];
}

const ENCODERS: { readonly [T in Exclude<OperationType, Direct>]: Encoder<T> } & {
  readonly [T in Direct]?: Encoder<T>;
} = {
  linear: (bytecode, operation, at) => {
    const activation = activationOf(operation);
    const operands = operandsOf("linear", operation, at);
    const packed = at.packed(operation.reads.weight);
    if (packed) bytecode.write("linearPacked", { ...operands, panels: packed.panels.address, activation });
    else bytecode.write("linear", { ...operands, activation });
  },
  linearInt8: (bytecode, operation, at) => {
    const given = { activation: activationOf(operation), form: at.int8Form(operation.reads.weight) };
    bytecode.write("linearInt8", { ...operandsOf("linearInt8", operation, at), ...given });
  },
  attention: (bytecode, operation, at) => {
    expectTokens(at.axis(operation.reads.qkv, 1));
    bytecode.write("attention", operandsOf("attention", operation, at));
  },
  attentionBackward: (bytecode, operation, at) => {
    expectTokens(at.axis(operation.reads.qkv, 1));
    bytecode.write("attentionBackward", operandsOf("attentionBackward", operation, at));
  },
  tensorSquares: (bytecode, { reads, writes }, at) => {
    const y = at.address(writes.y);
    at.tensorsOf(reads.x).forEach(({ address, count }, i) => {
      bytecode.write("sumOfSquares", { x: address, y: y + DOUBLE * i, n: count });
    });
  },
  lambStep: (bytecode, operation, at) => {
    const whole = operandsOf("lambStep", operation, at);
    const { parameterSquares, directionSquares } = whole;
    if (parameterSquares === undefined || directionSquares === undefined)
      return bytecode.write("lambStep", whole);
    const directions = at.tensorsOf(operation.reads.direction);
    at.tensorsOf(operation.adds.parameters).forEach(({ address, count }, i) => {
      const squares = {
        parameterSquares: parameterSquares + DOUBLE * i,
        directionSquares: directionSquares + DOUBLE * i,
      };
      const tensors = { parameters: address, direction: directions[i].address, n: count };
      bytecode.write("lambStep", { ...whole, ...tensors, ...squares });
    });
  },
  accumulate: (bytecode, { reads, adds }, at) => {
    const sum = at.address(adds.sum);
    const factors = { alpha: 1, beta: 1 };
    const b = at.address(reads.values);
    bytecode.write("scaledSum", { a: sum, b, y: sum, n: at.count(reads.values), ...factors });
  },
};

/** Bytes of a float64. */
const DOUBLE = 8;

function activationOf({ attributes }: OperationOf<"linear"> | OperationOf<"linearInt8">): Activation {
  return attributes.gelu ? Activation.Gelu : Activation.None;
}

/** Rows of scores that backward needs at least, in the 512 KiB of a thread's scratch (assembly/nn/scratch.ts). */
const MAX_TOKENS = (512 * 1024) / (4 * 4);

/** Throws `device/unsupported`. */
function expectTokens(tokens: number): void {
  if (tokens <= MAX_TOKENS) return;
  throw new VitrineError(
    "device/unsupported",
    `attention over ${tokens} tokens: device wasm takes up to ${MAX_TOKENS} (smaller images, or larger patches)`,
    { details: { tokens, limit: MAX_TOKENS } },
  );
}
