// Lens bar: how the picture on display is looked at, and what the lens lets the visitor choose.

import { Notice } from "../design/notice.js";
import { Segmented } from "../design/segmented.js";
import { AttentionControls } from "./attention-view.js";
import { CoverControls } from "./cover-view.js";
import type { Explanations, Lens } from "./explanations.js";
import { brightestPlace } from "./spotlight.js";

const LENSES: readonly { value: Lens; label: string }[] = [
  { value: "picture", label: "Picture" },
  { value: "attention", label: "Attention" },
  { value: "cover", label: "Cover parts" },
];

export function LensBar({ explanations }: { explanations: Explanations }) {
  const { lens } = explanations;
  return (
    <>
      <Segmented
        label="How to look at the picture"
        options={LENSES}
        value={lens.value}
        choose={(value) => {
          lens.value = value;
        }}
      />
      {lens.value === "attention" && <AttentionPart explanations={explanations} />}
      {lens.value === "cover" && <CoverControls explanations={explanations} />}
    </>
  );
}

function AttentionPart({ explanations }: { explanations: Explanations }) {
  const state = explanations.attention.value;
  const attention = state.kind === "done" ? state.result.attention : undefined;
  return (
    <div class="lens-controls" id="attention">
      {state.kind === "failed" && <Notice about="Attention" {...state.failure} />}
      {state.kind === "running" && (
        <p class="quiet" aria-busy="true">
          Looking for the attention …
        </p>
      )}
      {attention && <AttentionControls explanations={explanations} attention={attention} />}
      {attention && explanations.layer.value === undefined && (
        <p class="quiet" role="status">
          {`What the answer rests on: brightest at the ${brightestPlace(attention.rollout, attention.grid)}.`}
        </p>
      )}
    </div>
  );
}
