// The floor plan: which folder may import which, which npm package may be used where, and where
// the outside world (node:*, clocks, timers, randomness, the process) may be touched. One table
// each; the rules below them only look things up. A folder that is not in the plan is an error.
import { globalUses, problemAt, type Parsed } from './tree.ts'

/** Floors of src/: a folder imports strictly lower floors, or itself. */
const FLOORS: Readonly<Record<string, number>> = {
  'src/base': 0,
  'src/ports': 1,
  'src/flow': 2,
  'src/record': 2,
  'src/wire': 2,
  'src/raft': 2,
  'src/log': 3,
  'src/tier': 4,
  'src/replication': 5,
  'src/cluster': 6,
  'src/group': 6,
  'src/txn': 6,
  'src/security': 6,
  'src/table': 6,
  'src/config': 7,
  'src/broker': 8,
  'src/main.ts': 9,
  'src/cli': 10,
}

/** Folders beside the floors, with all that they may import. */
const BESIDE: Readonly<Record<string, readonly string[]>> = {
  'src/platform': ['src/base', 'src/ports'],
  adapters: ['src/base', 'src/ports'],
  edge: ['src/base', 'src/ports', 'src/flow', 'src/record', 'src/tier'],
  'edge/entry': ['edge', 'adapters', 'src/base', 'src/ports', 'src/platform'],
}

/** Who may import a folder that stands beside the floors. */
const USERS_OF_BESIDE: Readonly<Record<string, readonly string[]>> = {
  'src/platform': ['src/main.ts', 'src/cli', 'edge/entry'],
  adapters: ['src/main.ts', 'src/cli', 'edge/entry'],
  edge: ['src/main.ts', 'edge/entry'],
  'edge/entry': [],
}

/** Where each npm package may be imported. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  '@aws-sdk/client-s3': ['adapters'],
  '@aws-sdk/s3-request-presigner': ['adapters'],
  '@azure/storage-blob': ['adapters'],
  '@google-cloud/storage': ['adapters'],
  '@hono/node-server': ['src/platform', 'src/main.ts', 'edge/entry'],
  '@node-rs/crc32': ['src/platform', 'adapters'],
  '@platformatic/wasm-utils': ['src/platform'],
  aws4fetch: ['adapters'],
  'cli-table3': ['src/cli'],
  commander: ['src/cli'],
  hono: ['src/broker', 'edge', 'edge/entry', 'src/main.ts'],
  picocolors: ['src/cli'],
  pino: ['src/platform', 'src/main.ts'],
  yaml: ['src/config', 'src/cli'],
  zod: ['src/config', 'edge'],
}

/** The only places that may touch the outside world. */
const OUTSIDE = ['src/platform', 'src/cli', 'src/main.ts', 'adapters', 'edge/entry']

const GLOBALS: ReadonlySet<string> = new Set([
  'Bun',
  'Buffer',
  'Date',
  'Deno',
  'clearImmediate',
  'clearInterval',
  'clearTimeout',
  'console',
  'crypto',
  'fetch',
  'global',
  'globalThis',
  'performance',
  'process',
  'queueMicrotask',
  'require',
  'setImmediate',
  'setInterval',
  'setTimeout',
])

/** The part of the floor plan a path belongs to; null when it is outside the plan. */
export function partOf(path: string): string | null {
  if (path === 'src/main.ts') return path
  const [first, second] = path.split('/')
  if (first === 'src' && second !== undefined && path.split('/').length > 2) return `src/${second}`
  if (first === 'edge' && second === 'entry') return 'edge/entry'
  if (first === 'edge' || first === 'adapters') return first
  return null
}

/** Whether a path is production code, which the floor plan governs. */
export function isProduction(path: string): boolean {
  return /^(src|adapters|edge)\/.*\.ts$/.test(path)
}

/** Imports that climb, leave the plan, or use a package where it does not belong. */
export function floorProblems(files: readonly Parsed[]): string[] {
  const problems: string[] = []
  for (const { file, imports } of files) {
    if (!isProduction(file.path)) continue
    const from = partOf(file.path)
    if (from === null || (FLOORS[from] === undefined && BESIDE[from] === undefined)) {
      problems.push(`${file.path}: not in the floor plan; move it or give its folder a floor`)
      continue
    }
    for (const edge of imports) {
      const why =
        edge.target === null ? packageProblem(from, edge.specifier) : climbs(from, edge.target)
      if (why !== null) problems.push(problemAt(file.path, edge.line, why))
    }
  }
  return problems
}

function climbs(from: string, target: string): string | null {
  if (!target.endsWith('.ts')) return `import '${target}' with its .ts ending`
  const to = partOf(target)
  if (to === from) return null
  if (to === null) return `${from} may not import ${target}: it is outside the floor plan`
  const beside = BESIDE[from]
  if (beside !== undefined) {
    return beside.includes(to) ? null : `${from} may import only ${beside.join(', ')}, not ${to}`
  }
  const users = USERS_OF_BESIDE[to]
  if (users !== undefined) {
    return users.includes(from) ? null : `${from} may not import ${to}; act through a port`
  }
  const here = FLOORS[from] ?? -1
  const there = FLOORS[to] ?? Infinity
  if (there < here) return null
  const climb = `${from} (floor ${String(here)}) may not import ${to} (floor ${String(there)})`
  return `${climb}; move the shared piece down or pass it in`
}

function packageProblem(from: string, specifier: string): string | null {
  if (specifier.startsWith('node:')) {
    return OUTSIDE.includes(from) ? null : `${from} may not import ${specifier}; act through a port`
  }
  const name = specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/')
  const places = PACKAGES[name]
  if (places === undefined) {
    return `package ${name} is not in the table of test/tidy/floors.ts; place it there`
  }
  return places.includes(from)
    ? null
    : `package ${name} may be imported only in ${places.join(', ')}; act through a port`
}

/** Globals that would tie pure code to a runtime, a clock or chance. */
export function globalProblems(files: readonly Parsed[]): string[] {
  const problems: string[] = []
  for (const parsed of files) {
    const part = partOf(parsed.file.path)
    if (!isProduction(parsed.file.path) || part === null || OUTSIDE.includes(part)) continue
    for (const use of globalUses(parsed, GLOBALS)) {
      const what = `${use.name} is banned in ${part}; take it through a port`
      problems.push(problemAt(parsed.file.path, use.line, what))
    }
    parsed.file.lines.forEach((line, index) => {
      if (/\bMath\.random\b/.test(line) && !/^\s*(\/\/|\*)/.test(line)) {
        const what = `Math.random is banned in ${part}; take a seeded generator`
        problems.push(problemAt(parsed.file.path, index + 1, what))
      }
    })
  }
  return problems
}

/** Cycles among files, type imports included; each is told once, as a path. */
export function cycleProblems(files: readonly Parsed[]): string[] {
  const edges = new Map<string, string[]>()
  for (const { file, imports } of files) {
    edges.set(
      file.path,
      imports.flatMap((edge) => (edge.target === null ? [] : [edge.target])),
    )
  }
  const problems: string[] = []
  const state = new Map<string, 'open' | 'done'>()
  const trail: string[] = []
  const visit = (path: string): void => {
    state.set(path, 'open')
    trail.push(path)
    for (const next of edges.get(path) ?? []) {
      if (state.get(next) === 'open') {
        const cycle = [...trail.slice(trail.indexOf(next)), next]
        problems.push(`import cycle: ${cycle.join(' → ')}; move what they share into a third file`)
      } else if (state.get(next) === undefined && edges.has(next)) visit(next)
    }
    trail.pop()
    state.set(path, 'done')
  }
  for (const path of edges.keys()) if (state.get(path) === undefined) visit(path)
  return problems
}
