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

/** Items of owners that belong to groups: the groups take turns, and the owners of a group in its turns. */
export class GroupedFairQueue<T> {
  /** Groups with items, the next one to be served first. */
  readonly #groups = new Map<string, FairQueue<T>>();

  push(group: string, owner: object, item: T): void {
    const queue = this.#groups.get(group) ?? new FairQueue<T>();
    queue.push(owner, item);
    this.#groups.set(group, queue);
  }

  /** One item of the group whose turn it is. */
  take(): T | undefined {
    for (const [group, queue] of this.#groups) {
      const item = queue.take();
      this.#groups.delete(group);
      if (queue.size > 0) this.#groups.set(group, queue);
      return item;
    }
    return undefined;
  }

  /** The item that `take` would give. */
  peek(): T | undefined {
    for (const queue of this.#groups.values()) return queue.peek();
    return undefined;
  }

  /** All items of an owner, which waits no longer. */
  remove(owner: object): T[] {
    const removed: T[] = [];
    for (const [group, queue] of this.#groups) {
      removed.push(...queue.remove(owner));
      if (queue.size === 0) this.#groups.delete(group);
    }
    return removed;
  }

  get size(): number {
    let size = 0;
    for (const queue of this.#groups.values()) size += queue.size;
    return size;
  }

  /** Items that would be taken before the last of `count` items of a new owner in a group. */
  ahead(group: string, count: number): number {
    const own = this.#groups.get(group)?.ahead(count) ?? 0;
    let ahead = own;
    for (const [other, queue] of this.#groups)
      if (other !== group) ahead += Math.min(queue.size, own + count);
    return ahead;
  }

  /** All items; the queue is empty then. */
  takeAll(): T[] {
    const items = [...this.#groups.values()].flatMap((queue) => queue.takeAll());
    this.#groups.clear();
    return items;
  }
}
