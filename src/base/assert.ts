// Assertions are for bugs, errors are for the world. A failed assertion means the program's own
// reasoning is wrong, so it must stop the process rather than be caught and survived. Messages
// are literals: building one costs 20-90 ns per call on paths that run a million times a second.

/** A broken invariant. Nothing catches it but the outermost wall, which stops the process. */
export class AssertionError extends Error {
  override name = 'AssertionError'
}

/** Stops with `AssertionError` unless `condition` holds. `message` is a literal, never built. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new AssertionError(message)
}

/** The value, for places where absence is a bug (an index just checked, a map just filled). */
export function must<T>(value: T | null | undefined, message: string): T {
  if (value === null || value === undefined) throw new AssertionError(message)
  return value
}

/** Marks a branch that the type checker has proved empty. */
export function unreachable(value: never): never {
  throw new AssertionError(`Unreachable branch was reached with ${String(value)}`)
}
