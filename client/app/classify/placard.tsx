// Placard: what stands beside the picture — the model's download, its readiness, the verdict, or what went wrong.

import { Notice } from "../design/notice.js";
import { percent } from "../design/numbers.js";
import { Progress } from "../design/progress.js";
import { splitSynonyms, timingLine } from "./display-text.js";
import type { Picture, Pictures } from "./pictures.js";
import type { Session } from "./session.js";

interface PlacardProps {
  session: Session;
  pictures: Pictures;
}

export function Placard({ session, pictures }: PlacardProps) {
  const model = session.state.value;
  const picture = pictures.shown.value;
  return (
    <section class="placard" aria-label="What the picture shows">
      {model.kind === "loading" && <Progress {...model} />}
      {model.kind === "failed" && (
        <Notice
          about="Model"
          {...model.failure}
          retry={{
            label: "Try again",
            run: () => {
              session.retry();
              pictures.retry();
            },
          }}
        />
      )}
      {model.kind === "ready" && !picture && (
        <p class="waiting">
          Ready. The five most probable of {model.card.labels.length.toLocaleString("en")} classes will appear
          here.
        </p>
      )}
      {model.kind === "ready" && picture && <Verdict picture={picture} retry={pictures.retry} />}
    </section>
  );
}

function Verdict({ picture, retry }: { picture: Picture; retry(): void }) {
  const verdict = picture.verdict.value;
  if (verdict.kind === "reading") return <p class="waiting">Looking …</p>;
  if (verdict.kind === "failed")
    return <Notice about={picture.name} {...verdict.failure} retry={{ label: "Try again", run: retry }} />;
  const { classes } = verdict.classification;
  const [name, others] = splitSynonyms(classes[0]?.label ?? "");
  return (
    <div class="result" id="result">
      <p class="quiet">Most likely</p>
      <p class="verdict" id="verdict">
        {name}
      </p>
      {others !== "" && <p class="synonyms">{others}</p>}
      <ol class="scores" aria-label="The most probable classes">
        {classes.map(({ index, label, probability }) => (
          <li class="score" key={index}>
            <span class="score-label" title={label}>
              {splitSynonyms(label)[0]}
            </span>
            <span class="score-percent">{percent(probability)}</span>
            <span class="score-bar" aria-hidden="true" style={{ "--probability": probability }} />
          </li>
        ))}
      </ol>
      <p class="quiet">{timingLine(verdict.classification)}</p>
    </div>
  );
}
