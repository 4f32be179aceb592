// Run list: the runs of this server, of which one is shown, or several beside each other.

import type { RunEntry, RunPhase } from "../../../proto/dashboard.js";
import type { Runs } from "./runs.js";
import { bestText, count, PHASES, shownPhase } from "./words.js";

/** The connection of a run on display breaks before the list is asked for again. */
function phaseOf(entry: RunEntry, { followed, isSilent }: Runs): RunPhase {
  const shown = followed.value.find(({ id }) => id === entry.id);
  return shownPhase(entry, shown ? shown.connection.value.kind === "lost" : isSilent.value);
}

export function RunList({ runs }: { runs: Runs }) {
  const shown = runs.followed.value.map(({ id }) => id);
  const entries = runs.entries.value.map((entry) => ({ ...entry, phase: phaseOf(entry, runs) }));
  return (
    <nav class="run-list" aria-label="Runs">
      <ul>
        {entries.map(({ id, name, phase, step, steps, best }) => (
          <li class="run-entry" key={id} data-phase={phase}>
            <button
              type="button"
              class="run-name"
              aria-current={shown.includes(id) ? "true" : undefined}
              onClick={() => runs.show(id)}
            >
              {name}
            </button>
            <p class="quiet">
              {PHASES[phase]}
              {`, step ${count(step)}${steps === null ? "" : ` of ${count(steps)}`}`}
              {best && `, ${bestText(best)}`}
            </p>
            {entries.length > 1 && (
              <label class="run-compare">
                <input
                  type="checkbox"
                  checked={shown.includes(id)}
                  disabled={shown.length === 1 && shown[0] === id}
                  onChange={({ currentTarget }) => runs.compare(id, currentTarget.checked)}
                />
                compare<span class="visually-hidden"> {name}</span>
              </label>
            )}
          </li>
        ))}
      </ul>
    </nav>
  );
}
