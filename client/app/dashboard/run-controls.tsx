// Run controls: pause, resume, save and stop. What they did, or why not, is said beside them.

import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { RunCommand, RunSnapshot } from "../../../proto/dashboard.js";
import { Button } from "../design/button.js";
import { command } from "./server-calls.js";

export function RunControls({ run, isConnected }: { run: RunSnapshot; isConnected: boolean }) {
  const said = useSignal("");
  const isBusy = useSignal(false);
  const dialog = useRef<HTMLDialogElement>(null);
  const { id, phase } = run;
  const isPaused = phase === "paused" || phase === "pausing";
  const isOver = !isConnected || phase === "stopping" || phase === "preparing";
  // What a command did is no longer known of a trainer that was gone meanwhile.
  useEffect(() => {
    said.value = "";
  }, [isConnected]);
  const ask = async (what: RunCommand, meanwhile: string) => {
    said.value = meanwhile;
    isBusy.value = true;
    try {
      said.value = await command(id, what);
    } catch (error) {
      console.error(error);
      said.value = error instanceof Error ? error.message : String(error);
    } finally {
      isBusy.value = false;
    }
  };
  const closeWith = (what: RunCommand | null) => {
    dialog.current?.close();
    if (what) void ask(what, "Stopping …");
  };
  return (
    <div class="controls">
      <Button
        weight={isPaused ? "primary" : "plain"}
        disabled={isOver}
        onClick={() => ask(isPaused ? "resume" : "pause", isPaused ? "Resuming …" : "Pausing …")}
      >
        {isPaused ? "Resume" : "Pause"}
      </Button>
      <Button
        disabled={isOver || isBusy.value || phase === "paused"}
        onClick={() => ask("save", "Saving after this step …")}
      >
        Save
      </Button>
      <Button disabled={isOver} onClick={() => dialog.current?.showModal()}>
        Stop …
      </Button>
      <p class="quiet" role="status">
        {isConnected && said.value}
      </p>
      <dialog ref={dialog} class="question" aria-labelledby="stop-question">
        <p class="question-line" id="stop-question">
          Stop {run.name}?
        </p>
        <p class="quiet">
          It saves after the step in progress and ends. Its command with --resume continues it.
        </p>
        <div class="controls">
          <Button weight="primary" onClick={() => closeWith("stop")}>
            Stop the run
          </Button>
          <Button onClick={() => closeWith(null)}>Keep training</Button>
        </div>
      </dialog>
    </div>
  );
}
