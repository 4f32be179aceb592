// Env: the shared build's import from its host besides the memory. asc names the import module after this file.

/** The run has ended; `unknown` is 0, or the position of an instruction with an unknown opcode. */
export declare function finished(unknown: i32): void;
