// One task for each of many things, a few at a time.
import { assert } from '../base/assert.ts'

/**
 * Runs `task` for every item, in their order, at most `atOnce` of them at the same time. After a
 * failure no more are begun; it throws the first one, once all that had begun have ended.
 */
export async function eachAtOnce<T>(
  items: Iterable<T>,
  atOnce: number,
  task: (item: T) => Promise<void>,
): Promise<void> {
  assert(atOnce > 0, 'At least one task runs at a time')
  const rest = items[Symbol.iterator]()
  const failures: unknown[] = []
  const worker = async (): Promise<void> => {
    for (;;) {
      if (failures.length > 0) return
      const next = rest.next()
      if (next.done === true) return
      await task(next.value).catch((error: unknown) => failures.push(error))
    }
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
  if (failures.length > 0) throw failures[0]
}
