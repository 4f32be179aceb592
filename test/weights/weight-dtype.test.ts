// Weight dtypes: float16 rounds to nearest, int8 to the nearest step, and a file holds what was written.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { VitrineError } from "../../runtime/errors.js";
import { areHalves, floatsToHalves, halfToFloat } from "../../runtime/weights/half-float.js";
import { dequantizeMatrix, quantizeMatrix } from "../../runtime/weights/int8-matrix.js";
import {
  floatTensors,
  int8Matrices,
  readSafetensors,
  type StoredTensor,
  scaleName,
  storedFloats,
  writeSafetensors,
} from "../../runtime/weights/safetensors.js";
import type { TensorMap } from "../../runtime/weights/tensor-map.js";
import { fileDtype, storedTensors, toDtype, type WeightDtype } from "../../runtime/weights/weight-dtype.js";
import { Random } from "../nn/random.js";

const LAYERS = new Set(["layer.weight"]);

function weights(): TensorMap {
  const random = new Random(3);
  return new Map([
    ["layer.weight", { shape: [6, 10], data: random.normals(60) }],
    ["layer.bias", { shape: [6], data: random.normals(6) }],
  ]);
}

function byName<T>(entries: ReadonlyMap<string, T>): [string, T][] {
  return [...entries].sort(([a], [b]) => (a < b ? -1 : 1));
}

function refusal(attempt: () => unknown): string {
  try {
    attempt();
  } catch (error) {
    assert.instance(error, VitrineError);
    return `${(error as VitrineError).code}: ${(error as VitrineError).message}`;
  }
  throw new Error("was not refused");
}

test("every finite half and the infinities survive the round trip through float32", () => {
  for (let bits = 0; bits < 65_536; bits++) {
    const value = halfToFloat(bits);
    const [back] = floatsToHalves(Float32Array.of(value));
    if (Number.isNaN(value)) assert.ok(Number.isNaN(halfToFloat(back as number)), bits.toString(16));
    else if (back !== bits) assert.unreachable(`${bits.toString(16)} became ${back?.toString(16)}`);
  }
});

test("floats are halves where rounding changes none of them", () => {
  for (let bits = 0; bits < 65_536; bits++) {
    const float = Float32Array.of(1, halfToFloat(bits));
    assert.is(areHalves(float), Number.isFinite(float[1]), bits.toString(16));
    // The next float32.
    const next = new Float32Array(Uint32Array.of((new Uint32Array(float.buffer)[1] as number) + 1).buffer);
    assert.not.ok(areHalves(next), `after ${bits.toString(16)}`);
  }
  for (const value of [65_520, 2 ** 16, 2 ** -25, 1e-40]) assert.not.ok(areHalves(Float32Array.of(value)));
});

test("a float between two halves rounds to the nearer one, ties to even", () => {
  for (let bits = 0; bits < 0x7bff; bits++) {
    const [low, high] = [halfToFloat(bits), halfToFloat(bits + 1)];
    const middle = (low + high) / 2;
    const nudge = (high - low) / 1024;
    const even = bits % 2 === 0 ? bits : bits + 1;
    const got = floatsToHalves(Float32Array.of(middle - nudge, middle, middle + nudge, -middle));
    const wanted = [bits, even, bits + 1, 0x8000 | even];
    if (wanted.some((half, i) => half !== got[i])) assert.unreachable(`beside ${middle}: ${[...got]}`);
  }
  assert.equal([...floatsToHalves(Float32Array.of(65_519, 65_520, -1e30))], [0x7bff, 0x7c00, 0xfc00]);
});

test("an int8 matrix is within half a step of every weight, its largest values are ±127, and zeros stay zero", () => {
  const random = new Random(4);
  const [outputs, inputs] = [9, 31];
  const weight = random.normals(outputs * inputs).fill(0, 0, inputs);
  const matrix = quantizeMatrix(weight, outputs, inputs);
  const back = dequantizeMatrix(matrix);
  weight.forEach((value, i) => {
    const scale = matrix.scales[Math.floor(i / inputs)] as number;
    assert.ok(Math.abs(value - (back[i] as number)) <= 0.5 * scale * (1 + 1e-5));
  });
  for (let output = 0; output < outputs; output++) {
    const row = matrix.values.subarray(output * inputs, (output + 1) * inputs);
    assert.is(Math.max(...row.map(Math.abs)), output === 0 ? 0 : 127);
  }
});

test("converted weights equal those read from a file of that dtype, and the file records the dtype", () => {
  for (const dtype of ["float32", "float16", "bfloat16", "int8"] satisfies WeightDtype[]) {
    const kept = toDtype(weights(), dtype, LAYERS);
    const file = readSafetensors(writeSafetensors(storedTensors(kept, dtype)), dtype);
    assert.is(fileDtype(file), dtype);
    const matrices = int8Matrices(file, dtype);
    assert.equal(byName(matrices), byName(kept.matrices));
    const again = toDtype(floatTensors(file), dtype, LAYERS, matrices);
    assert.equal(byName(again.weights), byName(kept.weights), dtype);
    assert.equal(byName(again.matrices), byName(kept.matrices), dtype);
  }
});

test("int8 matrices from a file are not rounded again", () => {
  const values = Int8Array.of(3, -5, 100, 7);
  const known = new Map([
    ["layer.weight", { values, scales: Float32Array.of(0.1, 0.2), outputs: 2, inputs: 2 }],
  ]);
  const floats: TensorMap = new Map([["layer.weight", { shape: [2, 2], data: new Float32Array(4) }]]);
  assert.is(toDtype(floats, "int8", LAYERS, known).matrices.get("layer.weight")?.values, values);
});

test("bfloat16 files are named so, and a scale is not a weight", () => {
  const tensor = (dtype: "BF16" | "F32", data: Uint16Array | Float32Array): StoredTensor => {
    return { dtype, shape: [data.length], data };
  };
  const bfloat = new Map([["a", tensor("BF16", new Uint16Array(4))]]);
  assert.is(fileDtype(readSafetensors(writeSafetensors(bfloat), "a")), "bfloat16");
  const int8 = readSafetensors(
    writeSafetensors(storedTensors(toDtype(weights(), "int8", LAYERS), "int8")),
    "b",
  );
  assert.equal([...floatTensors(int8).keys()].sort(), ["layer.bias", "layer.weight"]);
  assert.is(fileDtype(readSafetensors(writeSafetensors(storedFloats(weights())), "c")), "float32");
});

test("int8 without its scales is refused by name, as is a number beyond float16", () => {
  const stored = storedTensors(toDtype(weights(), "int8", LAYERS), "int8");
  const scales = stored.get(scaleName("layer.weight")) as StoredTensor;
  const read = () =>
    floatTensors(readSafetensors(writeSafetensors(stored), "model.safetensors"), "model.safetensors");
  stored.delete(scaleName("layer.weight"));
  assert.match(
    refusal(read),
    /^weights\/scale: model.safetensors: .*"layer.weight_scale" must hold 6 .*found nothing/,
  );
  const short = { ...scales, shape: [5], data: (scales.data as Float32Array).subarray(0, 5) };
  stored.set(scaleName("layer.weight"), short);
  assert.match(refusal(read), /found F32 \[5\]/);
  const large: TensorMap = new Map([["head.bias", { shape: [1], data: Float32Array.of(70_000) }]]);
  assert.match(
    refusal(() => toDtype(large, "float16", LAYERS)),
    /^weights\/float16: .*"head.bias" holds 70000.*65504/,
  );
});

test.run();
