// Data wait: which stage a run waits for when it waits for its data, and what would help, as far as the trainer can tell.

/** `decoding` in this process, `server`: batches are not made, `transfer`: they are made, but arrive slowly. */
export type DataStage = "decoding" | "server" | "transfer";

/** Waiting for data is shown where it costs this fraction of the time. */
export const NOTABLE_DATA_WAIT = 0.05;

/** Steps before the first word about it: connections and kernels are cold at first. */
const FIRST_STEP = 20;

const REMEDIES: Readonly<Record<DataStage, string>> = {
  decoding:
    "the decode threads of this process do not keep up: more of them (--workers), or machines that share the work " +
    "(vitrine data-server, --data-server)",
  server:
    "the data server makes batches more slowly than they are trained on: give it more decode threads (--workers) or " +
    "name several servers (--data-server)",
  transfer:
    "batches are made but arrive slowly, by the network or a data server that is busy with sending: a faster link, " +
    "unix:PATH on the same machine, or several servers (--data-server)",
};

/** The stage that most of the waiting was for. `transferSeconds`: absent where no server sends the batches. */
export function stageOf(waitSeconds: number, transferSeconds: number | undefined): DataStage {
  if (transferSeconds === undefined) return "decoding";
  return transferSeconds > waitSeconds / 2 ? "transfer" : "server";
}

/** Says once in a run what the waiting is for. */
export class DataWaitAdvice {
  #steps = 0;
  #isSaid = false;

  /** After a step; a sentence, or null. */
  after({ dataWait, dataStage }: { dataWait: number; dataStage: DataStage }): string | null {
    if (this.#isSaid || ++this.#steps < FIRST_STEP || dataWait < NOTABLE_DATA_WAIT) return null;
    this.#isSaid = true;
    return (
      `waiting for data takes ${Math.round(100 * dataWait)}% of the time: ${REMEDIES[dataStage]}; ` +
      "vitrine doctor --data PATH or ADDRESS measures each stage"
    );
  }
}
