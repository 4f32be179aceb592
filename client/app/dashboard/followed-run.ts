// Followed run: a run as this page knows it: a snapshot, then events, and a snapshot again after every gap.

import { type Signal, signal } from "@preact/signals";
import type { RunEvent, RunSnapshot } from "../../../proto/dashboard.js";
import { RunCurves } from "../../../proto/run-curve.js";
import { Refusal, readRun, runPath } from "./server-calls.js";

/** Lines that the page keeps. */
const MOST_LINES = 200;
/** The server says that it is alive every ten seconds. */
const SILENCE_MS = 25_000;
const RETRY_MS = 2_000;

export type Connection =
  | { kind: "connecting" }
  | { kind: "open" }
  /** The server is gone; the page goes on trying. */
  | { kind: "lost"; since: Date }
  | { kind: "refused"; reason: string };

export interface FollowedRun {
  readonly id: string;
  readonly run: Signal<RunSnapshot | null>;
  readonly connection: Signal<Connection>;
  close(): void;
}

function applied(run: RunSnapshot, curves: RunCurves, event: RunEvent): RunSnapshot {
  switch (event.type) {
    case "step": {
      // Those before the snapshot are in its curves.
      if (event.step < run.step) return run;
      curves.add(event.step, event.values);
      const { progress = run.progress } = event;
      return { ...run, step: event.step, progress, curves: curves.points() };
    }
    case "state":
      return { ...run, ...event.state };
    case "line":
      return { ...run, lines: [...run.lines, event.line].slice(-MOST_LINES) };
    case "reload":
      return run;
  }
}

/** Follows a run until `close`. A hidden page follows nothing: a browser has few connections for a server. */
export function followRun(id: string): FollowedRun {
  const run = signal<RunSnapshot | null>(null);
  const connection = signal<Connection>({ kind: "connecting" });
  let curves = new RunCurves();
  let stream: EventSource | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isClosed = false;
  /** Events that arrive while the snapshot is on its way; null: none is. */
  let waiting: RunEvent[] | null = null;

  const load = async (): Promise<void> => {
    if (waiting) return;
    waiting = [];
    try {
      const snapshot = await readRun(id);
      curves = new RunCurves(snapshot.curves);
      run.value = waiting.reduce((before, event) => applied(before, curves, event), snapshot);
    } finally {
      waiting = null;
    }
  };
  const disconnect = (): void => {
    clearTimeout(timer);
    stream?.close();
    stream = undefined;
  };
  const lose = (): void => {
    disconnect();
    if (isClosed) return;
    if (connection.value.kind !== "lost") connection.value = { kind: "lost", since: new Date() };
    timer = setTimeout(connect, RETRY_MS);
  };
  const expectSigns = (): void => {
    clearTimeout(timer);
    timer = setTimeout(lose, SILENCE_MS);
  };
  const connect = (): void => {
    disconnect();
    if (isClosed || document.hidden) return;
    stream = new EventSource(`./api/${runPath(id)}/events`);
    stream.onopen = async () => {
      expectSigns();
      try {
        await load();
        connection.value = { kind: "open" };
      } catch (error) {
        if (!(error instanceof Refusal)) return lose();
        connection.value = { kind: "refused", reason: error.message };
      }
    };
    stream.onmessage = ({ data }) => {
      expectSigns();
      const event = JSON.parse(data) as RunEvent;
      if (event.type === "reload") load().catch(lose);
      else if (waiting) waiting.push(event);
      else if (run.value) run.value = applied(run.value, curves, event);
    };
    stream.addEventListener("alive", expectSigns);
    stream.onerror = lose;
  };
  document.addEventListener("visibilitychange", connect);
  connect();
  return {
    id,
    run,
    connection,
    close() {
      isClosed = true;
      document.removeEventListener("visibilitychange", connect);
      disconnect();
    },
  };
}
