// Read-ahead: makes the next few items of a sequence in order, ahead of their reader, in a fixed number of leased
// buffers.

/** Batches of a stream in memory: one being read or sent, and two in the making, so that workers never wait. */
export const STREAM_SLOTS = 3;

export interface BatchStreamOptions {
  /** Awaited before each batch is started. */
  admit?(): Promise<void>;
  /** Only every stride-th batch. Default 1: every batch. */
  stride?: number;
}

/** An item whose buffer belongs to its reader until `release`. */
export interface Leased<T> {
  item: T;
  release(): void;
}

/** Items in order, for one reader. */
export interface BatchStream<T> {
  /** The next item, or null at the end. Rejects where making it failed. */
  next(): Promise<Leased<T> | null>;
  /** Rejects a waiting reader with `reason`. What it holds stays intact. */
  close(reason: unknown): void;
}

export interface ReadAheadOptions<T> {
  /** Number of buffers: a bound on the items made and not yet released. */
  slots: number;
  allocate(): Uint8Array;
  /** Starts the next item, to be written into `buffer`; null at the end of the sequence. Never called twice at once. */
  make(buffer: Uint8Array, signal: AbortSignal): Promise<T> | null;
  /** Awaited before each item is started. */
  admit?(): Promise<void>;
}

export class ReadAhead<T> implements BatchStream<T> {
  readonly #options: ReadAheadOptions<T>;
  readonly #free: Uint8Array[] = [];
  #allocated = 0;
  #wakePump: (() => void) | null = null;
  /** Items in the making or finished, in order; null marks the end. */
  readonly #started: (Promise<Leased<T>> | null)[] = [];
  #wakeReader: (() => void) | null = null;
  readonly #abort = new AbortController();

  constructor(options: ReadAheadOptions<T>) {
    this.#options = options;
    void this.#pump();
  }

  /** The next item, or null at the end. One reader at a time. Rejects where making it failed. */
  async next(): Promise<Leased<T> | null> {
    for (;;) {
      this.#abort.signal.throwIfAborted();
      const [first] = this.#started;
      if (first === null) return null;
      if (first !== undefined) {
        this.#started.shift();
        return this.#unlessClosed(first);
      }
      await new Promise<void>((resolve) => {
        this.#wakeReader = resolve;
      });
    }
  }

  /** Starts no more items and rejects a waiting reader with `reason`. The garbage collector frees buffers in use. */
  close(reason: unknown): void {
    this.#abort.abort(reason);
    this.#wakePump?.();
    this.#wakeReader?.();
  }

  /** The item, or the reason for closing, whichever comes first. */
  #unlessClosed(item: Promise<Leased<T>>): Promise<Leased<T>> {
    const { signal } = this.#abort;
    return new Promise((resolve, reject) => {
      const closed = (): void => reject(signal.reason);
      signal.addEventListener("abort", closed, { once: true });
      item.then(resolve, reject).finally(() => signal.removeEventListener("abort", closed));
    });
  }

  async #freeBuffer(): Promise<Uint8Array> {
    for (;;) {
      this.#abort.signal.throwIfAborted();
      const buffer = this.#free.pop();
      if (buffer) return buffer;
      if (this.#allocated < this.#options.slots) {
        this.#allocated++;
        return this.#options.allocate();
      }
      await new Promise<void>((resolve) => {
        this.#wakePump = resolve;
      });
    }
  }

  #push(item: Promise<Leased<T>> | null): void {
    // A reader that stops early leaves items that are never awaited.
    item?.catch(() => {});
    this.#started.push(item);
    this.#wakeReader?.();
  }

  async #pump(): Promise<void> {
    const { signal } = this.#abort;
    try {
      for (;;) {
        const buffer = await this.#freeBuffer();
        await this.#options.admit?.();
        signal.throwIfAborted();
        const made = this.#options.make(buffer, signal);
        if (made === null) return this.#push(null);
        this.#push(made.then((item) => this.#lease(item, buffer)));
      }
    } catch (error) {
      this.#push(Promise.reject(error));
    }
  }

  #lease(item: T, buffer: Uint8Array): Leased<T> {
    let held = true;
    const release = (): void => {
      if (!held) return;
      held = false;
      this.#free.push(buffer);
      this.#wakePump?.();
    };
    return { item, release };
  }
}
