// Silence: tells the other side that this one is alive, and notices when the other side has been silent for too long. Time
// in which this process did not run (a blocked event loop, a stopped process) counts as nobody's silence: what arrived
// meanwhile is read only afterward.

/** Beats in the time after which the other side counts as lost. */
const BEATS = 4;
const LEAST_BEAT_MS = 20;

export interface SilenceOptions {
  silenceMs: number;
  beat(): void;
  /** Called once, with the seconds of silence. */
  onSilent(seconds: number): void;
}

export class SilenceWatch {
  readonly #options: SilenceOptions;
  readonly #timer: NodeJS.Timeout;
  readonly #beatMs: number;
  #heardAt = performance.now();
  #lastBeat = performance.now();

  constructor(options: SilenceOptions) {
    this.#options = options;
    this.#beatMs = Math.max(LEAST_BEAT_MS, options.silenceMs / BEATS);
    this.#timer = setInterval(() => this.#tick(), this.#beatMs);
    this.#timer.unref();
  }

  heard(): void {
    this.#heardAt = performance.now();
  }

  #tick(): void {
    const now = performance.now();
    if (now - this.#lastBeat > 2 * this.#beatMs) this.#heardAt = now;
    this.#lastBeat = now;
    const silentMs = now - this.#heardAt;
    if (silentMs <= this.#options.silenceMs) return void this.#options.beat();
    this.close();
    this.#options.onSilent(Math.round(silentMs / 100) / 10);
  }

  close(): void {
    clearInterval(this.#timer);
  }
}
