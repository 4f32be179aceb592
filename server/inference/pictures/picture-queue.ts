// Picture queue: pictures to be decoded, in turn among callers; of one caller by priority, and in turn among its requests
// of one priority.

import { FairQueue } from "../../fair-queue.js";
import { rankOf } from "../engine/waiting-request.js";

interface Queued {
  priority: number;
  caller: string;
  owner: object;
  /** When it arrived, by performance.now(). */
  since: number;
}

type Level<Job> = [priority: number, queue: FairQueue<Job>];

/** The pictures of one caller. */
class CallerQueue<Job extends Queued> {
  /** By priority, in ascending order of the keys; none is empty. */
  #levels: Level<Job>[] = [];

  push(job: Job): void {
    const { priority } = job;
    const place = this.#levels.findIndex(([other]) => other >= priority);
    const found = this.#levels[place];
    const queue = found?.[0] === priority ? found[1] : new FairQueue<Job>();
    queue.push(job.owner, job);
    if (queue !== found?.[1])
      this.#levels.splice(place < 0 ? this.#levels.length : place, 0, [priority, queue]);
  }

  /** Of the levels, that whose next job has the lowest rank: no flood of urgent ones starves the others. */
  take(): Job | undefined {
    const rank = ([priority, queue]: Level<Job>) => rankOf(priority, queue.peek()?.since);
    const [first] = this.#levels.toSorted((a, b) => rank(a) - rank(b));
    const job = first?.[1].take();
    if (first?.[1].size === 0) this.#levels = this.#levels.filter((level) => level !== first);
    return job;
  }

  remove(owner: object): Job[] {
    const removed = this.#levels.flatMap(([, queue]) => queue.remove(owner));
    this.#levels = this.#levels.filter(([, queue]) => queue.size > 0);
    return removed;
  }

  takeAll(): Job[] {
    return this.#levels.splice(0).flatMap(([, queue]) => queue.takeAll());
  }

  get size(): number {
    return this.#levels.reduce((sum, [, queue]) => sum + queue.size, 0);
  }

  ahead(priority: number, count: number): number {
    let ahead = 0;
    for (const [level, queue] of this.#levels) {
      if (level < priority) ahead += queue.size;
      else if (level === priority) ahead += queue.ahead(count);
    }
    return ahead;
  }
}

export class PictureQueue<Job extends Queued> {
  /** Callers with pictures, the next one to be served first. */
  readonly #callers = new Map<string, CallerQueue<Job>>();

  /** A caller without pictures takes its turn after all others. */
  push(job: Job): void {
    const queue = this.#callers.get(job.caller) ?? new CallerQueue<Job>();
    queue.push(job);
    this.#callers.set(job.caller, queue);
  }

  /** One picture of the caller whose turn it is. */
  take(): Job | undefined {
    for (const [caller, queue] of this.#callers) {
      const job = queue.take();
      this.#callers.delete(caller);
      if (queue.size > 0) this.#callers.set(caller, queue);
      return job;
    }
    return undefined;
  }

  /** All jobs of an owner, which are no longer queued. */
  remove(owner: object): Job[] {
    const removed: Job[] = [];
    for (const [caller, queue] of this.#callers) {
      removed.push(...queue.remove(owner));
      if (queue.size === 0) this.#callers.delete(caller);
    }
    return removed;
  }

  takeAll(): Job[] {
    const jobs = [...this.#callers.values()].flatMap((queue) => queue.takeAll());
    this.#callers.clear();
    return jobs;
  }

  get size(): number {
    let size = 0;
    for (const queue of this.#callers.values()) size += queue.size;
    return size;
  }

  /** Jobs that would be taken before the last of `count` new ones of a new owner. */
  ahead(priority: number, caller: string, count: number): number {
    const own = this.#callers.get(caller)?.ahead(priority, count) ?? 0;
    let ahead = own;
    for (const [other, queue] of this.#callers)
      if (other !== caller) ahead += Math.min(queue.size, own + count);
    return ahead;
  }
}
