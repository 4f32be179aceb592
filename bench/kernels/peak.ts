// Peak: the throughput of 128-bit float32 arithmetic in this engine, from a loop that only touches registers.
//
// The module is assembled here byte by byte: twelve independent chains x ← x·m + a, enough to hide the latency of a
// multiplication and an addition on two units each, with and without fused multiply-add (relaxed SIMD).

import { time } from "../timing.js";

const CHAINS = 12;
const LANES = 4;
const FLOPS_PER_ITERATION = CHAINS * LANES * 2;

const I32 = 0x7f;
const F32 = 0x7d;
const V128 = 0x7b;

function unsignedLeb(value: number): number[] {
  const bytes: number[] = [];
  do {
    const low = value & 0x7f;
    value >>>= 7;
    bytes.push(value > 0 ? low | 0x80 : low);
  } while (value > 0);
  return bytes;
}

const section = (id: number, content: number[]) => [id, ...unsignedLeb(content.length), ...content];
const simd = (opcode: number) => [0xfd, ...unsignedLeb(opcode)];
const localGet = (i: number) => [0x20, i];
const localSet = (i: number) => [0x21, i];

function float32Const(value: number): number[] {
  return [0x43, ...new Uint8Array(Float32Array.of(value).buffer)];
}

/** (iterations: i32) → f32; locals 1 and 2 are m and a, then the chains. */
function loopBody(fused: boolean): number[] {
  const splat = simd(0x13);
  const multiply = simd(0xe6);
  const add = simd(0xe4);
  const relaxedMultiplyAdd = simd(0x105);
  const [iterations, m, a, first] = [0, 1, 2, 3];
  const chains = Array.from({ length: CHAINS }, (_, i) => first + i);
  const step = (x: number) =>
    fused
      ? [...localGet(x), ...localGet(m), ...localGet(a), ...relaxedMultiplyAdd, ...localSet(x)]
      : [...localGet(x), ...localGet(m), ...multiply, ...localGet(a), ...add, ...localSet(x)];
  const countDown = [...localGet(iterations), 0x41, 1, 0x6b, 0x22, iterations];
  const sum = chains.slice(1).flatMap((x) => [...localGet(x), ...add]);
  return [
    ...[1, CHAINS + 2, V128],
    ...[...float32Const(0.999), ...splat, ...localSet(m)],
    ...[...float32Const(0.001), ...splat, ...localSet(a)],
    ...chains.flatMap((x) => [...float32Const(x), ...splat, ...localSet(x)]),
    ...[0x03, 0x40, ...chains.flatMap(step), ...countDown, 0x0d, 0, 0x0b],
    ...[...localGet(first), ...sum, ...simd(0x1f), 0, 0x0b],
  ];
}

function peakModule(fused: boolean): Uint8Array<ArrayBuffer> {
  const body = loopBody(fused);
  return Uint8Array.from([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [1, 0x60, 1, I32, 1, F32]),
    ...section(3, [1, 0]),
    ...section(7, [1, 3, ...new TextEncoder().encode("run"), 0, 0]),
    ...section(10, [1, ...unsignedLeb(body.length), ...body]),
  ]);
}

/** GFLOP/s, or undefined where the engine has no relaxed SIMD. */
export function measurePeak(fused: boolean): number | undefined {
  const bytes = peakModule(fused);
  if (!WebAssembly.validate(bytes)) return undefined;
  const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes));
  const run = instance.exports.run as (iterations: number) => number;
  const iterations = 100_000;
  const { bestMs } = time(() => run(iterations), 200);
  return (iterations * FLOPS_PER_ITERATION) / bestMs / 1e6;
}
