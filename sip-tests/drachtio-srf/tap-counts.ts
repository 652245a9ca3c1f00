/** Counting what a test file printed in the TAP format. */
export interface TapCounts {
  readonly passed: number;
  /** The names of the assertions that failed. */
  readonly failed: readonly string[];
}

/** Top-level assertions only, as tape and mocha print them. */
export function countTap(output: string): TapCounts {
  const assertions = [...output.matchAll(/^(not )?ok \d+ ?(.*)$/gmu)];
  return {
    passed: assertions.filter(([, not]) => not === undefined).length,
    failed: assertions.filter(([, not]) => not !== undefined).map(([, , name = '']) => name),
  };
}
