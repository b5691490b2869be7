// The list of what clients rely on: each statement is named by a test, or stands among the gaps
// with a reason. A statement that is in neither place, or in both, fails here, so that nothing is
// forgotten when a feature comes or goes.
import * as fs from 'node:fs'
import { expect, test } from 'vitest'
import { readTree } from './tidy/tree.ts'

const root = new URL('..', import.meta.url).pathname

/** The rows of a table below its head, [id, text] each. */
const rowsOf = (file: string): [string, string][] =>
  fs
    .readFileSync(`${root}test/${file}`, 'utf8')
    .trimEnd()
    .split('\n')
    .slice(1)
    .map((line) => {
      const [id = '', text = '', ...rest] = line.split('\t')
      if (rest.length > 0) throw new Error(`${file} has a row with more than two fields: ${id}`)
      return [id, text]
    })

/** The ids in a test's text: in square brackets, one or several. */
const idsIn = (text: string): string[] =>
  [...text.matchAll(/\[((?:[A-Z]\d+)(?:, [A-Z]\d+)*)\]/g)].flatMap(([, ids = '']) =>
    ids.split(', '),
  )

const statements = rowsOf('semantics.tsv')
const gaps = rowsOf('semantics-gaps.tsv')
const known = new Set(statements.map(([id]) => id))
const named = new Set(
  readTree(root)
    .filter(({ path }) => path.endsWith('.test.ts') && path !== 'test/semantics.test.ts')
    .flatMap(({ text }) => idsIn(text)),
)

test('idsIn() finds one id, several, and nothing else', () => {
  expect(idsIn("test('a [W1] b [M1, M12]', () => x[A] + y[0] + [B2x])")).toEqual([
    'W1',
    'M1',
    'M12',
  ])
})

test('statements and gaps have each an id of their own and a text', () => {
  for (const rows of [statements, gaps]) {
    expect(new Set(rows.map(([id]) => id)).size).toBe(rows.length)
    for (const [id, text] of rows) {
      expect(id).toMatch(/^[A-Z]\d+$/)
      expect(text.length).toBeGreaterThan(10)
    }
  }
  expect(statements).toHaveLength(206)
})

test('every statement is named by a test or stands among the gaps', () => {
  const given = new Set(gaps.map(([id]) => id))
  expect([...known].filter((id) => !named.has(id) && !given.has(id))).toEqual([])
})

test('no gap is named by a test, and none is unknown', () => {
  expect(gaps.map(([id]) => id).filter((id) => named.has(id) || !known.has(id))).toEqual([])
})

test('no test names a statement that does not exist', () => {
  expect([...named].filter((id) => !known.has(id))).toEqual([])
})
