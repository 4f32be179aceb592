// Image module: image.wasm or image.relaxed.wasm, compiled once, with a private memory of its own. Hostile files stay inside it.
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
  /** Whether to take the build with relaxed SIMD, which gives the same bytes sooner. Default: where the engine has it. */
  relaxed?: boolean;
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
  /**
   * Where a decode that hands its rows over puts them: one behind the other into `into`, or into a new buffer. `bytes`
   * is asked for their sum when the first come. The buffer is `data` of the answer afterward.
   */
  receiveRows(bytes: () => number, into?: Uint8Array): { readonly data: Uint8Array };
  /** Throws the typed error that belongs to a status other than Ok. */
  check(status: Status): void;
}

function bufferFor(bytes: number, into: Uint8Array | undefined): Uint8Array {
  if (into === undefined) return new Uint8Array(bytes);
  if (into.length >= bytes) return into.subarray(0, bytes);
  throw new VitrineError("image/buffer-too-small", `${bytes} bytes do not fit into ${into.length}`, {
    details: { needed: bytes, given: into.length },
  });
}

class Call implements ImageCall {
  readonly exports: ImageExports;
  private readonly memory: WebAssembly.Memory;

  constructor(
    private readonly instance: Instance,
    readonly subject: string | undefined,
  ) {
    this.exports = instance.exports;
    this.memory = instance.memory;
  }

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
    const target = bufferFor(bytes, into);
    target.set(source);
    return target;
  }

  receiveRows(bytes: () => number, into?: Uint8Array): { readonly data: Uint8Array } {
    const rows: { data: Uint8Array } = { data: new Uint8Array(0) };
    let at = 0;
    this.instance.receiver = (strip) => {
      if (at === 0) rows.data = bufferFor(bytes(), into);
      rows.data.set(strip, at);
      at += strip.length;
    };
    return rows;
  }

  check(status: Status): void {
    if (status !== Status.Ok) throw failureOf(status, this.exports, this.subject);
  }
}

interface Instance {
  exports: ImageExports;
  memory: WebAssembly.Memory;
  /** Gets the strips of rows that a decode hands over, each valid until it returns. */
  receiver: (strip: Uint8Array) => void;
}

const nobody = () => {};

function instantiate(compiled: WebAssembly.Module, memoryLimitMiB: number): Instance {
  const memory = new WebAssembly.Memory({ initial: INITIAL_PAGES, maximum: MAXIMUM_PAGES });
  const takeRows = (address: number, bytes: number) =>
    answer.receiver(new Uint8Array(memory.buffer, address >>> 0, bytes));
  const { exports } = new WebAssembly.Instance(compiled, { env: { memory, takeRows } });
  const answer: Instance = { exports: exports as unknown as ImageExports, memory, receiver: nobody };
  answer.exports.setMemoryLimit(memoryLimitMiB * MIB);
  return answer;
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

/** The build to take; none without relaxed SIMD is needed where the engine has it. */
async function readModule(host: Host, wanted: boolean): Promise<Uint8Array<ArrayBuffer>> {
  if (wanted) {
    const bytes = await host.readAsset("wasm/image.relaxed.wasm");
    if (WebAssembly.validate(bytes) || host.enableRelaxedSimd()) return bytes;
  }
  return host.readAsset("wasm/image.wasm");
}

/** Compiles the module from the host's assets. Throws `file/not-found` where it has not been built. */
export async function createImageModule(host: Host, options: ImageModuleOptions = {}): Promise<ImageModule> {
  const compiled = await WebAssembly.compile(await readModule(host, options.relaxed ?? true));
  const memoryLimitMiB = Math.min(options.memoryLimitMiB ?? 1024, 4095);
  const keepBytes = (options.keepMemoryMiB ?? 256) * MIB;
  let held: Instance | null = instantiate(compiled, memoryLimitMiB);

  return {
    math: createDrawMath(compiled),
    run(subject, body) {
      held ??= instantiate(compiled, memoryLimitMiB);
      const instance = held;
      try {
        instance.exports.resetArena();
        return body(new Call(instance, subject));
      } catch (cause) {
        const error = trapError(cause, subject);
        if (error !== cause) held = null;
        throw error;
      } finally {
        instance.receiver = nobody;
        if (instance.memory.buffer.byteLength > keepBytes) held = null;
      }
    },
    memoryBytes: () => held?.memory.buffer.byteLength ?? 0,
  };
}
