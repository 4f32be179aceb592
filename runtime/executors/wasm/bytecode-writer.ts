// Bytecode writer: instructions with named operands become words, in the order of assembly/nn/instructions.mjs.

import {
  INSTRUCTION_LAYOUTS,
  type InstructionName,
  type Instructions,
} from "../../../assembly/nn/generated/instructions.js";
import { Opcode } from "../../../assembly/nn/generated/opcodes.js";

const HALT_WORDS = 2;
const bits = new DataView(new ArrayBuffer(4));

/** The bits of a float32 as an unsigned word. */
function floatBits(value: number): number {
  bits.setFloat32(0, value, true);
  return bits.getUint32(0, true);
}

export class BytecodeWriter {
  readonly #words: number[] = [];
  #instructions = 0;
  #isInSpan = false;

  /** Instructions so far; a span is one. */
  get instructions(): number {
    return this.#instructions;
  }

  /** Appends an instruction. Addresses are unsigned; an absent operand is undefined. */
  write<N extends InstructionName>(name: N, operands: Instructions[N]): void {
    const { opcode, tensors, sizes, numbers } = INSTRUCTION_LAYOUTS[name];
    const values = operands as Readonly<Record<string, number | undefined>>;
    const words = [...tensors, ...sizes].map((operand) => values[operand] ?? 0);
    words.push(...numbers.map((operand) => floatBits(values[operand] ?? 0)));
    this.#words.push(opcode, words.length + 2, ...words);
    if (!this.#isInSpan) this.#instructions++;
  }

  /** Appends a span whose members are the instructions that `members` writes. */
  span(rows: number, members: () => void): void {
    const start = this.#words.length;
    this.write("span", { rows });
    this.#isInSpan = true;
    members();
    this.#isInSpan = false;
    this.#words[start + 1] = this.#words.length - start;
  }

  /** The finished bytecode, with Halt at its end. */
  finish(): Uint32Array {
    return Uint32Array.from([...this.#words, Opcode.Halt, HALT_WORDS]);
  }
}
