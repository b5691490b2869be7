// The gate against slow decay: floors, cycles, bans, sizes and words are checked on every run, and
// every rule is first shown a violation, because a gate that cannot close is no gate.
import { describe, expect, test } from 'vitest'
import { cycleProblems, floorProblems, globalProblems } from './tidy/floors.ts'
import {
  headerProblems,
  longFiles,
  shapeProblems,
  sizeProblems,
  wordProblems,
} from './tidy/text.ts'
import { parse, readTree, sourceFile, type Parsed } from './tidy/tree.ts'

const files = readTree(new URL('..', import.meta.url).pathname)
const parsed = files.filter((file) => file.path.endsWith('.ts')).map(parse)
const planted = (path: string, text: string): Parsed[] => [parse(sourceFile(path, text))]

describe('the tree', () => {
  test('was found', () => {
    expect(parsed.length).toBeGreaterThan(15)
  })

  test('imports only downwards, and packages only where they belong', () => {
    expect(floorProblems(parsed)).toEqual([])
  })

  test('has no import cycles', () => {
    expect(cycleProblems(parsed)).toEqual([])
  })

  test('touches clocks, timers, chance and the process only at the edges', () => {
    expect(globalProblems(parsed)).toEqual([])
  })

  test('has files, lines and folders of bounded size', () => {
    for (const file of longFiles(files)) console.info(`near the limit: ${file}`)
    expect(sizeProblems(files)).toEqual([])
  })

  test('opens each file with its idea', () => {
    expect(headerProblems(files)).toEqual([])
  })

  test('documents exports and keeps to the style', () => {
    expect(shapeProblems(parsed)).toEqual([])
  })

  test('holds no banned words', () => {
    expect(wordProblems(files)).toEqual([])
  })
})

describe('floorProblems()', () => {
  const problem = (path: string, text: string): string =>
    floorProblems(planted(path, text)).join('\n')

  test('refuses an import from a higher floor, a type import too', () => {
    expect(problem('src/log/a.ts', "import type { B } from '../broker/b.ts'")).toContain('floor 3')
  })

  test('refuses an import from another folder of the same floor', () => {
    expect(problem('src/raft/a.ts', "import { b } from '../wire/b.ts'")).toContain('floor 2')
  })

  test('refuses a dynamic import and an export-from that climb', () => {
    expect(problem('src/base/a.ts', "const b = await import('../log/b.ts')")).toContain('floor 0')
    expect(problem('src/base/a.ts', "export { b } from '../log/b.ts'")).toContain('floor 0')
  })

  test('refuses node:* and platform in pure code, and lets platform have the former', () => {
    expect(problem('src/log/a.ts', "import { open } from 'node:fs'")).toContain('port')
    expect(problem('src/log/a.ts', "import { d } from '../platform/disk.ts'")).toContain('port')
    expect(problem('src/platform/a.ts', "import { open } from 'node:fs'")).toBe('')
  })

  test('refuses a package outside its place, and one nobody has placed', () => {
    expect(problem('src/log/a.ts', "import { z } from 'zod'")).toContain('only in')
    expect(problem('src/config/a.ts', "import x from 'left-pad'")).toContain('not in the table')
  })

  test('refuses a folder without a floor and an import without its ending', () => {
    expect(problem('src/utils/a.ts', '')).toContain('not in the floor plan')
    expect(problem('src/log/a.ts', "import { b } from './b'")).toContain('.ts ending')
  })

  test('accepts imports downwards and within', () => {
    expect(
      problem('src/log/a.ts', "import { b } from '../base/b.ts'\nimport { c } from './c.ts'"),
    ).toBe('')
  })
})

describe('cycleProblems()', () => {
  test('finds a cycle that only types make', () => {
    const a = parse(sourceFile('src/log/a.ts', "import type { B } from './b.ts'"))
    const b = parse(sourceFile('src/log/b.ts', "import { a } from './a.ts'"))
    expect(cycleProblems([a, b]).join()).toContain('src/log/a.ts → src/log/b.ts → src/log/a.ts')
  })
})

describe('globalProblems()', () => {
  const problem = (path: string, text: string): string =>
    globalProblems(planted(path, text)).join('\n')

  test.each([
    'Date.now()',
    'new Date()',
    'performance.now()',
    'setTimeout(f, 1)',
    'setInterval(f, 1)',
    'setImmediate(f)',
    'queueMicrotask(f)',
    'process.exit()',
    'Deno.exit()',
    'Bun.gc()',
    'Buffer.from([1])',
    'globalThis.process',
    'Math.random()',
  ])('refuses %s in pure code', (use) => {
    expect(problem('src/log/a.ts', `export const x = ${use}`)).toContain('src/log/a.ts:1')
    expect(problem('src/platform/a.ts', `export const x = ${use}`)).toBe('')
  })

  test('accepts the same words as properties, comments and names of the file itself', () => {
    expect(problem('src/log/a.ts', 'x.process; y = { process: 1 } // setTimeout')).toBe('')
    expect(problem('src/log/a.ts', 'function f(process: Step) { return process.id }')).toBe('')
  })
})

describe('the text rules', () => {
  const at = (path: string, text: string): ReturnType<typeof sourceFile>[] => [
    sourceFile(path, text),
  ]

  test('refuse long files, wide lines and full folders', () => {
    expect(sizeProblems(at('src/log/a.ts', 'x\n'.repeat(451))).join()).toContain('451 lines')
    expect(longFiles(at('src/log/a.ts', 'x\n'.repeat(401)))).toHaveLength(1)
    expect(sizeProblems(at('src/log/a.ts', 'x'.repeat(101))).join()).toContain('101 columns')
    const many = Array.from({ length: 17 }, (_, i) => sourceFile(`src/log/a${String(i)}.ts`, ''))
    expect(sizeProblems(many).join()).toContain('17 files')
  })

  test('refuse a file without an opening comment', () => {
    expect(headerProblems(at('src/log/a.ts', 'export const a = 1\n'))).toHaveLength(1)
    expect(headerProblems(at('src/log/a.ts', '// One.\n// Two.\n'))).toHaveLength(0)
  })

  test.each([
    '// TODO later',
    '// @ts-ignore',
    "open('/tmp/x')",
    '// eslint-disable-next-line no-eval',
    '<<<<<<< HEAD',
  ])('refuse %s', (line) => {
    expect(wordProblems(at('src/log/a.ts', line))).toHaveLength(1)
  })

  test.each([
    'export default 1',
    '/** Why. */ export default function f() {}',
    'let x: any',
    'a!.b',
    'class A extends B {}',
    'export const x = 1',
  ])('refuse the shape %s', (text) => {
    expect(shapeProblems(planted('src/log/a.ts', text))).toHaveLength(1)
  })

  test('accept errors that extend and exports with a doc', () => {
    const text = '/** Why. */\nexport class AError extends Error {}\n'
    expect(shapeProblems(planted('src/log/a.ts', text))).toEqual([])
  })
})
