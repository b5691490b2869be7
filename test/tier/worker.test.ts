import { expect, it } from 'vitest'
import { parse, readTree } from '../tidy/tree.ts'

const root = new URL('../..', import.meta.url).pathname
const files = new Map(
  readTree(root)
    .filter((file) => file.path.startsWith('src/') && file.path.endsWith('.ts'))
    .map((file) => [file.path, parse(file)] as const),
)

/** Every file that `path` needs, and every package. */
const closureOf = (path: string): Set<string> => {
  const seen = new Set<string>()
  const visit = (at: string): void => {
    if (seen.has(at)) return
    seen.add(at)
    for (const { target, specifier } of files.get(at)?.imports ?? []) visit(target ?? specifier)
  }
  visit(path)
  return seen
}

it.each([
  'src/tier/store/retrying.ts',
  'src/tier/store/metered.ts',
  'src/tier/cache/memory-blocks.ts',
  'src/tier/cost/cost.ts',
])('%s runs in a Worker: it needs nothing of a broker, of Node or of a package', (path) => {
  const closure = [...closureOf(path)]
  expect(closure.length).toBeGreaterThan(2)
  const floors = ['src/base/', 'src/ports/', 'src/flow/', 'src/tier/']
  expect(closure.filter((file) => !floors.some((floor) => file.startsWith(floor)))).toEqual([])
})
