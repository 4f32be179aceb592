// Listing faults: samples that cannot be listed, counted and named together; under `skip` and `partial` left out.

import { counted } from "../../runtime/batches/class-counts.js";
import { type ErrorCode, VitrineError } from "../../runtime/errors.js";

/** As many are named. */
const NAMED = 5;

export class ListingFaults {
  /** What cannot be done with them. */
  readonly #cannot: string;
  #count = 0;
  readonly #first: string[] = [];

  constructor(cannot: "listed" | "read" = "listed") {
    this.#cannot = cannot;
  }

  /** `what`: where it is and what is wrong, one line, quoted. */
  add(what: string): void {
    this.#count++;
    if (this.#first.length < NAMED) this.#first.push(what);
  }

  get count(): number {
    return this.#count;
  }

  /** "a.jpg: broken link; b.jpg: no such file" and the number of the others. */
  get named(): string {
    const rest = this.#count - this.#first.length;
    return this.#first.join("; ") + (rest > 0 ? `; and ${rest.toLocaleString("en-US")} more` : "");
  }

  /**
   * What is left out, as a sentence, empty where nothing is. Throws an error with `code` where something is and nothing
   * may be: `mayLeaveOut` is false.
   */
  settle(subject: string, code: ErrorCode, path: string, mayLeaveOut: boolean): string {
    if (this.#count === 0) return "";
    if (!mayLeaveOut) {
      const text =
        this.#count === 1
          ? `${subject}${this.named}`
          : `${subject}${counted(this.#count, "entry", "entries")} cannot be ${this.#cannot}: ${this.named}`;
      throw new VitrineError(code, `${text} (--bad-samples skip leaves out what cannot be ${this.#cannot})`, {
        details: { path, faults: this.#count },
      });
    }
    const [one, many] = ["entry", "entries"].map((entries) => `${entries} cannot be ${this.#cannot} and`);
    return `${counted(this.#count, `${one} is`, `${many} are`)} left out: ${this.named}`;
  }
}
