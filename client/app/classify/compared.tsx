// Compared: the verdicts of two models on one picture, class by class.

import { softmax } from "../../../runtime/inference/logits.js";
import type { Classification } from "../../browser/contract.js";
import { Notice } from "../design/notice.js";
import { percent } from "../design/numbers.js";
import { Progress } from "../design/progress.js";
import { deviceName, splitSynonyms } from "./display-text.js";
import type { PageState } from "./page-state.js";
import { Scores } from "./scores.js";
import type { SessionState } from "./session.js";

interface ComparedProps {
  page: PageState;
  /** Of the first model. */
  classification: Classification;
}

const nameOf = (state: SessionState) =>
  state.kind === "ready" ? `${state.card.name}, ${state.card.dtype}, ${deviceName(state.card)}` : "The model";

export function Compared({ page, classification }: ComparedProps) {
  const session = page.comparison.session.value;
  const verdict = page.comparison.verdict.value;
  if (!session) return null;
  const state = session.state.value;
  const own = classification.classes.slice(0, page.topK.value);
  if (state.kind === "ready" && verdict.kind === "classified")
    return (
      <Both
        page={page}
        first={classification}
        second={verdict.classification}
        names={[page.session.state.value, state]}
      />
    );
  return (
    <>
      <Scores classes={own} eyebrow="Most likely" id="verdict" />
      <div class="compared">
        {state.kind === "loading" && <Progress {...state} />}
        {state.kind === "failed" && (
          <Notice
            about="The second model"
            {...state.failure}
            retry={{ label: "Try again", run: () => session.load() }}
          />
        )}
        {state.kind === "ready" && verdict.kind === "failed" && (
          <Notice about={state.card.name} {...verdict.failure} />
        )}
        {state.kind === "ready" && verdict.kind !== "failed" && (
          <p class="quiet" aria-busy="true">
            The second model is looking …
          </p>
        )}
      </div>
    </>
  );
}

interface BothProps {
  page: PageState;
  first: Classification;
  second: Classification;
  names: readonly SessionState[];
}

/** The classes that either model puts among its first, by the larger probability. */
function Both({ page, first, second, names }: BothProps) {
  const most = page.topK.value;
  const [a, b] = [softmax(first.logits), softmax(second.logits)];
  // Models with other classes share names, not indices.
  const sameClasses = a.length === b.length;
  const rows = new Map<string, { label: string; first?: number; second?: number }>();
  for (const { index, label, probability } of first.classes.slice(0, most))
    rows.set(label, { label, first: probability, second: sameClasses ? b[index] : undefined });
  for (const { index, label, probability } of second.classes.slice(0, most))
    rows.set(label, {
      label,
      first: rows.get(label)?.first ?? (sameClasses ? a[index] : undefined),
      second: probability,
    });
  const sorted = [...rows.values()].sort(
    (x, y) => Math.max(y.first ?? 0, y.second ?? 0) - Math.max(x.first ?? 0, x.second ?? 0),
  );
  const [one, two] = [first, second].map(({ classes }) => splitSynonyms(classes[0]?.label ?? "")[0]);
  return (
    <div id="rival">
      <p class="quiet">{one === two ? "Both say" : "They differ"}</p>
      <p class="verdict" id="verdict">
        {one}
      </p>
      {one !== two && <p class="synonyms">{`or ${two}`}</p>}
      <div class="compared">
        <p class="compared-name">{nameOf(names[0] as SessionState)}</p>
        <p class="compared-name compared-second">{nameOf(names[1] as SessionState)}</p>
      </div>
      <ol class="scores" aria-label="The most probable classes of both models">
        {sorted.map(({ label, first, second }) => (
          <li class="compared-row" key={label}>
            <span class="score-label" title={label}>
              {splitSynonyms(label)[0]}
            </span>
            <span class="score-percent">{first === undefined ? "–" : percent(first)}</span>
            <span class="score-percent">{second === undefined ? "–" : percent(second)}</span>
            <span class="score-bar" aria-hidden="true" style={{ "--probability": first ?? 0 }} />
            <span
              class="score-bar score-bar-second"
              aria-hidden="true"
              style={{ "--probability": second ?? 0 }}
            />
          </li>
        ))}
      </ol>
    </div>
  );
}
