// Linear memory: allocates pieces of a module's memory, and the arena of the programs in it. Addresses are unsigned up
// to 4 GiB.

import { VitrineError } from "../../errors.js";

const PAGE_BYTES = 65_536;
/** Address space of wasm32. */
export const MAXIMUM_BYTES = 65_536 * PAGE_BYTES;
/** Every piece starts at a multiple of this: a cache line, and more than any SIMD load requires. */
export const PIECE_ALIGNMENT = 64;

export interface Piece {
  readonly address: number;
  readonly bytes: number;
}

function roundUp(value: number, unit: number): number {
  return Math.ceil(value / unit) * unit;
}

/** First fit over the free pieces in address order; neighbors are joined when they are released. */
export class LinearMemory {
  readonly memory: WebAssembly.Memory;
  /** End of everything allocated so far. */
  #top: number;
  #free: Piece[] = [];
  #inUse = 0;

  /** `base`: first byte that belongs to the caller, the module's `heapBase()`. */
  constructor(memory: WebAssembly.Memory, base: number) {
    this.memory = memory;
    this.#top = roundUp(base, PIECE_ALIGNMENT);
  }

  /** Bytes allocated and not yet released. */
  get bytesInUse(): number {
    return this.#inUse;
  }

  /** Bytes left below wasm32's limit, above everything allocated so far. */
  get bytesLeft(): number {
    return MAXIMUM_BYTES - this.#top;
  }

  /** Bytes that a piece of `wanted` bytes takes. */
  roundUp(wanted: number): number {
    return roundUp(Math.max(wanted, 1), PIECE_ALIGNMENT);
  }

  /** A piece of zeros. Throws `device/memory` where it does not fit 4 GiB or the machine's memory. */
  allocate(wanted: number, purpose: string): Piece {
    const bytes = this.roundUp(wanted);
    const index = this.#free.findIndex((piece) => piece.bytes >= bytes);
    const piece = index >= 0 ? this.#cut(index, bytes) : this.#extend(bytes, purpose);
    this.#inUse += bytes;
    return piece;
  }

  #cut(index: number, bytes: number): Piece {
    const { address, bytes: available } = this.#free[index];
    const rest = { address: address + bytes, bytes: available - bytes };
    this.#free.splice(index, 1, ...(rest.bytes > 0 ? [rest] : []));
    this.bytes(address, bytes).fill(0);
    return { address, bytes };
  }

  /** Above everything allocated; a free piece that ends there is extended instead. */
  #extend(bytes: number, purpose: string): Piece {
    const last = this.#free.at(-1);
    const reused = last && last.address + last.bytes === this.#top ? last : undefined;
    const address = reused?.address ?? this.#top;
    const end = address + bytes;
    const missing = end - this.memory.buffer.byteLength;
    if (missing > 0) this.#grow(Math.ceil(missing / PAGE_BYTES), end, purpose);
    if (reused) {
      this.#free.pop();
      this.bytes(reused.address, reused.bytes).fill(0);
    }
    this.#top = end;
    return { address, bytes };
  }

  #grow(pages: number, end: number, purpose: string): void {
    const mebibytes = (count: number) => `${Math.ceil(count / 1_048_576).toLocaleString("en")} MiB`;
    const refuse = (reason: string, cause?: unknown) =>
      new VitrineError(
        "device/memory",
        `${purpose}: WebAssembly memory would have to hold ${mebibytes(end)}, ${reason}: take a smaller batch (--batch-size) or model`,
        { details: { bytes: end, limitBytes: MAXIMUM_BYTES }, cause },
      );
    if (end > MAXIMUM_BYTES) throw refuse(`its limit is ${mebibytes(MAXIMUM_BYTES)}`);
    try {
      this.memory.grow(pages);
    } catch (cause) {
      throw refuse("which this machine does not provide", cause);
    }
  }

  release(piece: Piece): void {
    this.#inUse -= piece.bytes;
    const after = this.#free.findIndex(({ address }) => address > piece.address);
    const at = after < 0 ? this.#free.length : after;
    this.#free.splice(at, 0, piece);
    this.#joinWithNext(at);
    if (at > 0) this.#joinWithNext(at - 1);
  }

  #joinWithNext(index: number): void {
    const [piece, next] = [this.#free[index], this.#free[index + 1]];
    if (!piece || !next || piece.address + piece.bytes !== next.address) return;
    this.#free.splice(index, 2, { address: piece.address, bytes: piece.bytes + next.bytes });
  }

  /** A new view each time: growing the memory detaches old ones. */
  bytes(address: number, count: number): Uint8Array {
    return new Uint8Array(this.memory.buffer, address, count);
  }

  words(address: number, count: number): Uint32Array {
    return new Uint32Array(this.memory.buffer, address, count);
  }

  floats(address: number, count: number): Float32Array {
    return new Float32Array(this.memory.buffer, address, count);
  }

  doubles(address: number, count: number): Float64Array {
    return new Float64Array(this.memory.buffer, address, count);
  }
}

/** The one piece of memory that all programs of an executor work in, since only one of them runs at a time. */
export class Arena {
  readonly #memory: LinearMemory;
  readonly #demands = new Set<{ bytes: number }>();
  #piece: Piece | undefined;

  constructor(memory: LinearMemory) {
    this.#memory = memory;
  }

  /** Reserves `bytes` for a program; the returned function releases them. */
  demand(bytes: number): () => void {
    const demand = { bytes };
    this.#demands.add(demand);
    try {
      this.#fit();
    } catch (error) {
      this.#demands.delete(demand);
      this.#fit();
      throw error;
    }
    return () => {
      if (this.#demands.delete(demand)) this.#fit();
    };
  }

  /** Address of the arena; it moves when the largest demand changes. */
  get address(): number {
    return this.#piece?.address ?? 0;
  }

  #fit(): void {
    const wanted = Math.max(0, ...[...this.#demands].map(({ bytes }) => bytes));
    const held = this.#piece?.bytes ?? 0;
    if (wanted <= held && wanted > 0) return;
    if (this.#piece) this.#memory.release(this.#piece);
    this.#piece = undefined;
    if (wanted > 0) this.#piece = this.#memory.allocate(wanted, "the arena of a program");
  }
}
