// Parquet reader: asks a process for the contents of one Parquet file. A process that runs out of memory or time is an
// error of the file.

import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { fromErrorRecord, VitrineError } from "../../../runtime/errors.js";
import { badParquet } from "./image-columns.js";
import type { OpenedParquet, ParquetAnswer, ParquetPicture, ParquetRequest } from "./parquet-process.js";

const SCRIPT = fileURLToPath(new URL("./parquet-process.js", import.meta.url));

/** Beside the bytes of pages, which are no part of it. A group of 100,000 rows takes about 50 MB. */
const HEAP_MIB = 512;
/** A group of 1 GiB takes seconds to decompress, on a network drive a minute to read. */
const ANSWER_MS = 300_000;

export class ParquetReader {
  readonly #path: string;
  readonly #process: ChildProcess;
  #settle: ((answer: ParquetAnswer | VitrineError) => void) | undefined;
  #ended: VitrineError | undefined;

  private constructor(path: string) {
    this.#path = path;
    this.#process = fork(SCRIPT, [path], {
      execArgv: [`--max-old-space-size=${HEAP_MIB}`],
      serialization: "advanced",
      // V8 writes pages of text when it ends.
      stdio: ["ignore", "ignore", "ignore", "ipc"],
    });
    this.#process.on("message", (answer) => this.#settle?.(answer as ParquetAnswer));
    this.#process.on("error", (error) => this.#end(error.message, error));
    this.#process.on("exit", () =>
      this.#end(
        "the process that reads it ended: what its pages or its footer expand to does not fit in memory",
      ),
    );
  }

  #end(what: string, cause?: Error): void {
    this.#ended ??= badParquet(this.#path, what, cause);
    this.#settle?.(this.#ended);
  }

  async #answer<Kind extends ParquetAnswer["kind"]>(
    kind: Kind,
    request?: ParquetRequest,
  ): Promise<Extract<ParquetAnswer, { kind: Kind }>> {
    const answer = await new Promise<ParquetAnswer | VitrineError>((resolve) => {
      if (this.#ended) return resolve(this.#ended);
      const timer = setTimeout(() => {
        this.#end(`no answer after ${ANSWER_MS / 1000} s`);
        this.close();
      }, ANSWER_MS);
      this.#settle = (settled) => {
        clearTimeout(timer);
        this.#settle = undefined;
        resolve(settled);
      };
      if (request) this.#process.send(request, (error) => error && this.#end(error.message, error));
    });
    if (answer instanceof VitrineError) throw answer;
    if (answer.kind === "failed") throw fromErrorRecord(answer.error);
    if (answer.kind !== kind) throw badParquet(this.#path, `${answer.kind} where ${kind} was asked for`);
    return answer as Extract<ParquetAnswer, { kind: Kind }>;
  }

  /** Throws `data/parquet`, `file/…`; nothing keeps running then. */
  static async open(path: string): Promise<{ reader: ParquetReader; opened: OpenedParquet }> {
    const reader = new ParquetReader(path);
    try {
      return { reader, opened: (await reader.#answer("opened")).opened };
    } catch (error) {
      reader.close();
      throw error;
    }
  }

  /** Label of each row of a group, as text. Throws `data/parquet`. */
  async labels(group: number): Promise<(string | undefined)[]> {
    return (await this.#answer("labels", { what: "labels", group, from: 0 })).labels;
  }

  /** Picture of each of a group's `rows`. Throws `data/parquet`. */
  async *pictures(group: number, rows: number): AsyncGenerator<ParquetPicture> {
    for (let from = 0; from < rows; ) {
      const { pictures } = await this.#answer("pictures", { what: "pictures", group, from });
      if (pictures.length === 0) throw badParquet(this.#path, `row group ${group} ends at row ${from}`);
      from += pictures.length;
      yield* pictures;
    }
  }

  close(): void {
    this.#process.kill("SIGKILL");
  }
}
