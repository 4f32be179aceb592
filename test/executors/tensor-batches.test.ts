// Tensor batches: LAMB's kernels on webgpu take many tensors at once; whatever fits into a binding, each value of each
// tensor is read exactly once, and its sum goes to the tensor's place.

import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Slice } from "../../runtime/executors/webgpu/device.js";
import type { Dispatch } from "../../runtime/executors/webgpu/dispatch.js";
import { lambStep, tensorSquares } from "../../runtime/executors/webgpu/kernels/lamb.js";
import type { Operands } from "../../runtime/executors/webgpu/operands.js";

const ALIGNMENT = 256;
const BUFFER = {} as GPUBuffer;

/** A run of tensors behind one that is not in it, and the values between them. */
function run(counts: readonly number[]): Slice[] {
  let offset = 5 * ALIGNMENT;
  return counts.map((count) => {
    const slice = { buffer: BUFFER, offset, bytes: 4 * count };
    offset += Math.ceil(slice.bytes / ALIGNMENT) * ALIGNMENT;
    return slice;
  });
}

/** What the encoders ask: ids are the operands' names. */
function operands(tensors: readonly Slice[], maximumBinding: number): Operands {
  const at = {
    maximumBinding,
    tensorsOf: () => tensors,
    slice: () => tensors[0],
    at: () => ({ buffer: BUFFER, offset: 0, bytes: 8 }),
  };
  return at as unknown as Operands;
}

const TABLE = 4;

/** Byte of the store → how often a dispatch's table names it, and by which part. */
function visits({ operands: bound, numbers, grid }: Dispatch, operand: string): Map<number, number> {
  const { offset, bytes } = bound[operand] as Slice;
  const found = new Map<number, number>();
  for (let part = 0; part < grid[1]; part++) {
    const [first, count] = numbers.slice(TABLE + 2 * part);
    assert.ok(4 * (first + count) <= bytes, "inside the binding");
    for (let i = 0; i < count; i++) found.set(offset + 4 * (first + i), numbers[1] + part);
  }
  return found;
}

const SHAPES: Record<string, number[]> = {
  "a few small tensors": [3, 64, 65, 1000],
  "more than a dispatch takes": Array.from({ length: 77 }, (_, i) => 1 + ((i * 37) % 300)),
  "one that exceeds a binding": [100, 5000, 7, 1300, 9],
  "one alone": [4097],
};

for (const [name, counts] of Object.entries(SHAPES))
  for (const maximumBinding of [1024, 4096 + 128, 2 ** 27])
    test(`${name}, bindings of ${maximumBinding} bytes`, () => {
      const tensors = run(counts);
      const at = operands(tensors, maximumBinding);
      const scratch = (bytes: number) => ({ buffer: BUFFER, offset: 0, bytes });
      const squares = {
        type: "tensorSquares",
        reads: { x: 0 },
        writes: { y: 1 },
        adds: {},
        attributes: {},
      } as const;
      const dispatches = tensorSquares(squares, at, scratch);
      const sum = dispatches.pop() as Dispatch;
      const parts = tensors.map(({ bytes }) =>
        Math.ceil(bytes / (Math.floor(maximumBinding / ALIGNMENT) * ALIGNMENT)),
      );
      const perTensor = Math.max(...parts);
      assert.equal(sum.numbers, [counts.length, perTensor * (dispatches[0].numbers[0] as number)]);

      const step = {
        type: "lambStep",
        reads: { direction: 0, settings: 1, norm: 2, parameterSquares: 3, directionSquares: 4 },
        writes: {},
        adds: { parameters: 5 },
        attributes: { rateFactor: 1 },
      } as const;
      const steps = lambStep(step, at);
      for (const [kernel, all, operand] of [
        ["tensor-squares", dispatches, "x"],
        ["lamb-tensor-steps", steps, "direction"],
      ] as const) {
        const found = new Map<number, number>();
        for (const dispatch of all) {
          assert.is(dispatch.kernel, kernel);
          assert.is(dispatch.numbers.length, 64);
          assert.ok((dispatch.operands[operand] as Slice).bytes <= maximumBinding);
          assert.is((dispatch.operands[operand] as Slice).offset % ALIGNMENT, 0);
          for (const [byte, part] of visits(dispatch, operand)) {
            assert.not.ok(found.has(byte), "once");
            found.set(byte, Math.floor(part / perTensor));
          }
        }
        assert.is(
          found.size,
          counts.reduce((total, count) => total + count, 0),
        );
        tensors.forEach(({ offset, bytes }, index) => {
          for (let byte = 0; byte < bytes; byte += 4) assert.is(found.get(offset + byte), index);
        });
      }
      assert.ok(
        maximumBinding < 2 ** 27 || steps.length === Math.ceil(counts.length / 30),
        `${steps.length}`,
      );
    });

test.run();
