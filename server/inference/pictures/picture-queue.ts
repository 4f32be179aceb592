// Picture queue: pictures to be decoded, by priority, and in turn among the callers and requests of one priority.

import { GroupedFairQueue } from "../../fair-queue.js";
import { rankOf } from "../engine/waiting-request.js";

interface Queued {
  priority: number;
  caller: string;
  owner: object;
  /** When it arrived, by performance.now(). */
  since: number;
}

type Level<Job> = [priority: number, queue: GroupedFairQueue<Job>];

export class PictureQueue<Job extends Queued> {
  /** By priority, in ascending order of the keys; none is empty. */
  #levels: Level<Job>[] = [];

  push(job: Job): void {
    const { priority } = job;
    const place = this.#levels.findIndex(([other]) => other >= priority);
    const found = this.#levels[place];
    const queue = found?.[0] === priority ? found[1] : new GroupedFairQueue<Job>();
    queue.push(job.caller, job.owner, job);
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

  /** All jobs of an owner, which are no longer queued. */
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

  /** Jobs that would be taken before the last of `count` new ones of a new owner. */
  ahead(priority: number, caller: string, count: number): number {
    let ahead = 0;
    for (const [level, queue] of this.#levels) {
      if (level < priority) ahead += queue.size;
      else if (level === priority) ahead += queue.ahead(caller, count);
    }
    return ahead;
  }
}
