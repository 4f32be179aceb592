// Image module: image.wasm, compiled once, with a private memory of its own. Hostile files stay inside it.
//
// A trap inside WebAssembly becomes a typed error, and the next call gets a fresh instance.

import { Region } from "../../assembly/image/regions.js";
import { Status } from "../../assembly/image/status.js";
import { createDrawMath, type DrawMath } from "../draw/math.js";
import { VitrineError } from "../errors.js";
import type { Host } from "../host/host.js";
import { failureOf } from "./failure.js";
import type { ImageExports } from "./image-exports.js";

/** Must match asconfig.json: pages of 64 KiB. */
const INITIAL_PAGES = 16;
const MAXIMUM_PAGES = 65_536;
const MIB = 1 << 20;

export interface ImageModuleOptions {
  /** MiB that one image may take inside the module, everything counted. Default 1,024. */
  memoryLimitMiB?: number;
  /** After a call that left the memory larger than this, the instance is given back. Default 256. */
  keepMemoryMiB?: number;
}

export interface ImageModule {
  /** Generator and elementary functions for runtime/draw; on an instance of its own, which no picture can damage. */
  readonly math: DrawMath;
  /**
   * Starts a call on an empty arena and runs `body`; a trap in it becomes `image/trap`. Views of the memory are
   * valid until `body` returns. `subject` names the image in errors ("photo.jpg").
   */
  run<T>(subject: string | undefined, body: (call: ImageCall) => T): T;
  /** Bytes of linear memory held now. */
  memoryBytes(): number;
}

/** One call in progress: raw exports, copies in and out, and errors with the subject's name. */
export interface ImageCall {
  readonly exports: ImageExports;
  readonly subject: string | undefined;
  /** Reserves a region; throws `image/out-of-memory`. */
  reserve(region: Region, bytes: number): number;
  /** Reserves Region.Input and copies the file in. */
  input(bytes: Uint8Array): void;
  /** View of a region, valid until memory grows: take it after the call that fills it. */
  view(region: Region, bytes: number): Uint8Array;
  /** Copy of a region's first bytes, into `into` where it is given. */
  take(region: Region, bytes: number, into?: Uint8Array): Uint8Array;
  /** Throws the typed error that belongs to a status other than Ok. */
  check(status: Status): void;
}

class Call implements ImageCall {
  constructor(
    readonly exports: ImageExports,
    private readonly memory: WebAssembly.Memory,
    readonly subject: string | undefined,
  ) {}

  reserve(region: Region, bytes: number): number {
    const address = this.exports.reserve(region, bytes) >>> 0;
    if (address === 0) this.check(Status.OutOfMemory);
    return address;
  }

  input(bytes: Uint8Array): void {
    const address = this.reserve(Region.Input, bytes.length);
    new Uint8Array(this.memory.buffer, address, bytes.length).set(bytes);
  }

  view(region: Region, bytes: number): Uint8Array {
    return new Uint8Array(this.memory.buffer, this.exports.regionStart(region) >>> 0, bytes);
  }

  take(region: Region, bytes: number, into?: Uint8Array): Uint8Array {
    const source = this.view(region, bytes);
    if (into === undefined) return source.slice();
    if (into.length < bytes)
      throw new VitrineError("image/buffer-too-small", `${bytes} bytes do not fit into ${into.length}`, {
        details: { needed: bytes, given: into.length },
      });
    into.set(source);
    return into.subarray(0, bytes);
  }

  check(status: Status): void {
    if (status !== Status.Ok) throw failureOf(status, this.exports, this.subject);
  }
}

interface Instance {
  exports: ImageExports;
  memory: WebAssembly.Memory;
}

function instantiate(compiled: WebAssembly.Module, memoryLimitMiB: number): Instance {
  const memory = new WebAssembly.Memory({ initial: INITIAL_PAGES, maximum: MAXIMUM_PAGES });
  const instance = new WebAssembly.Instance(compiled, { env: { memory } });
  const exports = instance.exports as unknown as ImageExports;
  exports.setMemoryLimit(memoryLimitMiB * MIB);
  return { exports, memory };
}

function trapError(cause: unknown, subject: string | undefined): unknown {
  if (!(cause instanceof WebAssembly.RuntimeError) && !(cause instanceof RangeError)) return cause;
  const where = subject === undefined ? "" : `${subject}: `;
  return new VitrineError(
    "image/trap",
    `${where}the image module stopped (${cause.message}); please report the file`,
    {
      details: { subject },
      cause,
    },
  );
}

/** Compiles `wasm/image.wasm` from the host's assets. Throws `file/not-found` where it has not been built. */
export async function createImageModule(host: Host, options: ImageModuleOptions = {}): Promise<ImageModule> {
  const compiled = await WebAssembly.compile(await host.readAsset("wasm/image.wasm"));
  const memoryLimitMiB = Math.min(options.memoryLimitMiB ?? 1024, 4095);
  const keepBytes = (options.keepMemoryMiB ?? 256) * MIB;
  let held: Instance | null = instantiate(compiled, memoryLimitMiB);

  return {
    math: createDrawMath(compiled),
    run(subject, body) {
      held ??= instantiate(compiled, memoryLimitMiB);
      const { exports, memory } = held;
      try {
        exports.resetArena();
        return body(new Call(exports, memory, subject));
      } catch (cause) {
        const error = trapError(cause, subject);
        if (error !== cause) held = null;
        throw error;
      } finally {
        if (memory.buffer.byteLength > keepBytes) held = null;
      }
    },
    memoryBytes: () => held?.memory.buffer.byteLength ?? 0,
  };
}
