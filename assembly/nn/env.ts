// Env: the import of the shared build from its host besides the memory; asc takes the import module's name from the file's.

/** The run has ended; `unknown` is 0, or the place of an instruction with an unknown opcode. */
export declare function finished(unknown: i32): void;
