// Pauses: long work on a thread that serves others stops now and then, so that the events that wait are handled. The
// same in Node and in a browser, where timers would wait too long: up to a second in a tab in the background.

/** Work between two pauses. */
const SLICE_MS = 8;

function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}

export class Pauses {
  #since = performance.now();

  /** Call between two pieces of work. Pauses where the last pause was a slice ago. */
  async pause(): Promise<void> {
    if (performance.now() - this.#since < SLICE_MS) return;
    await nextTurn();
    this.#since = performance.now();
  }
}
