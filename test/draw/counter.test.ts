// The generator reproduces Random123's known answers, and its numbers have the distributions that they claim.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { Domain, drawStream } from "../../runtime/draw/random.js";
import { isVitrineError } from "../../runtime/errors.js";
import { testMath } from "./draw-fixture.js";

const math = await testMath();
const key = { seed: 7, epoch: 3, index: 11, repeat: 0 };

function block(counter: number[], low: number, high: number): string[] {
  const words = new Uint32Array(4);
  const [a = 0, b = 0, c = 0, d = 0] = counter;
  math.philox(a, b, c, d, low, high, words);
  return [...words].map((word) => word.toString(16).padStart(8, "0"));
}

test("philox reproduces the known answers of Random123", () => {
  assert.equal(block([0, 0, 0, 0], 0, 0), ["6627e8d5", "e169c58d", "bc57ac4c", "9b00dbd8"]);
  const ones = 0xffffffff;
  assert.equal(block([ones, ones, ones, ones], ones, ones), ["408f276d", "41c83b0e", "a20bc7c6", "6d5451fd"]);
  assert.equal(block([0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344], 0xa4093822, 0x299f31d0), [
    "d16cfe09",
    "94fdcceb",
    "5001e420",
    "24126ea1",
  ]);
});

test("a stream is a function of its key and domain, and depends on every part of them", () => {
  const head = (stream = drawStream(math, key, Domain.Sample)) => [stream.uniform(), stream.uniform()];
  assert.equal(head(), head());
  const others = [
    drawStream(math, key, Domain.Mix),
    drawStream(math, { ...key, seed: 8 }, Domain.Sample),
    drawStream(math, { ...key, seed: 7 + 2 ** 32 }, Domain.Sample),
    drawStream(math, { ...key, epoch: 4 }, Domain.Sample),
    drawStream(math, { ...key, index: 12 }, Domain.Sample),
    drawStream(math, { ...key, repeat: 1 }, Domain.Sample),
  ];
  const heads = [head(), ...others.map((stream) => head(stream))].map(String);
  assert.is(new Set(heads).size, heads.length);
});

test("uniform numbers are in [0, 1) with the mean and variance of a uniform", () => {
  const stream = drawStream(math, key, Domain.Sample);
  const values = Array.from({ length: 50_000 }, () => stream.uniform());
  assert.ok(values.every((value) => value >= 0 && value < 1));
  const mean = values.reduce((a, b) => a + b) / values.length;
  const variance = values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length;
  assert.ok(Math.abs(mean - 0.5) < 0.006, `mean ${mean}`);
  assert.ok(Math.abs(variance - 1 / 12) < 0.002, `variance ${variance}`);
});

test("integers reach every value equally often: chi-square over 7 and over 3 · 2³⁰ in thirds", () => {
  const stream = drawStream(math, key, Domain.Sample);
  const small = new Array<number>(7).fill(0);
  for (let i = 0; i < 70_000; i++) (small[stream.integer(7)] as number) += 1;
  const chi = small.reduce((sum, count) => sum + (count - 10_000) ** 2 / 10_000, 0);
  assert.ok(chi < 22.5, `chi-square ${chi} with 6 degrees of freedom: ${small}`);
  // With a plain modulo the lowest third would be twice as likely as the others.
  const thirds = [0, 0, 0];
  for (let i = 0; i < 30_000; i++) (thirds[Math.floor(stream.integer(3 * 2 ** 30) / 2 ** 30)] as number) += 1;
  assert.ok(Math.max(...thirds) - Math.min(...thirds) < 600, String(thirds));
});

test("gaussian numbers have mean 0, variance 1 and normal tails, one by one and in bulk", () => {
  const stream = drawStream(math, key, Domain.Sample);
  const single = Array.from({ length: 40_000 }, () => stream.gaussian(0, 1));
  const bulk = [...math.normals(key, Domain.Initialization, 40_001)];
  for (const values of [single, bulk]) {
    const mean = values.reduce((a, b) => a + b) / values.length;
    const variance = values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length;
    const outside = values.filter((value) => Math.abs(value) > 1.959964).length / values.length;
    assert.ok(Math.abs(mean) < 0.02, `mean ${mean}`);
    assert.ok(Math.abs(variance - 1) < 0.03, `variance ${variance}`);
    assert.ok(Math.abs(outside - 0.05) < 0.005, `${outside} beyond 1.96`);
  }
});

test("value i of a bulk draw does not depend on how many are drawn", () => {
  const long = math.normals(key, Domain.Initialization, 10_000);
  const short = math.normals(key, Domain.Initialization, 4_097);
  assert.equal([...long.subarray(0, 4_097)], [...short]);
  const uniforms = math.uniforms(key, Domain.DropPath, 9_000);
  assert.equal([...uniforms.subarray(0, 33)], [...math.uniforms(key, Domain.DropPath, 33)]);
  assert.ok(uniforms.every((value) => value >= 0 && value < 1));
});

test("elementary functions agree with the host's to two units in the last place", () => {
  const close = (got: number, expected: number) =>
    Math.abs(got - expected) <= 2 * Number.EPSILON * Math.max(Math.abs(expected), 2 ** -1000);
  const stream = drawStream(math, key, Domain.Sample);
  for (let i = 0; i < 2_000; i++) {
    const x = stream.between(1e-9, 40);
    const y = stream.between(-3, 3);
    assert.ok(close(math.log(x), Math.log(x)), `log ${x}`);
    assert.ok(close(math.exp(y * 5), Math.exp(y * 5)), `exp ${y * 5}`);
    assert.ok(close(math.pow(x, y), Math.pow(x, y)), `pow ${x} ${y}`);
    assert.ok(Math.abs(math.sin(x) - Math.sin(x)) < 4e-16, `sin ${x}`);
    assert.ok(Math.abs(math.cos(x) - Math.cos(x)) < 4e-16, `cos ${x}`);
  }
});

test("a key out of range is refused with the number that is wrong", () => {
  for (const bad of [
    { seed: -1 },
    { seed: 2 ** 53 },
    { epoch: 1.5 },
    { index: 2 ** 32 },
    { repeat: 2 ** 24 },
  ]) {
    try {
      drawStream(math, { ...key, ...bad }, Domain.Sample);
      assert.unreachable(JSON.stringify(bad));
    } catch (error) {
      assert.ok(isVitrineError(error) && error.code === "data/bad-key", String(error));
    }
  }
});

test.run();
