// Events: what happens next in a simulated time, and things that do one piece of work after another.

interface Event {
  time: number;
  /** Of two events at the same time, the one that was planned first comes first. */
  number: number;
  run: () => void;
}

const isBefore = (a: Event, b: Event): boolean =>
  a.time < b.time || (a.time === b.time && a.number < b.number);

/** A clock that jumps from event to event. Seconds. */
export class Timeline {
  now = 0;
  /** A binary heap: the earliest event first. */
  readonly #events: Event[] = [];
  #planned = 0;

  at(time: number, run: () => void): void {
    const event = { time, number: this.#planned++, run };
    let place = this.#events.push(event) - 1;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (!isBefore(event, this.#events[parent])) break;
      this.#events[place] = this.#events[parent];
      place = parent;
    }
    this.#events[place] = event;
  }

  /** Runs until `isDone`, or until nothing is left to happen. */
  run(isDone: () => boolean): void {
    while (this.#events.length > 0 && !isDone()) {
      const event = this.#take();
      this.now = event.time;
      event.run();
    }
  }

  #take(): Event {
    const [first] = this.#events;
    const last = this.#events.pop() as Event;
    if (this.#events.length === 0) return first;
    let place = 0;
    for (;;) {
      let child = 2 * place + 1;
      if (child >= this.#events.length) break;
      if (child + 1 < this.#events.length && isBefore(this.#events[child + 1], this.#events[child])) child++;
      if (!isBefore(this.#events[child], last)) break;
      this.#events[place] = this.#events[child];
      place = child;
    }
    this.#events[place] = last;
    return first;
  }
}

/** A link, a drive or a thread: does one piece of work after another. */
export class Line {
  /** Seconds that it worked, since `reset`. */
  busy = 0;
  #freeAt = 0;

  /** Work that is there at `from` and takes `seconds` → when it is done. */
  take(from: number, seconds: number): number {
    this.#freeAt = Math.max(from, this.#freeAt) + seconds;
    this.busy += seconds;
    return this.#freeAt;
  }
}
