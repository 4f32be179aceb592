// Table: numbers with headings for rows and columns; a wide one scrolls, by keyboard as well.

import type { ComponentChildren } from "preact";

interface TableProps {
  title: string;
  columns: readonly string[];
  rows: readonly (readonly ComponentChildren[])[];
}

/** The first cell of a row names it. */
export function Table({ title, columns, rows }: TableProps) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a wide table scrolls by keyboard
    <section class="scroll" tabIndex={0} aria-label={title}>
      <table class="numbers">
        <thead>
          <tr>
            {columns.map((name) => (
              <th scope="col" key={name}>
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map(([name, ...cells], index) => (
            // Rows have no identity but their place.
            <tr key={index}>
              <th scope="row">{name}</th>
              {cells.map((cell, column) => (
                <td key={columns[column + 1]}>{cell}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
