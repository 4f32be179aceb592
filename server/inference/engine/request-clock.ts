// Request clock: splits a request's time into waiting, decoding and computing, so that the three add up to the whole.
// While a batch with images of it runs, it computes; else, while a picture of it is decoded, it decodes; else it waits.

type Part = "queue" | "decode" | "compute";

export class RequestClock {
  readonly #seconds: Record<Part, number> = { queue: 0, decode: 0, compute: 0 };
  #since = performance.now();
  #decoding = 0;
  #computing = 0;

  decodeStarted(): void {
    this.#change(() => this.#decoding++);
  }

  decodeEnded(): void {
    this.#change(() => this.#decoding--);
  }

  computeStarted(): void {
    this.#change(() => this.#computing++);
  }

  computeEnded(): void {
    this.#change(() => this.#computing--);
  }

  /** Until now. */
  seconds(): Record<Part | "total", number> {
    this.#change(() => {});
    const { queue, decode, compute } = this.#seconds;
    return { total: queue + decode + compute, queue, decode, compute };
  }

  #change(change: () => void): void {
    const now = performance.now();
    const part = this.#computing > 0 ? "compute" : this.#decoding > 0 ? "decode" : "queue";
    this.#seconds[part] += (now - this.#since) / 1000;
    this.#since = now;
    change();
  }
}
