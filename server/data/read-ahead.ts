// Read-ahead: makes the next few items of a sequence into a fixed number of leased buffers, in order.

/** An item whose buffer is its reader's until `release`. */
export interface Leased<T> {
  item: T;
  release(): void;
}

export interface ReadAheadOptions<T> {
  /** Buffers, which bound what is made and not yet released. */
  slots: number;
  allocate(): Uint8Array;
  /** Starts the next item, to be written into `buffer`; null at the end of the sequence. Never called twice at once. */
  make(buffer: Uint8Array, signal: AbortSignal): Promise<T> | null;
  /** Awaited before each item is begun. */
  admit?(): Promise<void>;
}

export class ReadAhead<T> {
  private readonly free: Uint8Array[] = [];
  private allocated = 0;
  private wakePump: (() => void) | null = null;
  /** Begun items in order; null marks the end. */
  private readonly begun: (Promise<Leased<T>> | null)[] = [];
  private wakeReader: (() => void) | null = null;
  private readonly abort = new AbortController();

  constructor(private readonly options: ReadAheadOptions<T>) {
    void this.pump();
  }

  /** The next item, or null at the end. One reader at a time. Rejects where its making failed. */
  async next(): Promise<Leased<T> | null> {
    for (;;) {
      this.abort.signal.throwIfAborted();
      const [first] = this.begun;
      if (first === null) return null;
      if (first !== undefined) {
        this.begun.shift();
        return this.unlessClosed(first);
      }
      await new Promise<void>((resolve) => {
        this.wakeReader = resolve;
      });
    }
  }

  /** No item is begun any more; whoever waits gets `reason`. Buffers in use are left to the garbage collector. */
  close(reason: unknown): void {
    this.abort.abort(reason);
    this.wakePump?.();
    this.wakeReader?.();
  }

  /** The item, or the reason for closing, whichever comes first. */
  private unlessClosed(item: Promise<Leased<T>>): Promise<Leased<T>> {
    const { signal } = this.abort;
    return new Promise((resolve, reject) => {
      const closed = (): void => reject(signal.reason);
      signal.addEventListener("abort", closed, { once: true });
      item.then(resolve, reject).finally(() => signal.removeEventListener("abort", closed));
    });
  }

  private async freeBuffer(): Promise<Uint8Array> {
    for (;;) {
      this.abort.signal.throwIfAborted();
      const buffer = this.free.pop();
      if (buffer) return buffer;
      if (this.allocated < this.options.slots) {
        this.allocated++;
        return this.options.allocate();
      }
      await new Promise<void>((resolve) => {
        this.wakePump = resolve;
      });
    }
  }

  private push(item: Promise<Leased<T>> | null): void {
    // A reader that stops early leaves items that nobody awaits.
    item?.catch(() => {});
    this.begun.push(item);
    this.wakeReader?.();
  }

  private async pump(): Promise<void> {
    const { signal } = this.abort;
    try {
      for (;;) {
        const buffer = await this.freeBuffer();
        await this.options.admit?.();
        signal.throwIfAborted();
        const made = this.options.make(buffer, signal);
        if (made === null) return this.push(null);
        this.push(made.then((item) => this.lease(item, buffer)));
      }
    } catch (error) {
      this.push(Promise.reject(error));
    }
  }

  private lease(item: T, buffer: Uint8Array): Leased<T> {
    let held = true;
    const release = (): void => {
      if (!held) return;
      held = false;
      this.free.push(buffer);
      this.wakePump?.();
    };
    return { item, release };
  }
}
