// Fair queue: items of several owners, taken in turn, so that an owner with many does not keep one with few waiting.

export class FairQueue<T> {
  /** Owners with items, the next one to be served first. */
  readonly #queues = new Map<object, T[]>();

  /** Behind the owner's other items. An owner without items takes its turn after all others. */
  push(owner: object, item: T): void {
    const queue = this.#queues.get(owner);
    if (queue) queue.push(item);
    else this.#queues.set(owner, [item]);
  }

  /** Before the owner's other items: it was taken already, and is to be done again. */
  putBack(owner: object, item: T): void {
    const queue = this.#queues.get(owner);
    if (queue) queue.unshift(item);
    else this.#queues.set(owner, [item]);
  }

  /** One item of the owner whose turn it is. */
  take(): T | undefined {
    for (const [owner, queue] of this.#queues) {
      const item = queue.shift();
      this.#queues.delete(owner);
      if (queue.length > 0) this.#queues.set(owner, queue);
      return item;
    }
    return undefined;
  }

  /** The item that `take` would give. */
  peek(): T | undefined {
    for (const [item] of this.#queues.values()) return item;
    return undefined;
  }

  /** All items of an owner, which waits no longer. */
  remove(owner: object): T[] {
    const items = this.#queues.get(owner) ?? [];
    this.#queues.delete(owner);
    return items;
  }

  get size(): number {
    let size = 0;
    for (const queue of this.#queues.values()) size += queue.length;
    return size;
  }

  /** Items that would be taken before the last of `count` items of an owner that has none yet. */
  ahead(count: number): number {
    let ahead = 0;
    for (const queue of this.#queues.values()) ahead += Math.min(queue.length, count);
    return ahead;
  }

  /** All items; the queue is empty then. */
  takeAll(): T[] {
    const items = [...this.#queues.values()].flat();
    this.#queues.clear();
    return items;
  }
}
