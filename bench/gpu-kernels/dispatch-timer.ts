// Dispatch timer: the time of a dispatch on the device, by timestamps around a pass of repetitions where the adapter has them.

import { ComputePass } from "../../runtime/executors/webgpu/compute-pass.js";
import type { Device } from "../../runtime/executors/webgpu/device.js";
import { BufferUsage, MAP_READ } from "../../runtime/executors/webgpu/device.js";
import type { Dispatch } from "../../runtime/executors/webgpu/dispatch.js";
import { Kernels } from "../../runtime/executors/webgpu/kernels.js";
import type { Tier } from "../../runtime/executors/webgpu/tier.js";

export const TIMESTAMPS = "timestamp-query";

/** GPUBufferUsage.QUERY_RESOLVE. */
const QUERY_RESOLVE = 0x200;
/** Two timestamps of 8 bytes. */
const BYTES = 16;
/** Each repetition has its own bind groups. */
const MAX_REPETITIONS = 256;

export class DispatchTimer {
  readonly #device: Device;
  readonly #tier: Tier;
  readonly #kernels: Kernels;
  readonly #queries: GPUQuerySet | undefined;

  constructor(device: Device, tier: Tier) {
    this.#device = device;
    this.#tier = tier;
    this.#kernels = new Kernels(device);
    if (device.gpu.features.has(TIMESTAMPS))
      this.#queries = device.gpu.createQuerySet({ type: "timestamp", count: 2 });
  }

  /** `timestamps`, or `whole run`: the time until the device reports completion, submission included. */
  get kind(): "timestamps" | "whole run" {
    return this.#queries ? "timestamps" : "whole run";
  }

  /**
   * Milliseconds of one dispatch: the shortest of three passes, each with as many repetitions as fit `budgetMs`, after a
   * warm-up. Drivers quantize timestamps to 0.1 ms, so a pass should be long. Throws `internal/kernels`,
   * `internal/webgpu`.
   */
  async time(dispatch: Dispatch, budgetMs: number): Promise<{ ms: number; repetitions: number }> {
    const [, first] = [await this.#pass(dispatch, 1), await this.#pass(dispatch, 1)];
    const wanted = Math.ceil(budgetMs / Math.max(first, 1e-3));
    const repetitions = Math.min(MAX_REPETITIONS, Math.max(1, wanted));
    if (repetitions === 1) return { ms: first, repetitions };
    let least = Number.POSITIVE_INFINITY;
    for (let i = 0; i < 3; i++) least = Math.min(least, await this.#pass(dispatch, repetitions));
    return { ms: least / repetitions, repetitions };
  }

  async #pass(dispatch: Dispatch, repetitions: number): Promise<number> {
    const device = this.#device;
    const dispatches = new Array<Dispatch>(repetitions).fill(dispatch);
    const commands = await device.checked(() =>
      ComputePass.prepare({ device, kernels: this.#kernels, tier: this.#tier }, dispatch.kernel, dispatches),
    );
    try {
      return await (this.#queries ? this.#stamped(commands, this.#queries) : this.#awaited(commands));
    } finally {
      commands.dispose();
    }
  }

  async #awaited(commands: ComputePass): Promise<number> {
    const { gpu } = this.#device;
    await gpu.queue.onSubmittedWorkDone();
    const encoder = gpu.createCommandEncoder();
    commands.encode(encoder);
    const buffer = encoder.finish();
    const start = performance.now();
    gpu.queue.submit([buffer]);
    await gpu.queue.onSubmittedWorkDone();
    return performance.now() - start;
  }

  async #stamped(commands: ComputePass, querySet: GPUQuerySet): Promise<number> {
    const { gpu } = this.#device;
    const encoder = gpu.createCommandEncoder();
    const [beginningOfPassWriteIndex, endOfPassWriteIndex] = [0, 1];
    commands.encode(encoder, {
      timestampWrites: { querySet, beginningOfPassWriteIndex, endOfPassWriteIndex },
    });
    const resolved = this.#device.createBuffer(BYTES, "timestamps", QUERY_RESOLVE | BufferUsage.copySource);
    const read = this.#device.createBuffer(
      BYTES,
      "timestamps to read",
      BufferUsage.mapRead | BufferUsage.copyDestination,
    );
    encoder.resolveQuerySet(querySet, 0, 2, resolved, 0);
    encoder.copyBufferToBuffer(resolved, 0, read, 0, BYTES);
    gpu.queue.submit([encoder.finish()]);
    await read.mapAsync(MAP_READ);
    const [from = 0n, to = 0n] = new BigUint64Array(read.getMappedRange(0, BYTES).slice(0));
    read.unmap();
    for (const buffer of [resolved, read]) this.#device.destroyBuffer(buffer);
    return Number(to - from) / 1e6;
  }
}
