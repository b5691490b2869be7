// docs/metrics.md names every metric that the program registers, and none that it does not.
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { readTree } from '../tidy/tree.ts'

const root = new URL('../..', import.meta.url).pathname
const NAME = /\b(?:stratalog|process)_[a-z0-9_]+\b/g

const registered = new Set(
  readTree(root)
    .filter((file) => file.path.startsWith('src/'))
    .flatMap((file) =>
      file.lines.flatMap((line) => line.match(/'(?:stratalog|process)_\w+'/g) ?? []),
    )
    .map((quoted) => quoted.slice(1, -1)),
)

const text = readFileSync(`${root}docs/metrics.md`, 'utf8')
const rows = text
  .split('\n')
  .filter((line) => /^\| `\w+(\{\w+\})?` \| (counter|gauge|histogram)/.test(line))
const documented = rows.map((row) => row.match(NAME)?.[0] ?? '')

test('docs/metrics.md has a row for each metric, and one only', () => {
  expect(registered.size).toBeGreaterThan(30)
  expect([...documented].sort()).toEqual([...registered].sort())
})

test('docs/metrics.md says counter of counters alone', () => {
  for (const row of rows) expect(/_total/.test(row)).toBe(/\| counter \|/.test(row))
})

test('docs/metrics.md alerts on metrics that exist', () => {
  for (const name of text.match(NAME) ?? []) {
    expect(registered).toContain(name.replace(/_bucket$/, ''))
  }
})
