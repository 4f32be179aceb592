// Cover view: parts of the picture to cover, each a button that stays pressed. Arrow keys walk over them.

import { useSignal } from "@preact/signals";
import { useRef } from "preact/hooks";
import { Button } from "../design/button.js";
import { Progress } from "../design/progress.js";
import { type Explanations, STEPS } from "./explanations.js";

const MOVES: Readonly<Record<string, number>> = {
  ArrowLeft: -1,
  ArrowRight: 1,
  ArrowUp: -STEPS,
  ArrowDown: STEPS,
};

/** The part that a key leads to from `part`; undefined at the edge. */
function neighborOf(part: number, key: string): number | undefined {
  const move = MOVES[key];
  if (move === undefined) return undefined;
  const next = part + move;
  const staysInRow = Math.abs(move) > 1 || Math.floor(next / STEPS) === Math.floor(part / STEPS);
  return staysInRow && next >= 0 && next < STEPS * STEPS ? next : undefined;
}

/** Lies over the part of the picture that the model sees. */
export function CoverView({ explanations }: { explanations: Explanations }) {
  const { covered } = explanations;
  const focused = useSignal(Math.floor((STEPS * STEPS) / 2));
  const grid = useRef<HTMLFieldSetElement>(null);
  const walk = (event: KeyboardEvent) => {
    if (!(event.key in MOVES)) return;
    event.preventDefault();
    // Not to be taken for a step to the next picture.
    event.stopPropagation();
    const next = neighborOf(focused.value, event.key);
    if (next === undefined) return;
    focused.value = next;
    (grid.current?.querySelectorAll("button")[next] as HTMLElement | undefined)?.focus();
  };
  return (
    <fieldset ref={grid} class="covers" id="covers" onKeyDown={walk}>
      <legend class="visually-hidden">Parts of the picture to cover</legend>
      {Array.from({ length: STEPS * STEPS }, (_, part) => (
        <button
          type="button"
          class="cover"
          key={part}
          tabIndex={part === focused.value ? 0 : -1}
          aria-pressed={covered.value.has(part)}
          aria-label={`Row ${Math.floor(part / STEPS) + 1}, column ${(part % STEPS) + 1}`}
          onFocus={() => {
            focused.value = part;
          }}
          onClick={() => explanations.toggle(part)}
        />
      ))}
    </fieldset>
  );
}

export function CoverControls({ explanations }: { explanations: Explanations }) {
  const { covered, scanning, scan } = explanations;
  const state = scan.value;
  const count = covered.value.size;
  return (
    <div class="lens-controls">
      <p class="quiet">Press parts of the picture: the model looks again without them.</p>
      {count > 0 && (
        <Button
          weight="small"
          onClick={() => {
            covered.value = new Set();
          }}
        >
          Uncover all
        </Button>
      )}
      {state.kind === "none" && (
        <Button
          weight="small"
          id="scan"
          onClick={() => {
            scanning.value = true;
          }}
        >
          Find the parts that matter
        </Button>
      )}
      {state.kind === "running" && (
        <Progress label={`Looking ${STEPS * STEPS} times, each time without one part`} fraction={undefined} />
      )}
      {state.kind === "done" && (
        <p class="quiet" role="status">
          {`Bright: parts without which “${state.result.classes[0]?.label.split(",")[0] ?? ""}” is less likely.`}
        </p>
      )}
    </div>
  );
}
