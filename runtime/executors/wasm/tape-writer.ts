// Tape writer: instructions as words. assembly/nn/opcodes.ts says which operands follow which opcode.

import type { Opcode } from "../../../assembly/nn/opcodes.js";

const bits = new DataView(new ArrayBuffer(4));

/** The bits of a float32 as an unsigned word. */
export function floatBits(value: number): number {
  bits.setFloat32(0, value, true);
  return bits.getUint32(0, true);
}

export class TapeWriter {
  readonly #words: number[] = [];

  /** [opcode, words, operands…]; operands are addresses, sizes or float bits, all unsigned. */
  instruction(opcode: Opcode, ...operands: number[]): void {
    this.#words.push(opcode, operands.length + 2, ...operands);
  }

  /** [opcode, words, operands…, instructions that `members` writes]: an instruction of instructions. */
  group(opcode: Opcode, operands: readonly number[], members: () => void): void {
    const start = this.#words.length;
    this.instruction(opcode, ...operands);
    members();
    this.#words[start + 1] = this.#words.length - start;
  }

  /** The finished tape, with Halt at its end. */
  finish(halt: Opcode): Uint32Array {
    return Uint32Array.from([...this.#words, halt, 2]);
  }
}
