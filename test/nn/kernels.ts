// Kernels: loads the builds of the nn module and runs single instructions, for the tests of this folder.

import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { setFlagsFromString } from "node:v8";
import type { InstructionName, Instructions } from "../../assembly/nn/generated/instructions.js";
import { BytecodeWriter } from "../../runtime/executors/wasm/bytecode-writer.js";

const PAGE_BYTES = 65_536;
const GUARD_FLOATS = 8;
const GUARD_VALUE = 123_456.75;
/** Room for the longest bytecode of a test. */
const BYTECODE_WORDS = 64;

interface KernelExports {
  run(bytecode: number): number;
  heapBase(): number;
  setBlock(rows: number, columns: number): void;
}

/** Operands of an instruction; a region is passed as its address. */
export type Operands<N extends InstructionName> = {
  [Name in keyof Instructions[N]]: Instructions[N][Name] | Region;
};

/** A tensor in the module's memory with guard values around it. */
export class Region {
  constructor(
    readonly memory: WebAssembly.Memory,
    readonly address: number,
    readonly length: number,
  ) {}

  get values(): Float32Array<ArrayBuffer> {
    return new Float32Array(this.memory.buffer as ArrayBuffer, this.address, this.length);
  }

  get doubles(): Float64Array<ArrayBuffer> {
    return new Float64Array(this.memory.buffer as ArrayBuffer, this.address, this.length / 2);
  }

  get bytes(): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.memory.buffer as ArrayBuffer, this.address, this.length * 4);
  }
}

/** Appends an instruction whose operands may be regions. */
export function write<N extends InstructionName>(
  writer: BytecodeWriter,
  name: N,
  operands: Operands<N>,
): void {
  const entries = Object.entries(operands as Record<string, number | Region | undefined>);
  const addresses = entries.map(([key, value]) => [key, value instanceof Region ? value.address : value]);
  writer.write(name, Object.fromEntries(addresses) as unknown as Instructions[N]);
}

/** One instance of a build, with a stack of tensors that `reset` empties. */
export class Kernels {
  readonly memory: WebAssembly.Memory;
  readonly #exports: KernelExports;
  readonly #bytecode: number;
  #top: number;
  #regions: Region[] = [];

  constructor(
    readonly build: string,
    bytes: BufferSource,
    { megabytes = 32, from = 0 } = {},
  ) {
    this.memory = new WebAssembly.Memory({
      initial: (megabytes * 1_048_576) / PAGE_BYTES,
      maximum: 65_536,
    });
    const abort = () => {
      throw new Error("the module aborted");
    };
    const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes), {
      env: { memory: this.memory, abort },
    });
    this.#exports = instance.exports as unknown as KernelExports;
    this.#bytecode = Math.max(Math.ceil((this.#exports.heapBase() >>> 0) / 64) * 64, from);
    this.#top = this.#bytecode + BYTECODE_WORDS * 4;
  }

  reset(): void {
    this.#top = this.#bytecode + BYTECODE_WORDS * 4;
    this.#regions = [];
  }

  /** Reserves floats, filled from `values` or with NaN, which reveals values that are never written. */
  place(source: number | ArrayLike<number>): Region {
    const length = typeof source === "number" ? source : source.length;
    const region = new Region(this.memory, this.#top + GUARD_FLOATS * 4, length);
    const guarded = new Float32Array(this.memory.buffer as ArrayBuffer, this.#top, length + 2 * GUARD_FLOATS);
    guarded.fill(GUARD_VALUE);
    if (typeof source === "number") region.values.fill(Number.NaN);
    else region.values.set(source);
    this.#top = Math.ceil((this.#top + guarded.byteLength) / 64) * 64;
    this.#regions.push(region);
    return region;
  }

  /** Runs one instruction; throws where a value beside a tensor has changed. */
  run<N extends InstructionName>(name: N, operands: Operands<N>): void {
    const writer = new BytecodeWriter();
    write(writer, name, operands);
    const stoppedAt = this.runWords(writer.finish());
    if (stoppedAt !== 0) throw new Error(`instruction ${name} is unknown to the ${this.build} build`);
    for (const region of this.#regions) this.#checkGuards(region, name);
  }

  /** The matrix product's register block. */
  setBlock(rows: number, columns: number): void {
    this.#exports.setBlock(rows, columns);
  }

  /** Runs unmodified words; returns the result of the module's `run`. */
  runWords(words: ArrayLike<number>): number {
    new Uint32Array(this.memory.buffer, this.#bytecode, words.length).set(words);
    return this.#exports.run(this.#bytecode);
  }

  #checkGuards(region: Region, name: string): void {
    const ends = [region.address - GUARD_FLOATS * 4, region.address + region.length * 4];
    for (const start of ends) {
      const guard = new Float32Array(this.memory.buffer, start, GUARD_FLOATS);
      const place = guard.findIndex((value) => value !== GUARD_VALUE);
      if (place >= 0) {
        const side = start < region.address ? "before" : "behind";
        throw new Error(`${name} wrote ${side} a tensor of ${region.length} floats (guard ${place})`);
      }
    }
  }
}

/** VITRINE_WASM=debug tests the modules with assertions, as runtime/host/node.ts does. */
const FOLDER = process.env.VITRINE_WASM === "debug" ? "wasm-debug" : "wasm";
const FILES = { plain: "nn.wasm", relaxed: "nn.relaxed.wasm" };

/** Bytes of each build that this engine accepts; prints a line if it rejects the relaxed one. */
export function loadBuilds(): Map<string, Buffer<ArrayBuffer>> {
  const builds = new Map<string, Buffer<ArrayBuffer>>();
  for (const [name, file] of Object.entries(FILES)) {
    const path = fileURLToPath(new URL(`../../${FOLDER}/${file}`, import.meta.url));
    if (!existsSync(path)) throw new Error(`${path} is missing: run npm run build`);
    const bytes = readFileSync(path);
    // Node 20 has relaxed SIMD only with a flag, about which newer versions warn.
    if (!WebAssembly.validate(bytes)) setFlagsFromString("--experimental-wasm-relaxed-simd");
    if (WebAssembly.validate(bytes)) builds.set(name, bytes);
    else console.log(`note: this engine does not take the ${name} build`);
  }
  return builds;
}

/** One instance of each build. */
export function loadKernels(): Kernels[] {
  return [...loadBuilds()].map(([name, bytes]) => new Kernels(name, bytes));
}
