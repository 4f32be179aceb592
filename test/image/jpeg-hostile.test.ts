// Hostile JPEG: small files that would cost much time or memory are refused in time, with a code.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { isVitrineError } from "../../runtime/errors.js";
import { nodeHost } from "../../runtime/host/node.js";
import { decode } from "../../runtime/image/decode.js";
import { createImageModule } from "../../runtime/image/image-module.js";

/** CPU time of this process, so that a busy machine causes no failures. */
const TIME_LIMIT_MS = 2000;
const module = await createImageModule(nodeHost());

function cpuMilliseconds(since: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(since);
  return (user + system) / 1000;
}

/**
 * Segments of a gray progressive file whose only DC code is "0" (no difference) and AC code "0" (a run of 2¹⁴ ends).
 */
class ProgressiveFile {
  private readonly bytes: number[] = [0xff, 0xd8, 0xff, 0xdb, 0, 67, 0, ...Array<number>(64).fill(1)];

  constructor(
    readonly width: number,
    readonly height: number,
  ) {
    const size = [height >> 8, height & 255, width >> 8, width & 255];
    this.bytes.push(0xff, 0xc2, 0, 11, 8, ...size, 1, 1, 0x11, 0);
    for (const [table, symbol] of [[0x00, 0x00] as const, [0x10, 0xe0] as const])
      this.bytes.push(0xff, 0xc4, 0, 20, table, 1, ...Array<number>(15).fill(0), symbol);
  }

  private get blocks(): number {
    return Math.ceil(this.width / 8) * Math.ceil(this.height / 8);
  }

  private scan(first: number, last: number, approximation: number, bits: number): void {
    this.bytes.push(0xff, 0xda, 0, 8, 1, 1, 0, first, last, approximation);
    for (let i = 0; i < bits; i += 8) this.bytes.push(0);
  }

  dc(): this {
    this.scan(0, 0, 0, this.blocks);
    return this;
  }

  /** Scans that refine nothing: one 15-bit code skips 16,384 blocks. */
  emptyRefinements(count: number): this {
    for (let i = 0; i < count; i++) this.scan(1, 63, 0x10, 15 * Math.ceil(this.blocks / 16_384));
    return this;
  }

  end(): Uint8Array {
    return Uint8Array.from([...this.bytes, 0xff, 0xd9]);
  }
}

test("ten thousand empty scans over a large picture are refused by name and in time", () => {
  const file = new ProgressiveFile(4096, 4096).dc().emptyRefinements(10_000).end();
  const start = process.cpuUsage();
  const refuse = () => decode(module, file, { name: "bomb.jpg" });
  assert.throws(refuse, (error: unknown) => isVitrineError(error) && error.code === "jpeg/too-many-scans");
  assert.ok(cpuMilliseconds(start) < TIME_LIMIT_MS);
});

test("a usual number of scans is decoded", () => {
  const file = new ProgressiveFile(4096, 4096).dc().emptyRefinements(12).end();
  const image = decode(module, file);
  assert.is(image.width, 4096);
  assert.is(image.data[0], 128);
});

test("the largest picture under the pixel limit is decoded in time", () => {
  const file = new ProgressiveFile(8192, 8192).dc().end();
  const start = process.cpuUsage();
  assert.is(decode(module, file).height, 8192);
  assert.ok(cpuMilliseconds(start) < TIME_LIMIT_MS);
});

test("after a large picture, the memory is released", async () => {
  const module = await createImageModule(nodeHost(), { keepMemoryMiB: 64 });
  decode(module, new ProgressiveFile(512, 512).dc().end());
  assert.ok(module.memoryBytes() > 0);
  decode(module, new ProgressiveFile(8192, 8192).dc().end());
  assert.is(module.memoryBytes(), 0);
});

test("a picture that is streamed needs no memory for its pixels", async () => {
  const module = await createImageModule(nodeHost());
  const file = new ProgressiveFile(4096, 4096).dc().end();
  decode(module, file);
  const passing = module.memoryBytes();
  decode(module, file, { orient: true });
  assert.ok(module.memoryBytes() - passing > 40e6, "three bytes a pixel more");
});

test.run();
