// Mutants: the small changes that a good test suite notices, found in the syntax tree of a compiled file.

import { parseAst } from "vite";

export interface Mutant {
  /** Offsets in the compiled text. */
  start: number;
  end: number;
  replacement: string;
  operator: string;
}

interface Node {
  type: string;
  start: number;
  end: number;
  [field: string]: unknown;
}

const isNode = (value: unknown): value is Node =>
  typeof value === "object" && value !== null && typeof (value as Node).type === "string";

/** Comparisons: first the boundary, then the opposite. */
const COMPARISONS: Readonly<Record<string, readonly string[]>> = {
  "<": ["<=", ">="],
  "<=": ["<", ">"],
  ">": [">=", "<="],
  ">=": [">", "<"],
  "===": ["!=="],
  "!==": ["==="],
};
const ARITHMETIC: Readonly<Record<string, string>> = {
  "+": "-",
  "-": "+",
  "*": "/",
  "/": "*",
  "%": "*",
  "**": "*",
  "<<": ">>",
  ">>": "<<",
  ">>>": "<<",
  "&": "|",
  "|": "&",
  "^": "|",
};
const LOGIC: Readonly<Record<string, string>> = { "&&": "||", "||": "&&", "??": "&&" };
const ASSIGNMENTS: Readonly<Record<string, string>> = { "+=": "-=", "-=": "+=", "*=": "/=", "/=": "*=" };

/** All mutants of a compiled file. */
export function findMutants(text: string): Mutant[] {
  const found: Mutant[] = [];
  const add = (operator: string, start: number, end: number, replacement: string) =>
    found.push({ start, end, replacement, operator });
  const source = (node: Node) => text.slice(node.start, node.end);

  /** Replaces the operator that stands between two operands. */
  const between = (name: string, left: Node, right: Node, from: string, to: string) => {
    const start = text.indexOf(from, left.end);
    if (start >= 0 && start < right.start) add(name, start, start + from.length, to);
  };

  const rules: Readonly<Record<string, (node: Node) => void>> = {
    BinaryExpression: (node) => {
      const { left, right, operator } = node as Node & { left: Node; right: Node; operator: string };
      const isText = [left, right].some(
        ({ type, value }) => type === "TemplateLiteral" || typeof value === "string",
      );
      for (const to of COMPARISONS[operator] ?? []) between("comparison", left, right, operator, to);
      if (operator in ARITHMETIC && !isText)
        between("arithmetic", left, right, operator, ARITHMETIC[operator]);
    },
    LogicalExpression: (node) => {
      const { left, right, operator } = node as Node & { left: Node; right: Node; operator: string };
      between("logic", left, right, operator, LOGIC[operator]);
    },
    AssignmentExpression: (node) => {
      const { left, right, operator } = node as Node & { left: Node; right: Node; operator: string };
      if (operator in ASSIGNMENTS) between("assignment", left, right, operator, ASSIGNMENTS[operator]);
    },
    UnaryExpression: (node) => {
      const { operator, argument } = node as Node & { operator: string; argument: Node };
      if (operator === "!" || operator === "-")
        add("negation", node.start, node.end, `(${source(argument)})`);
    },
    ConditionalExpression: (node) => {
      const { test } = node as Node & { test: Node };
      add("condition", test.start, test.end, `!(${source(test)})`);
    },
    IfStatement: (node) => {
      const { test } = node as Node & { test: Node };
      add("condition", test.start, test.end, `(${source(test)}, true)`);
      add("condition", test.start, test.end, `(${source(test)}, false)`);
    },
    Literal: (node) => {
      const { value } = node;
      if (typeof value === "number") add("constant", node.start, node.end, String(value + 1));
      if (typeof value === "boolean") add("constant", node.start, node.end, String(!value));
    },
    ExpressionStatement: (node) => {
      const { expression } = node as Node & { expression: Node };
      const removable = ["CallExpression", "AwaitExpression", "AssignmentExpression", "UpdateExpression"];
      const isSuper = source(expression).startsWith("super(");
      if (removable.includes(expression.type) && !isSuper)
        add("removed statement", node.start, node.end, ";");
    },
    ReturnStatement: (node) => {
      const { argument } = node as Node & { argument: Node | null };
      if (argument) add("result", argument.start, argument.end, "undefined");
    },
    ContinueStatement: (node) => add("removed statement", node.start, node.end, ";"),
    BreakStatement: (node) => add("removed statement", node.start, node.end, ";"),
  };

  const visit = (node: Node) => {
    // What an error says is compared with documentation elsewhere; property keys are names.
    if (node.type === "ThrowStatement") {
      add("removed statement", node.start, node.end, ";");
      return;
    }
    if (node.type === "ImportDeclaration") return;
    rules[node.type]?.(node);
    for (const value of Object.values(node)) {
      if (isNode(value)) visit(value);
      else if (Array.isArray(value)) value.filter(isNode).forEach(visit);
    }
  };
  visit(parseAst(text) as unknown as Node);
  return found;
}
