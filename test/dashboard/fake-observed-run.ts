// Fake observed run: a run whose events, commands and pictures are what a test says.

import type { BatchView, MistakesView, RunCommand, RunEvent, RunSnapshot } from "../../proto/dashboard.js";
import { startDashboard } from "../../server/dashboard/dashboard-server.js";
import type { StreamLimits } from "../../server/dashboard/event-streams.js";
import type { ObservedRun } from "../../server/dashboard/observed-run.js";

export class FakeObservedRun implements ObservedRun {
  readonly commands: RunCommand[] = [];
  /** What differs from a run in its third step. */
  state: Partial<RunSnapshot> = {};
  readonly #listeners = new Set<(event: RunEvent) => void>();

  get listeners(): number {
    return this.#listeners.size;
  }

  async snapshot(): Promise<RunSnapshot> {
    return {
      ...{ id: "fake", name: "fake", isLive: true, phase: "training", step: 3, steps: 10, best: null },
      ...{ activity: "", advice: "", progress: null, facts: [], settings: [], curves: {}, scores: null },
      ...{ checkpoints: [], lines: [], hasBatches: true, hasMistakes: true },
      ...this.state,
    };
  }

  entry(): Promise<RunSnapshot> {
    return this.snapshot();
  }

  subscribe(listener: (event: RunEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  send(event: RunEvent): void {
    for (const listener of this.#listeners) listener(event);
  }

  async command(command: RunCommand): Promise<string> {
    this.commands.push(command);
    return `did ${command}`;
  }

  batch(_after: number, signal: AbortSignal): Promise<BatchView | null> {
    return new Promise((resolve) => signal.addEventListener("abort", () => resolve(null)));
  }

  async mistakes(): Promise<MistakesView> {
    return { number: 0, pictures: null, done: 0, total: 0, reason: "none yet", size: 0 };
  }

  async picture(_kind: "batch" | "mistakes", number: number, place: number): Promise<Uint8Array | null> {
    return number === 1 && place === 2 ? Uint8Array.of(0xff, 0xd8) : null;
  }
}

/** A server of one fake run, whose page is a line of text. */
export async function fakeDashboard(listen = "127.0.0.1:0", limits: Partial<StreamLimits> = {}) {
  const run = new FakeObservedRun();
  const runs = {
    list: async () => [await run.entry()],
    find: async (id: string) => (id === "fake" ? run : undefined),
  };
  const server = await startDashboard({
    ...{ listen, flag: "--listen", runs, limits, headers: { "x-own": "yes" } },
    page: (request, response, missing) =>
      request.url === "/dashboard.html" ? response.end("the page") : missing(),
  });
  return { run, server };
}
