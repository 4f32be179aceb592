// Shared batches: streams that ask for the same batches (recipe, batch size, seed, rank) read one decode of each. The
// stream that comes to a batch first has it made; what others have yet to read is kept while there is memory.

import type { BatchMaker, MadeBatch } from "../../runtime/batches/batch-maker.js";
import { type Cursor, checkCursor, cursorAfter } from "../../runtime/batches/batch-source.js";
import {
  type BatchStream,
  type BatchStreamOptions,
  type Leased,
  ReadAhead,
  STREAM_SLOTS,
} from "../../runtime/batches/read-ahead.js";
import type { DecodePool } from "./decode-task.js";

/** Small batches are many: what is looked through for each of them stays short. */
const KEPT_MOST = 1024;

/**
 * Batches of a plan that are kept although no open stream will read them: trainers that are started together do not
 * connect at the same moment.
 */
const KEPT_FOR_NEWCOMERS = 8;

/** Batches that some streams want: a pure function of what they asked for. */
interface Plan {
  key: string;
  maker: BatchMaker;
  entries: Map<number, Entry>;
  /** For each open stream, the index of the batch that it takes next. */
  positions: Map<object, number>;
  /** Memory of batches that nobody reads any more. */
  free: Uint8Array[];
}

/** A batch in the making, or made. */
interface Entry {
  plan: Plan;
  /** epoch · batchesPerEpoch + batch. */
  index: number;
  buffer: Uint8Array;
  batch: Promise<MadeBatch>;
  made: boolean;
  /** Streams that hold it. */
  leases: number;
  /** A stream ended while it held the batch: something may still be read from the buffer, so it is not used again. */
  abandoned: boolean;
  readonly abort: AbortController;
}

export interface SharedBatchesOptions {
  pool: DecodePool;
  /** Bytes that batches without a reader may take at present. */
  keepBytes(): number;
}

export class SharedBatches {
  readonly #options: SharedBatchesOptions;
  readonly #plans = new Map<string, Plan>();
  #kept = 0;
  #keptBytes = 0;
  #made = 0;
  #shared = 0;

  constructor(options: SharedBatchesOptions) {
    this.#options = options;
  }

  /** Bytes of batches that no stream holds. */
  get keptBytes(): number {
    return this.#keptBytes;
  }

  /** Batches that were started, and those that a stream got of another one's, since the start. */
  get counts(): { made: number; shared: number } {
    return { made: this.#made, shared: this.#shared };
  }

  /**
   * A stream of the batches of `key`, from a cursor on. `createMaker` is called where no other stream of that key is
   * open; its decode tasks of all these streams take turns as one. Throws `data/bad-cursor` and what `createMaker` throws.
   */
  open(
    key: string,
    createMaker: (pool: Pick<DecodePool, "run">) => BatchMaker,
    from: Cursor,
    { admit, stride = 1 }: BatchStreamOptions = {},
  ): BatchStream<MadeBatch> {
    const plan = this.#plans.get(key) ?? this.#createPlan(key, createMaker);
    const { batchesPerEpoch } = plan.maker;
    let cursor = checkCursor(from, batchesPerEpoch);
    const stream = {};
    const indexOf = ({ epoch, batch }: Cursor): number => epoch * batchesPerEpoch + batch;
    plan.positions.set(stream, indexOf(cursor));
    this.#plans.set(key, plan);
    /** Leases that the reader has not given back. */
    const held = new Set<Entry>();
    const ahead = new ReadAhead<Leased<MadeBatch>>({
      slots: STREAM_SLOTS,
      // The memory is the plan's.
      allocate: () => new Uint8Array(0),
      make: async () => {
        const entry = this.#lease(plan, cursor, indexOf(cursor));
        held.add(entry);
        cursor = cursorAfter(cursor, stride, batchesPerEpoch);
        plan.positions.set(stream, indexOf(cursor));
        const release = (): void => {
          if (held.delete(entry)) this.#release(entry);
        };
        return { item: await entry.batch, release };
      },
      admit,
    });
    return {
      async next() {
        const leased = await ahead.next();
        if (leased === null) return null;
        const release = (): void => {
          leased.item.release();
          leased.release();
        };
        return { item: leased.item.item, release };
      },
      close: (reason) => {
        ahead.close(reason);
        if (!plan.positions.delete(stream)) return;
        for (const entry of held) {
          entry.abandoned = true;
          this.#release(entry, reason);
        }
        held.clear();
        this.#trimPlan(plan);
        if (plan.positions.size === 0) this.#plans.delete(key);
      },
    };
  }

  /** Drops what is kept beyond `keepBytes`. */
  trim(): void {
    const limit = this.#options.keepBytes();
    while (this.#keptBytes > limit || this.#kept > KEPT_MOST) {
      const last = this.#lastNeeded();
      if (last === null) return;
      this.#drop(last);
    }
  }

  #createPlan(key: string, createMaker: (pool: Pick<DecodePool, "run">) => BatchMaker): Plan {
    const { pool } = this.#options;
    const owner = {};
    const maker = createMaker({ run: (task, batch, signal) => pool.run(task, batch, signal, owner) });
    return { key, maker, entries: new Map(), positions: new Map(), free: [] };
  }

  #lease(plan: Plan, cursor: Cursor, index: number): Entry {
    const existing = plan.entries.get(index);
    if (existing) {
      this.#shared++;
      if (existing.leases++ === 0) this.#isNotKept(existing);
      return existing;
    }
    this.#made++;
    const buffer = plan.free.pop() ?? this.#options.pool.allocate(plan.maker.pixelBytes);
    const abort = new AbortController();
    const batch = plan.maker.make(cursor, buffer, abort.signal);
    const entry: Entry = { plan, index, buffer, batch, made: false, leases: 1, abandoned: false, abort };
    plan.entries.set(index, entry);
    batch.then(
      () => {
        entry.made = true;
      },
      // The next stream that wants it tries again: the file may be back.
      () => this.#remove(entry),
    );
    return entry;
  }

  #release(entry: Entry, reason?: unknown): void {
    if (--entry.leases > 0) return;
    const { plan } = entry;
    if (plan.entries.get(entry.index) !== entry) return;
    if (!entry.made) {
      this.#remove(entry);
      entry.abort.abort(reason);
      return;
    }
    this.#keptBytes += entry.buffer.length;
    this.#kept++;
    this.#trimPlan(plan);
    this.trim();
  }

  /** Of the kept batches that no stream is still to read, the last few stay. */
  #trimPlan(plan: Plan): void {
    const first = Math.min(...plan.positions.values());
    const unneeded = [...plan.entries.values()]
      .filter(({ leases, index }) => leases === 0 && index < first)
      .sort((a, b) => b.index - a.index);
    const kept = plan.positions.size === 0 ? 0 : KEPT_FOR_NEWCOMERS;
    for (const entry of unneeded.slice(kept)) this.#drop(entry);
  }

  /** Of all kept batches the one that is needed last: one that no stream will read, or the one furthest ahead. */
  #lastNeeded(): Entry | null {
    let last: Entry | null = null;
    let lastDistance = -1;
    for (const { entries, positions } of this.#plans.values()) {
      const first = Math.min(...positions.values());
      for (const entry of entries.values()) {
        if (entry.leases > 0) continue;
        const distance = entry.index < first ? Number.POSITIVE_INFINITY : entry.index - first;
        if (distance <= lastDistance) continue;
        last = entry;
        lastDistance = distance;
      }
    }
    return last;
  }

  /** A kept batch is forgotten. */
  #drop(entry: Entry): void {
    this.#isNotKept(entry);
    this.#remove(entry);
    const { free, positions } = entry.plan;
    // Within what its streams reserved: buffers of batches that are on their way are theirs, too.
    const inUse = [...entry.plan.entries.values()].filter(({ leases }) => leases > 0).length;
    if (!entry.abandoned && free.length + inUse < STREAM_SLOTS * positions.size) free.push(entry.buffer);
  }

  #isNotKept({ buffer }: Entry): void {
    this.#kept--;
    this.#keptBytes -= buffer.length;
  }

  /** Another entry may have its place by now: tasks of an entry that was given up fail only when their turn comes. */
  #remove(entry: Entry): void {
    const { entries } = entry.plan;
    if (entries.get(entry.index) === entry) entries.delete(entry.index);
  }
}
