// Confusion table: folders down, answers across, pictures in the cells; a cell shows its pictures.

import { Button } from "../design/button.js";
import { splitSynonyms } from "./display-text.js";
import type { ConfusionMatrix } from "./tally.js";

interface Cell {
  folder: string;
  answer: string;
}

interface ConfusionTableProps {
  confusion: ConfusionMatrix;
  /** The cell whose pictures are shown. */
  cell: Cell | undefined;
  choose(cell: Cell | undefined): void;
}

export function ConfusionTable({ confusion, cell, choose }: ConfusionTableProps) {
  const { folders, answers, counts, right, omitted } = confusion;
  return (
    <div class="confusion">
      <h2 class="summary-title" id="confusion-title">
        What is taken for what
      </h2>
      <p class="quiet">
        Folders down, answers across. Press a number to see its pictures.
        {omitted > 0 &&
          ` ${omitted} pictures are in folders or answers beyond this table; the CSV has them all.`}
      </p>
      {cell && <Button onClick={() => choose(undefined)}>Show all pictures again</Button>}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls is reached by keyboard */}
      <section class="confusion-scroll" aria-labelledby="confusion-title" tabIndex={0}>
        <table class="confusion-table">
          <thead>
            <tr>
              <th scope="col">Folder</th>
              {answers.map((answer) => (
                <th scope="col" key={answer} title={answer}>
                  <span class="confusion-answer">{splitSynonyms(answer)[0]}</span>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {folders.map((folder, row) => {
              const total = counts[row]?.reduce((a, b) => a + b, 0) || 1;
              return (
                <tr key={folder}>
                  <th scope="row">{folder}</th>
                  {answers.map((answer, column) => {
                    const count = counts[row]?.[column] ?? 0;
                    const isRight = right[row] === column;
                    return (
                      <td
                        key={answer}
                        class={isRight ? "confusion-right" : undefined}
                        style={{ "--share": count / total }}
                      >
                        {count > 0 && (
                          <button
                            type="button"
                            class="confusion-count"
                            aria-pressed={cell?.folder === folder && cell.answer === answer}
                            aria-label={`${count} of ${folder} as ${splitSynonyms(answer)[0]}`}
                            onClick={() => choose({ folder, answer })}
                          >
                            {count}
                          </button>
                        )}
                      </td>
                    );
                  })}
                </tr>
              );
            })}
          </tbody>
        </table>
      </section>
    </div>
  );
}
