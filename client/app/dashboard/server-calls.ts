// Server calls: what the page asks of its server, and errors in words that say what to do.

import type { BatchView, MistakesView, RunCommand, RunEntry, RunSnapshot } from "../../../proto/dashboard.js";

/** A server on the same machine answers in milliseconds; one that is stopped in a debugger does not. */
const ANSWER_MS = 15_000;
/** Longer than the server waits for a batch, or a step takes that a save waits for. */
const PATIENT_MS = 600_000;

/** The server answered, but not with what was asked for. */
export class Refusal extends Error {
  readonly status: number;

  constructor(status: number, text: string) {
    super(text);
    this.status = status;
  }
}

/** `network/forbidden: pages of …` → without the code, as a sentence. */
function sentence(text: string): string {
  const plain = text.replace(/^[a-z-]+\/[a-z-]+: /, "");
  return plain.charAt(0).toUpperCase() + plain.slice(1) + (/[.!?]$/.test(plain) ? "" : ".");
}

async function call<Answer>(path: string, init: RequestInit = {}, ms = ANSWER_MS): Promise<Answer | null> {
  const timeout = AbortSignal.timeout(ms);
  const signal = init.signal ? AbortSignal.any([init.signal, timeout]) : timeout;
  const response = await fetch(`./api/${path}`, { ...init, signal });
  if (response.status === 204) return null;
  const body = (await response.json()) as Answer & { error?: string };
  if (response.ok) return body;
  throw new Refusal(response.status, sentence(body.error ?? `The server answered ${response.status}`));
}

const post = (body: object): RequestInit => ({
  method: "POST",
  headers: { "content-type": "application/json" },
  body: JSON.stringify(body),
});

export const runPath = (id: string): string => `runs/${encodeURIComponent(id)}`;

export async function listRuns(): Promise<RunEntry[]> {
  return (await call<RunEntry[]>("runs")) ?? [];
}

export async function readRun(id: string): Promise<RunSnapshot> {
  return (await call<RunSnapshot>(runPath(id))) as RunSnapshot;
}

/** What was done, in words. */
export async function command(id: string, what: RunCommand): Promise<string> {
  const answer = await call<{ done: string }>(`${runPath(id)}/${what}`, post({}), PATIENT_MS);
  return sentence(answer?.done ?? "");
}

/** Null where no batch was made for a while: ask again. */
export function nextBatch(id: string, after: number, signal: AbortSignal): Promise<BatchView | null> {
  return call<BatchView>(`${runPath(id)}/batch?after=${after}`, { signal }, PATIENT_MS);
}

export async function readMistakes(id: string): Promise<MistakesView> {
  return (await call<MistakesView>(`${runPath(id)}/mistakes`)) as MistakesView;
}

export function pictureUrl(id: string, kind: "batch" | "mistakes", number: number, place: number): string {
  return `./api/${runPath(id)}/${kind}/${number}/${place}`;
}

/** The link of a server that asks for a token has it behind the #, which is not sent; a cookie then stands for it. */
export async function signIn(): Promise<void> {
  const token = /^#token=(.+)$/.exec(location.hash)?.[1];
  if (token === undefined) return;
  history.replaceState(null, "", location.pathname + location.search);
  await call("session", post({ token }));
}
