// Miniature training: the loop of a rank, with a few numbers for weights, so that what survives of a run can be compared
// with one process that does the same alone.

import type { Group, Member } from "../../client/node/collective/contract.js";
import { isVitrineError, type VitrineError } from "../../runtime/errors.js";

export const PIECES = 4;
const WEIGHTS = 200_003;

/** Gradient of a piece of a step. */
function gradientOf(step: number, piece: number, weights: Float32Array): Float32Array {
  let state = (step * 31 + piece * 7919 + 1) >>> 0;
  const gradient = new Float32Array(WEIGHTS);
  for (let i = 0; i < WEIGHTS; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    gradient[i] = (state / 2 ** 32 - 0.5) * (i % 3 === 0 ? 1e4 : 1e-2) + 1e-3 * weights[i];
  }
  return gradient;
}

export interface TrainingEvents {
  onFormed(group: Group): void;
  onStep(): Promise<void> | void;
  /** The group has ended, and forms again. */
  onLost(error: VitrineError): void;
}

/** A state before the first step. */
export class Miniature {
  readonly weights = new Float32Array(WEIGHTS);
  /** The last complete step. */
  step = -1;

  async runStep({
    rank,
    world,
    allReduce,
    sumScalars,
  }: Pick<Group, "rank" | "world" | "allReduce" | "sumScalars">) {
    const each = PIECES / world;
    const pieces = Array.from({ length: each }, (_, i) => rank * each + i);
    const terms = pieces.map((piece) => gradientOf(this.step + 1, piece, this.weights));
    const half = WEIGHTS >> 1;
    const total = new Float32Array(WEIGHTS);
    const [loss] = await Promise.all([
      sumScalars(pieces.map((piece) => Float64Array.of(0.1 * piece))),
      allReduce(
        terms.map((term) => term.subarray(0, half)),
        total.subarray(0, half),
      ),
      allReduce(
        terms.map((term) => term.subarray(half)),
        total.subarray(half),
      ),
    ]);
    for (let i = 0; i < WEIGHTS; i++) this.weights[i] += total[i] * loss[0];
    this.step++;
  }

  /** Steps until `steps` are complete, whichever ranks come and go. */
  async train(member: Member, steps: number, events: TrainingEvents): Promise<void> {
    member.serveState(async () => [
      { name: "weights", bytes: new Uint8Array(this.weights.buffer).slice() },
      { name: "step", bytes: new TextEncoder().encode(`${this.step}`) },
    ]);
    while (this.step < steps - 1) {
      try {
        const { group, source, step } = await member.form({ step: this.step });
        events.onFormed(group);
        if (step > this.step) await this.#fetch(member, source);
        while (this.step < steps - 1) {
          await this.runStep({
            rank: group.rank,
            world: group.world,
            allReduce: (terms, into) => group.allReduce(terms, into),
            sumScalars: (terms) => group.sumScalars(terms),
          });
          await events.onStep();
        }
      } catch (error) {
        if (!isVitrineError(error) || !error.code.startsWith("collective/peer-")) throw error;
        events.onLost(error);
      }
    }
  }

  async #fetch(member: Member, from: number): Promise<void> {
    const state = await member.fetchState(from);
    const bytes = state.get("weights") as Uint8Array;
    this.weights.set(new Float32Array(bytes.buffer, bytes.byteOffset, WEIGHTS));
    this.step = Number(new TextDecoder().decode(state.get("step")));
  }
}

/** The weights of one process after so many steps. */
export async function trainAlone(steps: number): Promise<Float32Array> {
  const alone = new Miniature();
  const addInto = (
    terms: readonly (Float32Array | Float64Array)[],
    into: Float32Array | Float64Array,
  ): void => {
    into.fill(0);
    for (const term of terms) for (let i = 0; i < into.length; i++) into[i] += term[i];
  };
  for (let step = 0; step < steps; step++)
    await alone.runStep({
      rank: 0,
      world: 1,
      allReduce: async (terms, into) => addInto(terms, into),
      async sumScalars(terms) {
        const into = new Float64Array(terms[0].length);
        addInto(terms, into);
        return into;
      },
    });
  return alone.weights;
}
