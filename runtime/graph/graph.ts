export interface Graph {
  readonly name: string;
}
