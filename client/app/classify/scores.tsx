// Scores: the verdict in large letters, and the most probable classes as bars.

import type { ClassScore } from "../../../runtime/inference/logits.js";
import { percent } from "../design/numbers.js";
import { splitSynonyms } from "./display-text.js";

interface ScoresProps {
  classes: readonly ClassScore[];
  /** Above the verdict, such as "Most likely". */
  eyebrow: string;
  /** Bars only change their length from one frame to the next, without an entrance. */
  live?: boolean;
  /** Of two verdicts beside each other the first has the ids that programs look for. */
  id?: string;
}

export function Scores({ classes, eyebrow, live, id }: ScoresProps) {
  const [name, others] = splitSynonyms(classes[0]?.label ?? "");
  return (
    <div class={live ? "scores-live" : "scores-still"}>
      <p class="quiet">{eyebrow}</p>
      <p class="verdict" id={id}>
        {name}
      </p>
      {!live && others !== "" && <p class="synonyms">{others}</p>}
      <ol class="scores" aria-label="The most probable classes">
        {classes.map(({ index, label, probability }, place) => (
          // Rows of a live verdict stay where they are and change their text.
          <li class="score" key={live ? place : index}>
            <span class="score-label" title={label}>
              {splitSynonyms(label)[0]}
            </span>
            <span class="score-percent">{percent(probability)}</span>
            <span class="score-bar" aria-hidden="true" style={{ "--probability": probability }} />
          </li>
        ))}
      </ol>
    </div>
  );
}
