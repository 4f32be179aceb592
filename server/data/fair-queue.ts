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

  get size(): number {
    let size = 0;
    for (const queue of this.#queues.values()) size += queue.length;
    return size;
  }

  /** All items; the queue is empty then. */
  takeAll(): T[] {
    const items = [...this.#queues.values()].flat();
    this.#queues.clear();
    return items;
  }
}
