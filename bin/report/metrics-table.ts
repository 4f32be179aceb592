// Metrics table: metrics.csv by the names of its columns, whatever columns a version writes.

/** The trainer writes about thirty; the memory of a table is its columns times its lines. */
const MOST_COLUMNS = 256;

/** metrics.csv by the names of its columns, the first 256; an empty or damaged cell is NaN. */
export class Metrics {
  readonly names: readonly string[];
  readonly rows: number;
  readonly #columns: ReadonlyMap<string, Float64Array>;

  constructor(text: string) {
    const end = text.indexOf("\n");
    this.names = end < 0 ? [] : text.slice(0, end).trim().split(",", MOST_COLUMNS);
    // A last line without a newline was cut off. Rows of an older version have fewer columns, the first ones.
    const lines =
      end < 0
        ? []
        : text
            .slice(end + 1)
            .split("\n")
            .slice(0, -1);
    const columns = this.names.map(() => new Float64Array(lines.length));
    let rows = 0;
    for (const line of lines) {
      const cells = line.split(",");
      if (cells.length > columns.length) continue;
      for (const [column, values] of columns.entries()) {
        const cell = cells[column]?.trim() ?? "";
        values[rows] = cell === "" ? Number.NaN : Number(cell);
      }
      rows++;
    }
    this.rows = rows;
    this.#columns = new Map(this.names.map((name, column) => [name, columns[column].subarray(0, rows)]));
  }

  /** A column's values; undefined where the file has no such column, or none of its cells is a number. */
  column(name: string): Float64Array | undefined {
    const values = this.#columns.get(name);
    return values?.some(Number.isFinite) ? values : undefined;
  }

  /** The last number of a column. */
  last(name: string): number | undefined {
    return this.column(name)?.findLast(Number.isFinite);
  }

  /** What column `other` has in the last row where `name` has a number. */
  lastRow(name: string, other: string): number | undefined {
    const row = this.column(name)?.findLastIndex(Number.isFinite) ?? -1;
    return this.column(other)?.[row];
  }
}
