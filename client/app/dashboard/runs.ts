// Runs: which runs there are, which one is shown, and which are compared. The page's address says so too, so that it can
// be kept and sent.

import { batch, computed, effect, type ReadonlySignal, signal, untracked } from "@preact/signals";
import type { RunEntry } from "../../../proto/dashboard.js";
import type { Failure } from "../design/notice.js";
import { type FollowedRun, followRun } from "./followed-run.js";
import { listRuns, Refusal, signIn } from "./server-calls.js";

const LIST_MS = 4_000;
/** A color each. */
const MOST_COMPARED = 6;

export interface Runs {
  readonly entries: ReadonlySignal<readonly RunEntry[]>;
  /** The runs on display: one, or several beside each other. */
  readonly followed: ReadonlySignal<readonly FollowedRun[]>;
  /** Why there is no list; null: there is one, or the server is only silent now. */
  readonly failure: ReadonlySignal<Failure | null>;
  readonly isLoaded: ReadonlySignal<boolean>;
  /** Whether the server did not answer when it was last asked for the list. */
  readonly isSilent: ReadonlySignal<boolean>;
  show(id: string): void;
  compare(id: string, isCompared: boolean): void;
}

/** `?run=a&run=b`; nothing: the first run of the list, also when another one becomes the first. */
const chosenByAddress = (): string[] =>
  new URLSearchParams(location.search).getAll("run").slice(0, MOST_COMPARED);

function writeAddress(ids: readonly string[]): void {
  const query = new URLSearchParams(ids.map((id) => ["run", id]));
  history.replaceState(null, "", ids.length > 0 ? `?${query}` : location.pathname);
}

export function openRuns(): Runs {
  const entries = signal<readonly RunEntry[]>([]);
  const failure = signal<Failure | null>(null);
  const isLoaded = signal(false);
  const isSilent = signal(false);
  const chosen = signal<readonly string[]>(chosenByAddress());
  const ids = computed(() => {
    const known = chosen.value.filter((id) => entries.value.some((entry) => entry.id === id));
    if (known.length > 0) return known;
    return entries.value.slice(0, 1).map(({ id }) => id);
  });
  const followed = signal<readonly FollowedRun[]>([]);
  const idList = computed(() => JSON.stringify(ids.value));
  effect(() => {
    const wanted = JSON.parse(idList.value) as string[];
    const before = untracked(() => followed.value);
    const kept = (id: string) => before.find((run) => run.id === id) ?? followRun(id);
    followed.value = wanted.map(kept);
    for (const run of before) if (!wanted.includes(run.id)) run.close();
  });

  const load = async (): Promise<void> => {
    try {
      const list = await listRuns();
      batch(() => {
        entries.value = list;
        failure.value = null;
        isLoaded.value = true;
        isSilent.value = false;
      });
    } catch (error) {
      isSilent.value = !(error instanceof Refusal);
      if (error instanceof Refusal)
        failure.value = { line: "The server does not show its runs.", advice: error.message };
      else if (!isLoaded.value)
        failure.value = {
          line: "The server does not answer.",
          advice: "Is the command that printed this link still running? The page goes on trying.",
        };
    }
  };
  const keepLoading = async (): Promise<void> => {
    if (!document.hidden) await load();
    setTimeout(keepLoading, LIST_MS);
  };
  signIn()
    .catch((error) => console.error(error))
    .then(keepLoading);
  document.addEventListener("visibilitychange", () => document.hidden || void load());

  const choose = (list: readonly string[]): void => {
    chosen.value = list;
    writeAddress(list);
  };
  return {
    entries,
    followed,
    failure,
    isLoaded,
    isSilent,
    show: (id) => choose([id]),
    compare: (id, isCompared) => {
      const others = ids.value.filter((other) => other !== id);
      choose(isCompared ? [...others, id].slice(-MOST_COMPARED) : others);
    },
  };
}
