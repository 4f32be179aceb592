// Pair: two answers about one picture, class by class: of two models, of two heads, with and without a part.

import { type ClassScore, softmax } from "../../../runtime/inference/logits.js";
import { percent } from "../design/numbers.js";
import { splitSynonyms } from "./display-text.js";

interface Answer {
  /** Best first. */
  classes: readonly ClassScore[];
  /** [classes]. */
  logits: ArrayLike<number>;
}

interface PairProps {
  first: Answer;
  second: Answer;
  /** What each is the answer of. */
  names: readonly [string, string];
  /** Classes that each puts forward. */
  most: number;
  /** Above the verdict: where both say the same, and where they differ. */
  same: string;
  different: string;
}

interface Row {
  label: string;
  probabilities: readonly [number | undefined, number | undefined];
}

/** The classes that either puts among its first, by the larger probability. */
function rowsOf({ first, second, most }: PairProps): Row[] {
  const [a, b] = [softmax(first.logits), softmax(second.logits)];
  // Models with other classes share names, not indices.
  const sameClasses = a.length === b.length;
  const rows = new Map<string, Row>();
  for (const { index, label, probability } of first.classes.slice(0, most))
    rows.set(label, { label, probabilities: [probability, sameClasses ? b[index] : undefined] });
  for (const { index, label, probability } of second.classes.slice(0, most)) {
    const known = rows.get(label)?.probabilities[0];
    rows.set(label, { label, probabilities: [known ?? (sameClasses ? a[index] : undefined), probability] });
  }
  const larger = ({ probabilities: [a = 0, b = 0] }: Row) => Math.max(a, b);
  return [...rows.values()].sort((x, y) => larger(y) - larger(x));
}

export function Pair(props: PairProps) {
  const { first, second, names, same, different } = props;
  const rows = rowsOf(props);
  // The headline begins as the table does: with the answer that is more certain.
  const best = [first, second].map(({ classes }) => classes[0]?.label ?? "");
  if (rows[0]?.label === best[1]) best.reverse();
  const [one, two] = best.map((label) => splitSynonyms(label)[0]);
  return (
    <>
      <p class="quiet">{one === two ? same : different}</p>
      <p class="verdict" id="verdict">
        {one}
      </p>
      {one !== two && <p class="synonyms">{`or ${two}`}</p>}
      <div class="pair-names">
        <p class="pair-name">{names[0]}</p>
        <p class="pair-name pair-second">{names[1]}</p>
      </div>
      <ol class="scores" aria-label={`The most probable classes: ${names.join("; ")}`}>
        {rows.map(({ label, probabilities }) => (
          <li class="pair-row" key={label}>
            <span class="score-label" title={label}>
              {splitSynonyms(label)[0]}
            </span>
            {probabilities.map((probability, place) => (
              <span class="score-percent" key={names[place]}>
                {probability === undefined ? "–" : percent(probability)}
              </span>
            ))}
            {probabilities.map((probability, place) => (
              <span
                class={place === 0 ? "score-bar" : "score-bar score-bar-second"}
                key={`bar of ${names[place]}`}
                aria-hidden="true"
                style={{ "--probability": probability ?? 0 }}
              />
            ))}
          </li>
        ))}
      </ol>
    </>
  );
}
